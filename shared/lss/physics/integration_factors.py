"""Time integration factors that know the growth of structure (FastPM).

Positions x are comoving, momenta p = a^2 dx/dt with t in 1/H0 (v_pec = 100 km/s p / a), and the force is
f = -grad lap^-1 delta, so that dp/dt = 3/2 omega_m f / a. In the Zel'dovich solution x = q + D psi the force is D psi
and the momentum G psi, with G = a^3 E dD/da. Kicks and drifts are scaled so that this solution is followed exactly,
however long the step:

    p(a1) = p(a0) + f(r) (G(a1) - G(a0)) / D(r)        x(a1) = x(a0) + p(r) (D(a1) - D(a0)) / G(r)

r is the scale factor at which the force, or the momentum, is taken.
Source: Feng et al. 2016 (MNRAS 463, 2273), section 2.
"""

from dataclasses import dataclass

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
