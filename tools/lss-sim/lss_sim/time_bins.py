"""Individual steps: each particle's short-range force acts in 2^b sub-steps of a mesh step, b its own.

b is fixed for a mesh step and chosen at its beginning: the step in time is sqrt(eta) / omega or shorter, with
omega^2 = G sum_j m_j / r_j^3 over the pairs in reach (the "stiffness"): a bound on the tidal field, and so on how
fast a particle can turn. Gadget's criterion, which has |acceleration| / softening for omega^2, asks for more: where all
fall together, or far from the middle of a halo, orbits take longer than the softening suggests. Sub-step s of
2^deepest begins and ends kicks of every level b of which it is the edge of a step.
Source: Grudic & Hopkins 2020 (MNRAS 495, 4306), steps from the tidal field; the factors are those of
`lss_sim.factors`, at every level.
"""

from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.grid.mesh import chunks
from lss.physics.cosmology import hubble
from lss.process.kernels import kernel
from lss.process.threads import spread
from lss_sim.factors import Factors


@dataclass(frozen=True)
class StepFactors:
    """Kicks and drifts within a mesh step, uniform in log a, by level and sub-step.

    deepest : the deepest level in use; sub-steps number 2^deepest
    growth, momentum : (2^(deepest + 1) + 1,) float64, D and G of `lss_sim.factors` at every half of a sub-step
    """

    deepest: int
    growth: np.ndarray
    momentum: np.ndarray

    @staticmethod
    def of(factors: Factors, a0: float, a1: float, deepest: int) -> "StepFactors":
        """Those of the mesh step from a0 to a1."""
        return StepFactors(deepest, *factors.solution(np.geomspace(a0, a1, 2 ** (deepest + 1) + 1)))

    @property
    def substeps(self) -> int:
        return 2**self.deepest

    def first_level(self, substep: int) -> int:
        """The coarsest level with an edge at the end of `substep`; all deeper ones have one too."""
        level = self.deepest
        while level > 0 and substep % 2 ** (self.deepest - level + 1) == 0:
            level -= 1
        return level

    def opening(self, substep: int) -> np.ndarray:
        """Half kicks of each level from the end of `substep` to the middle of the step beginning there; 0 elsewhere."""
        return self._kicks(substep, 1)

    def closing(self, substep: int) -> np.ndarray:
        """Half kicks of each level from the middle of the step ending with `substep` to its end; 0 elsewhere."""
        return self._kicks(substep, -1)

    def _kicks(self, substep: int, towards: int) -> np.ndarray:
        result = np.zeros(self.deepest + 1, np.float32)
        for level in range(self.first_level(substep), self.deepest + 1):
            middle = 2 * substep + towards * 2 ** (self.deepest - level)
            change = towards * (self.momentum[middle] - self.momentum[2 * substep])
            result[level] = change / self.growth[2 * substep]
        return result

    def drifts(self, substep: int) -> np.ndarray:
        """Drift of each level over sub-step `substep` (from 1): momenta are those of the middle of the level's step."""
        length = 2 ** (self.deepest - np.arange(self.deepest + 1))
        middle = (2 * ((substep - 1) // length) + 1) * length
        change = self.growth[2 * substep] - self.growth[2 * substep - 2]
        return (change / self.momentum[middle]).astype(np.float32)


def choose_levels(
    stiffness_limit: np.ndarray, mesh_force: np.ndarray, pair_force: np.ndarray, level: np.ndarray
) -> np.ndarray:
    """Set the level of each particle: the number of entries of `stiffness_limit` that its stiffness exceeds.

    mesh_force : (3, m), pair_force : (4, m) float32, the last row being the stiffness; level : (m,) uint8, written
    Returns the number of particles at each level. Raises DataError when a force is not finite.
    """
    parts = chunks(mesh_force.shape[1])
    limits = stiffness_limit.astype(np.float32)
    counts = spread(_choose, [(limits, mesh_force[:, a:b], pair_force[:, a:b], level[a:b]) for a, b in parts])
    total = np.sum(counts, axis=0)
    if total[-1]:
        raise DataError(f"the force on {total[-1]} of {len(level)} particles is not finite")
    return total[:-1]


def level_limits(a: float, step: float, omega_m: float, eta: float, levels: int) -> np.ndarray:
    """The stiffness above which a particle needs level b + 1, for b = 0 ... levels - 1.

    step : length of the mesh step in log a
    A stiffness s is the square of a frequency, 3/2 omega_m s / a^3 in units of H0, and dlog a = E dt.
    """
    allowed = step / 2.0 ** np.arange(levels)
    return eta * a**3 * hubble(a, omega_m) ** 2 / (1.5 * omega_m * allowed**2)


@kernel
def _choose(limits, mesh_force, pair_force, level):
    counts = np.zeros(len(limits) + 2, np.int64)  # the last one: not finite
    for p in range(len(level)):
        total = np.float32(0.0)
        for axis in range(3):
            total += mesh_force[axis, p] + pair_force[axis, p]
        b = 0
        while b < len(limits) and pair_force[3, p] > limits[b]:
            b += 1
        level[p] = b
        if not np.isfinite(total):
            b = len(limits) + 1
        counts[b] += 1
    return counts
