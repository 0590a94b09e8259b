"""Individual steps: each particle's short-range force acts in 2^b sub-steps of a mesh step, b its own.

b is fixed for a mesh step and chosen at its beginning by Gadget's criterion for the step in time,
dt <= sqrt(2 eta a epsilon / |acceleration|). Sub-step s of 2^deepest begins and ends kicks of every level b of which
it is the edge of a step.
Source: Springel 2005 (GADGET-2), Eq. 34; the factors are those of `lss_sim.factors`, at every level.
"""

from dataclasses import dataclass

import numpy as np

from lss.cosmology import hubble
from lss.errors import DataError
from lss.kernels import kernel
from lss.mesh import chunks
from lss.threads import spread
from lss_sim.factors import Factors


@dataclass(frozen=True)
class StepFactors:
    """Kicks and drifts within the mesh step from a0 to a1, uniform in log a, by level and sub-step.

    deepest : the deepest level in use; sub-steps number 2^deepest
    """

    factors: Factors
    a0: float
    a1: float
    deepest: int

    @property
    def substeps(self) -> int:
        return 2**self.deepest

    def at(self, substep: float) -> float:
        """Scale factor at the end of a sub-step (fractions allowed)."""
        return float(self.a0 * (self.a1 / self.a0) ** (substep / self.substeps))

    def first_level(self, substep: int) -> int:
        """The coarsest level with an edge at the end of `substep`; all deeper ones have one too."""
        level = self.deepest
        while level > 0 and substep % 2 ** (self.deepest - level + 1) == 0:
            level -= 1
        return level

    def opening(self, substep: int) -> np.ndarray:
        """Half kicks of each level from the end of `substep` to the middle of the step beginning there; 0 elsewhere."""
        return self._kicks(substep, 0.5)

    def closing(self, substep: int) -> np.ndarray:
        """Half kicks of each level from the middle of the step ending with `substep` to its end; 0 elsewhere."""
        return self._kicks(substep, -0.5)

    def _kicks(self, substep: int, half: float) -> np.ndarray:
        result = np.zeros(self.deepest + 1, np.float32)
        now = self.at(substep)
        for level in range(self.first_level(substep), self.deepest + 1):
            middle = self.at(substep + half * 2 ** (self.deepest - level))
            result[level] = abs(self.factors.kick(min(now, middle), max(now, middle), at=now))
        return result

    def drifts(self, substep: int) -> np.ndarray:
        """Drift of each level over sub-step `substep` (from 1): momenta are those of the middle of the level's step."""
        result = np.zeros(self.deepest + 1, np.float32)
        for level in range(self.deepest + 1):
            length = 2 ** (self.deepest - level)
            middle = self.at(((substep - 1) // length + 0.5) * length)
            result[level] = self.factors.drift(self.at(substep - 1), self.at(substep), at=middle)
        return result


def choose_levels(
    force_squared_limit: np.ndarray, mesh_force: np.ndarray, pair_force: np.ndarray, level: np.ndarray
) -> np.ndarray:
    """Set the level of each particle: the number of entries of `force_squared_limit` that |f|^2 exceeds.

    mesh_force, pair_force : (3, m) float32; level : (m,) uint8, written
    Returns the number of particles at each level. Raises DataError when a force is not finite.
    """
    parts = chunks(mesh_force.shape[1])
    limits = force_squared_limit.astype(np.float32)
    counts = spread(_choose, [(limits, mesh_force[:, a:b], pair_force[:, a:b], level[a:b]) for a, b in parts])
    total = np.sum(counts, axis=0)
    if total[-1]:
        raise DataError(f"the force on {total[-1]} of {len(level)} particles is not finite")
    return total[:-1]


def level_limits(a: float, step: float, omega_m: float, eta: float, softening: float, levels: int) -> np.ndarray:
    """|f|^2 above which a particle needs level b + 1, for b = 0 ... levels - 1.

    step : length of the mesh step in log a; softening : Plummer-equivalent, Mpc/h
    With g = 3/2 omega_m f the comoving acceleration is g / a^2 in units of H0, and dlog a = E dt: a step of log a as
    long as s satisfies the criterion while s^2 <= E^2 2 eta epsilon a^3 / g.
    """
    allowed = step / 2.0 ** np.arange(levels)
    force = 2 * eta * softening * a**3 * hubble(a, omega_m) ** 2 / (1.5 * omega_m * allowed**2)
    return force**2


@kernel
def _choose(limits, mesh_force, pair_force, level):
    counts = np.zeros(len(limits) + 2, np.int64)  # the last one: not finite
    for p in range(len(level)):
        f2 = np.float32(0.0)
        for axis in range(3):
            f2 += (mesh_force[axis, p] + pair_force[axis, p]) ** 2
        b = 0
        while b < len(limits) and f2 > limits[b]:
            b += 1
        level[p] = b
        if not np.isfinite(f2):
            b = len(limits) + 1
        counts[b] += 1
    return counts
