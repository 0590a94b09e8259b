"""Background and growth of flat LCDM: E^2 = omega_m a^-3 + 1 - omega_m.

Radiation is left out, as Gadget does: what starts from these growth factors and what Gadget runs then agree. With
`'` for d/dln a, the growth factors of first and second order Lagrangian perturbation theory solve

    D1'' + (2 + E'/E) D1' - 3/2 omega_m(a) D1 = 0                            D1(1) = 1, D1 ~ a early
    D2'' + (2 + E'/E) D2' - 3/2 omega_m(a) D2 = -3/2 omega_m(a) D1^2         D2 ~ -3/7 D1^2 early

so that a particle is at x = q + D1 psi1 + D2 psi2 (`lss.physics.lpt`). Both are integrated once per omega_m.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

RHO_CRIT = 2.77536627e11
"""Critical density today, h^2 Msun / Mpc^3, i.e. Msun/h per (Mpc/h)^3."""

A_MIN, A_MAX = 1e-5, 10.0
"""Scale factors between which growth is tabulated."""

_KNOTS = 1537


def hubble(a: ArrayLike, omega_m: float) -> Array:
    """Expansion rate E(a) = H(a) / H0.

    a : scale factor, any shape
    Returns float64 of the shape of a.
    """
    a = np.asarray(a, dtype=np.float64)
    return np.sqrt(omega_m / a**3 + (1 - omega_m))


def omega_m_at(a: ArrayLike, omega_m: float) -> Array:
    """Matter density in units of the critical density at scale factor a, given today's."""
    a = np.asarray(a, dtype=np.float64)
    return omega_m / (omega_m + (1 - omega_m) * a**3)


def growth_factor(a: ArrayLike, omega_m: float) -> Array:
    """Linear growth factor D1, normalised to D1(1) = 1.

    a : scale factor in [1e-5, 10], any shape
    Returns float64 of the shape of a.
    Raises ValueError outside that range.
    Source: equation above; checked against its closed form with a hypergeometric function to 1e-6.
    """
    return np.exp(_evaluate(_LN_D1, a, omega_m))


def growth_rate(a: ArrayLike, omega_m: float) -> Array:
    """Linear growth rate f1 = dln D1 / dln a; arguments as `growth_factor`."""
    return _evaluate(_F1, a, omega_m)


def growth_factor_2(a: ArrayLike, omega_m: float) -> Array:
    """Second-order growth factor D2, negative, about -3/7 omega_m(a)^(-1/143) D1^2; arguments as `growth_factor`.

    Source: equation above; Bouchet et al. 1995 (A&A 296, 575) for the approximation, met within 1%.
    """
    return -np.exp(_evaluate(_LN_MINUS_D2, a, omega_m))


def growth_rate_2(a: ArrayLike, omega_m: float) -> Array:
    """Second-order growth rate f2 = dln D2 / dln a, about 2 f1; arguments as `growth_factor`."""
    return _evaluate(_F2, a, omega_m)


_LN_D1, _F1, _LN_MINUS_D2, _F2 = range(4)


@lru_cache(maxsize=32)
def _growth(omega_m: float) -> tuple[Array, Array]:
    """ln D1, f1, ln -D2 and f2 at the knots, and their derivatives by ln a: two (4, knots) float64."""

    def derivative(ln_a: float, d1: float, d1_prime: float, d2: float, d2_prime: float) -> tuple[float, ...]:
        gravity = 1.5 * float(omega_m_at(math.exp(ln_a), omega_m))
        friction = 2 - gravity  # E'/E = -3/2 omega_m(a)
        return (
            d1_prime,
            gravity * d1 - friction * d1_prime,
            d2_prime,
            gravity * (d2 - d1 * d1) - friction * d2_prime,
        )

    ln_a, step = np.linspace(math.log(A_MIN), math.log(A_MAX), _KNOTS, retstep=True)
    # D1 starts as 1 instead of a: one is as good as the other before it is divided by today's.
    states = _runge_kutta(derivative, ln_a[0], (1.0, 1.0, -3 / 7, -6 / 7), float(step), _KNOTS)
    d1, d1_prime, d2, d2_prime = states.T
    gravity = 1.5 * omega_m_at(np.exp(ln_a), omega_m)
    friction = 2 - gravity
    f1, f2 = d1_prime / d1, d2_prime / d2
    values = np.array([np.log(d1), f1, np.log(-d2), f2])
    slopes = np.array([f1, gravity - f1 * (friction + f1), f2, gravity * (1 - d1**2 / d2) - f2 * (friction + f2)])
    ln_d1_today = _hermite(0.0, values[_LN_D1], slopes[_LN_D1])
    values[_LN_D1] -= ln_d1_today
    values[_LN_MINUS_D2] -= 2 * ln_d1_today
    return values, slopes


def _runge_kutta(
    derivative: Callable[..., tuple[float, ...]], x: float, state: tuple[float, ...], step: float, knots: int
) -> Array:
    """The classical fourth-order solution of state' = derivative(x, *state) at evenly spaced knots.

    In plain floats: scipy's solvers take longer to import than this takes to run (20 ms), and every command would wait.
    """
    half = step / 2
    states = [state]
    for i in range(knots - 1):
        t = x + i * step
        k1 = derivative(t, *state)
        k2 = derivative(t + half, *(s + half * k for s, k in zip(state, k1, strict=True)))
        k3 = derivative(t + half, *(s + half * k for s, k in zip(state, k2, strict=True)))
        k4 = derivative(t + step, *(s + step * k for s, k in zip(state, k3, strict=True)))
        slopes = zip(state, k1, k2, k3, k4, strict=True)
        state = tuple(s + step / 6 * (a + 2 * b + 2 * c + d) for s, a, b, c, d in slopes)
        states.append(state)
    return np.array(states)


def _hermite(ln_a: ArrayLike, values: Array, slopes: Array) -> Array:
    """Cubic interpolation between the knots, through values and slopes."""
    step = (math.log(A_MAX) - math.log(A_MIN)) / (_KNOTS - 1)
    t = (np.asarray(ln_a, dtype=np.float64) - math.log(A_MIN)) / step
    i = np.clip(t.astype(np.int64), 0, _KNOTS - 2)
    s = t - i
    r = 1 - s
    inner = r * slopes[i] - s * slopes[i + 1]
    return r**2 * (1 + 2 * s) * values[i] + s**2 * (1 + 2 * r) * values[i + 1] + s * r * step * inner


def _evaluate(quantity: int, a: ArrayLike, omega_m: float) -> Array:
    a = np.asarray(a, dtype=np.float64)
    if not np.all((a >= A_MIN) & (a <= A_MAX)):
        raise ValueError(f"growth is tabulated for scale factors from {A_MIN:g} to {A_MAX:g}")
    values, slopes = _growth(omega_m)
    return _hermite(np.log(a), values[quantity], slopes[quantity])
