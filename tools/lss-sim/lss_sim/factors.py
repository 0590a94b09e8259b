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

from lss.cosmology import growth_factor, growth_rate, hubble


@dataclass(frozen=True)
class Factors:
    """Kick and drift factors of one cosmology; all times are scale factors."""

    omega_m: float

    def kick(self, a0: float, a1: float, at: float) -> float:
        """What f taken at `at` is multiplied by to advance p from a0 to a1."""
        return (self._momentum(a1) - self._momentum(a0)) / float(growth_factor(at, self.omega_m))

    def drift(self, a0: float, a1: float, at: float) -> float:
        """What p taken at `at` is multiplied by to advance x from a0 to a1."""
        return float(growth_factor(a1, self.omega_m) - growth_factor(a0, self.omega_m)) / self._momentum(at)

    def _momentum(self, a: float) -> float:
        """G = a^3 E dD/da = a^2 E f1 D."""
        rate = growth_rate(a, self.omega_m) * growth_factor(a, self.omega_m)
        return float(a**2 * hubble(a, self.omega_m) * rate)


def step_edges(start: float, outputs: list[float], steps: int) -> np.ndarray:
    """Scale factors of the edges of all steps, uniform in log a between outputs.

    start : first scale factor; outputs : those of the outputs, increasing, each an edge; steps : in all, if there were
    only the last output (each interval takes its share, rounded up)
    """
    marks = [start, *(a for a in outputs if a > start)]
    total = np.log(marks[-1] / start)
    edges = [start]
    for a0, a1 in pairwise(marks):
        count = int(np.ceil(steps * np.log(a1 / a0) / total - 1e-6))
        edges.extend(a0 * (a1 / a0) ** (np.arange(1, count) / count))
        edges.append(a1)
    return np.array(edges)
