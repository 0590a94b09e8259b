"""Time integration factors that know the growth of structure (FastPM), and the sequence of steps.

Positions x are comoving, momenta p = a^2 dx/dt with t in 1/H0 (v_pec = 100 km/s p / a), and the force is
f = -grad lap^-1 delta, so that dp/dt = 3/2 omega_m f / a. In the Zel'dovich solution x = q + D psi the force is D psi
and the momentum G psi, with G = a^3 E dD/da. Kicks and drifts are scaled so that this solution is followed exactly,
however long the step:

    p(a1) = p(a0) + f(r) (G(a1) - G(a0)) / D(r)        x(a1) = x(a0) + p(r) (D(a1) - D(a0)) / G(r)

r is the scale factor at which the force, or the momentum, is taken.
Source: Feng et al. 2016 (MNRAS 463, 2273), section 2.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lss.physics.cosmology import growth_factor, growth_rate, hubble


@dataclass(frozen=True)
class Factors:
    """Kick and drift factors of one cosmology; all times are scale factors."""

    omega_m: float

    def kick(self, a0: float, a1: float, at: float) -> float:
        """What f taken at `at` is multiplied by to advance p from a0 to a1."""
        growth, momentum = self.solution(np.array([a0, a1, at]))
        return float((momentum[1] - momentum[0]) / growth[2])

    def drift(self, a0: float, a1: float, at: float) -> float:
        """What p taken at `at` is multiplied by to advance x from a0 to a1."""
        growth, momentum = self.solution(np.array([a0, a1, at]))
        return float((growth[1] - growth[0]) / momentum[2])

    def solution(self, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """D and G = a^3 E dD/da = a^2 E f1 D at scale factors a."""
        growth = growth_factor(a, self.omega_m)
        return growth, a**2 * hubble(a, self.omega_m) * growth_rate(a, self.omega_m) * growth


def step_edges(start: float, outputs: list[float], steps: int, late: float) -> np.ndarray:
    """Scale factors of the edges of all steps, uniform in log a + late sqrt(a) between outputs.

    start : first scale factor; outputs : those of the outputs, increasing, each an edge; steps : in all, if there were
    only the last output (each interval takes its share, rounded up); late : 0 for steps of one length in log a, which
    are otherwise (1 + late / 2) / (1 + late sqrt(a) / 2) times as long at a as at a = 1
    """
    marks = np.array([start, *(a for a in outputs if a > start)])
    log_a = np.linspace(np.log(start), np.log(marks[-1]), 100_001)
    clock = log_a + late * np.exp(log_a / 2)
    at_marks = np.interp(np.log(marks), log_a, clock)
    edges = [start]
    for (t0, t1), mark in zip(pairwise(at_marks), marks[1:], strict=True):
        count = int(np.ceil(steps * (t1 - t0) / (at_marks[-1] - at_marks[0]) - 1e-6))
        edges.extend(np.exp(np.interp(np.linspace(t0, t1, count + 1)[1:-1], clock, log_a)))
        edges.append(mark)
    return np.array(edges)
