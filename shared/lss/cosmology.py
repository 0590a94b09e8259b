"""Background and growth of flat LCDM: E^2 = omega_m a^-3 + 1 - omega_m.

Radiation is left out, as Gadget does: what starts from these growth factors and what Gadget runs then agree. With
`'` for d/dln a, the growth factors of first and second order Lagrangian perturbation theory solve

    D1'' + (2 + E'/E) D1' - 3/2 omega_m(a) D1 = 0                            D1(1) = 1, D1 ~ a early
    D2'' + (2 + E'/E) D2' - 3/2 omega_m(a) D2 = -3/2 omega_m(a) D1^2         D2 ~ -3/7 D1^2 early

so that a particle is at x = q + D1 psi1 + D2 psi2 (`lss.lpt`). Both are integrated once per omega_m.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicHermiteSpline

RHO_CRIT = 2.77536627e11
"""Critical density today, h^2 Msun / Mpc^3, i.e. Msun/h per (Mpc/h)^3."""

A_MIN, A_MAX = 1e-5, 10.0
"""Scale factors between which growth is tabulated."""

_KNOTS = 1537


def hubble(a: ArrayLike, omega_m: float) -> NDArray[np.float64]:
    """Expansion rate E(a) = H(a) / H0.

    a : scale factor, any shape
    Returns float64 of the shape of a.
    """
    a = np.asarray(a, dtype=np.float64)
    return np.sqrt(omega_m / a**3 + (1 - omega_m))


def omega_m_at(a: ArrayLike, omega_m: float) -> NDArray[np.float64]:
    """Matter density in units of the critical density at scale factor a, given today's."""
    a = np.asarray(a, dtype=np.float64)
    return omega_m / (omega_m + (1 - omega_m) * a**3)


def growth_factor(a: ArrayLike, omega_m: float) -> NDArray[np.float64]:
    """Linear growth factor D1, normalised to D1(1) = 1.

    a : scale factor in [1e-5, 10], any shape
    Returns float64 of the shape of a.
    Raises ValueError outside that range.
    Source: equation above; checked against its closed form with a hypergeometric function to 1e-6.
    """
    return np.exp(_evaluate(_growth(omega_m).ln_d1, a))


def growth_rate(a: ArrayLike, omega_m: float) -> NDArray[np.float64]:
    """Linear growth rate f1 = dln D1 / dln a; arguments as `growth_factor`."""
    return _evaluate(_growth(omega_m).f1, a)


def growth_factor_2(a: ArrayLike, omega_m: float) -> NDArray[np.float64]:
    """Second-order growth factor D2, negative, about -3/7 omega_m(a)^(-1/143) D1^2; arguments as `growth_factor`.

    Source: equation above; Bouchet et al. 1995 (A&A 296, 575) for the approximation, met within 1%.
    """
    return -np.exp(_evaluate(_growth(omega_m).ln_minus_d2, a))


def growth_rate_2(a: ArrayLike, omega_m: float) -> NDArray[np.float64]:
    """Second-order growth rate f2 = dln D2 / dln a, about 2 f1; arguments as `growth_factor`."""
    return _evaluate(_growth(omega_m).f2, a)


@dataclass(frozen=True)
class _Growth:
    """Splines in ln a, through values and derivatives."""

    ln_d1: CubicHermiteSpline
    f1: CubicHermiteSpline
    ln_minus_d2: CubicHermiteSpline
    f2: CubicHermiteSpline


@lru_cache(maxsize=32)
def _growth(omega_m: float) -> _Growth:
    def coefficients(ln_a: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        density = omega_m_at(np.exp(ln_a), omega_m)
        return 2 - 1.5 * density, 1.5 * density  # E'/E = -3/2 omega_m(a)

    def derivative(ln_a: float, state: NDArray[np.float64]) -> list[float]:
        friction, gravity = coefficients(ln_a)
        d1, d1_prime, d2, d2_prime = state
        return [d1_prime, gravity * d1 - friction * d1_prime, d2_prime, gravity * (d2 - d1**2) - friction * d2_prime]

    ln_a = np.linspace(np.log(A_MIN), np.log(A_MAX), _KNOTS)
    # D1 is started as 1 instead of a: the equations are linear in D1 and in (D2, D1^2), and tolerances stay relative.
    solution = solve_ivp(
        derivative, ln_a[[0, -1]], [1.0, 1.0, -3 / 7, -6 / 7], method="DOP853", dense_output=True, rtol=1e-12, atol=0
    )
    d1_today = solution.sol(0.0)[0]
    d1, d1_prime, d2, d2_prime = solution.sol(ln_a) / np.array([d1_today, d1_today, d1_today**2, d1_today**2])[:, None]
    friction, gravity = coefficients(ln_a)
    f1, f2 = d1_prime / d1, d2_prime / d2
    return _Growth(
        ln_d1=CubicHermiteSpline(ln_a, np.log(d1), f1),
        f1=CubicHermiteSpline(ln_a, f1, gravity - f1 * (friction + f1)),
        ln_minus_d2=CubicHermiteSpline(ln_a, np.log(-d2), f2),
        f2=CubicHermiteSpline(ln_a, f2, gravity * (1 - d1**2 / d2) - f2 * (friction + f2)),
    )


def _evaluate(spline: CubicHermiteSpline, a: ArrayLike) -> NDArray[np.float64]:
    a = np.asarray(a, dtype=np.float64)
    if not np.all((a >= A_MIN) & (a <= A_MAX)):
        raise ValueError(f"growth is tabulated for scale factors from {A_MIN:g} to {A_MAX:g}")
    return spline(np.log(a))
