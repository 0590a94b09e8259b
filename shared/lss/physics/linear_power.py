"""The linear matter power spectrum today, P(k) proportional to k^n_s T(k)^2 and normalised to sigma8.

    transfer           T(k)
    "eisenstein-hu"    Eisenstein & Hu 1998, section 3: cold matter and baryons, with acoustic oscillations
    "no-wiggle"        the same paper, section 4.2: the shape without oscillations
    a path, a hash     a table from CAMB or CLASS (n_s and T are in it already): lss.physics.spectrum_table

Whatever its shape, the spectrum is normalised to the sigma8 of the configuration, which is always that of z = 0.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lss.config import Cosmology
from lss.physics.spectrum_table import ANALYTIC, table_of

Array = NDArray[np.float64]

T_CMB = 2.7255
"""Temperature of the microwave background, K (Fixsen 2009)."""

SIGMA8_RADIUS = 8.0

MATCHED = np.log(10) / 10
"""The width in ln k over which a table is matched to the shape that continues it."""


def linear_power(k: ArrayLike, cosmology: Cosmology) -> Array:
    """Linear matter power spectrum at z = 0.

    k : h/Mpc, any shape, >= 0; P(0) = 0
    cosmology : omega_m, omega_b, h, n_s, sigma8, transfer
    Returns P in (Mpc/h)^3, float64 of the shape of k. A table is continued beyond its ends (`tabulated_power`).
    Raises DataError when a table cannot be used, naming the file.
    Source: Eisenstein & Hu 1998 (ApJ 496, 605); checked against colossus in tests/lss/test_linear_power.py.
    """
    shape = _shape(cosmology)
    amplitude = (cosmology.sigma8 / _sigma(SIGMA8_RADIUS, shape)) ** 2
    k = np.asarray(k, dtype=np.float64)
    power = np.zeros_like(k)
    np.copyto(power, amplitude * shape(np.where(k > 0, k, 1.0)), where=k > 0)
    return power


def sigma_r(radius: float, cosmology: Cosmology) -> float:
    """Rms linear overdensity at z = 0 in spheres of a radius given in Mpc/h; sigma_r(8) is sigma8."""
    return _sigma(radius, lambda k: linear_power(k, cosmology))


def tophat(x: ArrayLike) -> Array:
    """Fourier transform of a sphere of unit radius and unit weight, 3 j1(x) / x."""
    x = np.asarray(x, dtype=np.float64)
    small = np.abs(x) < 0.01  # below it the closed form loses digits to cancellation
    x = np.where(small, 1.0, x)
    return np.where(small, 1.0, 3 * (np.sin(x) - x * np.cos(x)) / x**3)


def transfer_eisenstein_hu(k: Any, omega_m: Any, omega_b: Any, h: Any) -> Any:
    """Transfer function of cold dark matter and baryons, T(k -> 0) = 1.

    k : h/Mpc, > 0; all four numbers or numpy arrays, or all torch tensors, float64: derivatives are then torch's
    Returns float64 of the shape to which they broadcast.
    Source: Eisenstein & Hu 1998, Eqs. 2-24; equation numbers in the code are theirs.
    """
    xp = _array_module(k)
    k = xp.asarray(k, dtype=xp.float64) * h  # 1/Mpc from here on
    theta = T_CMB / 2.7
    matter, baryons = omega_m * h**2, omega_b * h**2
    f_b = omega_b / omega_m
    z_eq = 2.50e4 * matter * theta**-4  # Eq. 2
    k_eq = 7.46e-2 * matter * theta**-2  # Eq. 3
    q = k / (13.41 * k_eq)  # Eq. 10
    if not xp.any(xp.asarray(omega_b)):
        return _pressureless(q, 1.0, 1.0)

    b1 = 0.313 * matter**-0.419 * (1 + 0.607 * matter**0.674)
    b2 = 0.238 * matter**0.223
    z_drag = 1291 * matter**0.251 / (1 + 0.659 * matter**0.828) * (1 + b1 * baryons**b2)  # Eq. 4
    r_drag = 31.5e3 * baryons * theta**-4 / z_drag  # Eq. 5
    r_eq = 31.5e3 * baryons * theta**-4 / z_eq
    sound_horizon = (  # Eq. 6
        2
        / (3 * k_eq)
        * xp.sqrt(6 / r_eq)
        * xp.log((xp.sqrt(1 + r_drag) + xp.sqrt(r_drag + r_eq)) / (1 + xp.sqrt(r_eq)))
    )
    k_silk = 1.6 * baryons**0.52 * matter**0.73 * (1 + (10.4 * matter) ** -0.95)  # Eq. 7
    ks = k * sound_horizon

    a1 = (46.9 * matter) ** 0.670 * (1 + (32.1 * matter) ** -0.532)
    a2 = (12.0 * matter) ** 0.424 * (1 + (45.0 * matter) ** -0.582)
    alpha_c = a1**-f_b * a2 ** -(f_b**3)  # Eq. 11
    b1 = 0.944 / (1 + (458 * matter) ** -0.708)
    b2 = (0.395 * matter) ** -0.0266
    beta_c = 1 / (1 + b1 * ((1 - f_b) ** b2 - 1))  # Eq. 12
    f = 1 / (1 + (ks / 5.4) ** 4)  # Eq. 18
    cold = f * _pressureless(q, 1.0, beta_c) + (1 - f) * _pressureless(q, alpha_c, beta_c)  # Eq. 17

    y = (1 + z_eq) / (1 + z_drag)
    root = xp.sqrt(1 + y)
    g = y * (-6 * root + (2 + 3 * y) * xp.log((root + 1) / (root - 1)))  # Eq. 15
    alpha_b = 2.07 * k_eq * sound_horizon * (1 + r_drag) ** -0.75 * g  # Eq. 14
    beta_b = 0.5 + f_b + (3 - 2 * f_b) * xp.sqrt((17.2 * matter) ** 2 + 1)  # Eq. 24
    beta_node = 8.41 * matter**0.435  # Eq. 23
    shifted = ks / _cube_root(1 + (beta_node / ks) ** 3)  # k s~, Eq. 22
    baryonic = (  # Eq. 21
        _pressureless(q, 1.0, 1.0) / (1 + (ks / 5.2) ** 2)
        + alpha_b / (1 + (beta_b / ks) ** 3) * xp.exp(-((k / k_silk) ** 1.4))
    ) * xp.sinc(shifted / np.pi)
    return f_b * baryonic + (1 - f_b) * cold  # Eq. 16


def transfer_no_wiggle(k: Any, omega_m: Any, omega_b: Any, h: Any) -> Any:
    """Transfer function with the baryons' suppression of small scales and without their oscillations.

    Arguments and result as those of `transfer_eisenstein_hu`.
    Source: Eisenstein & Hu 1998, Eqs. 26-31.
    """
    xp = _array_module(k)
    k = xp.asarray(k, dtype=xp.float64)
    theta = T_CMB / 2.7
    matter, baryons = omega_m * h**2, omega_b * h**2
    f_b = omega_b / omega_m
    sound_horizon = 44.5 * xp.log(9.83 / matter) / xp.sqrt(1 + 10 * baryons**0.75)  # Mpc, Eq. 26
    alpha = 1 - 0.328 * xp.log(431 * matter) * f_b + 0.38 * xp.log(22.3 * matter) * f_b**2  # Eq. 31
    shape = omega_m * h * (alpha + (1 - alpha) / (1 + (0.43 * k * h * sound_horizon) ** 4))  # Eq. 30
    q = k * theta**2 / shape  # Eq. 28
    logarithm = xp.log(2 * np.e + 1.8 * q)  # Eq. 29
    return logarithm / (logarithm + (14.2 + 731 / (1 + 62.5 * q)) * q**2)


def unnormalised_power(k: Any, transfer: str, omega_m: Any, omega_b: Any, h: Any, n_s: Any) -> Any:
    """k^n_s T(k)^2 of an analytic transfer function; arguments and result as those of `transfer_eisenstein_hu`."""
    transfer_function = {"eisenstein-hu": transfer_eisenstein_hu, "no-wiggle": transfer_no_wiggle}[transfer]
    return k**n_s * transfer_function(k, omega_m, omega_b, h) ** 2


def _array_module(array: Any) -> Any:
    """The module that computes with this array: torch for its tensors (without importing it), else numpy."""
    return sys.modules["torch"] if type(array).__module__.startswith("torch") else np


def _cube_root(x: Any) -> Any:
    return np.cbrt(x) if _array_module(x) is np else x ** (1 / 3)


def _pressureless(q: Any, alpha: Any, beta: Any) -> Any:
    """T0~ of Eisenstein & Hu 1998, Eqs. 19 and 20."""
    xp = _array_module(q)
    c = 14.2 / alpha + 386 / (1 + 69.9 * q**1.08)
    logarithm = xp.log(np.e + 1.8 * beta * q)
    return logarithm / (logarithm + c * q**2)


def _shape(cosmology: Cosmology) -> Callable[[Array], Array]:
    """The spectrum up to its amplitude, for k > 0."""
    c = cosmology
    c.need("sigma8", "omega_b", "h", "n_s")
    if c.transfer in ANALYTIC:
        return lambda k: unnormalised_power(k, c.transfer, c.omega_m, c.omega_b, c.h, c.n_s)
    return tabulated_power(c)


def tabulated_power(cosmology: Cosmology) -> Callable[[Array], Array]:
    """The spectrum of the cosmology's table: cubic in log k and log P, for k > 0.

    Beyond its ends the shape is Eisenstein and Hu's without oscillations, matched in value over the last tenth of a
    decade: a power law from two printed numbers would continue their rounding.
    """
    from scipy.interpolate import CubicSpline  # slow to import, and only tables need it

    c = cosmology
    k_table, power = table_of(c.transfer).in_h(c.h)
    ln_k, ln_p = np.log(k_table), np.log(power)
    spline = CubicSpline(ln_k, ln_p)

    def smooth(x: Array) -> Array:
        return np.asarray(np.log(unnormalised_power(np.exp(x), "no-wiggle", c.omega_m, c.omega_b, c.h, c.n_s)))

    def offset(near: NDArray[np.bool_]) -> float:
        return float(np.mean(ln_p[near] - smooth(ln_k[near])))

    low, high = offset(ln_k <= ln_k[0] + MATCHED), offset(ln_k >= ln_k[-1] - MATCHED)

    def shape(k: Array) -> Array:
        x = np.log(k)
        beyond = smooth(x) + np.where(x < ln_k[0], low, high)
        inside = spline(np.clip(x, ln_k[0], ln_k[-1]))
        return np.exp(np.where((x < ln_k[0]) | (x > ln_k[-1]), beyond, inside))

    return shape


def _sigma(radius: float, power: Callable[[Array], Array]) -> float:
    """sigma^2 = integral of dln k  k^3 P / (2 pi^2)  W(k r)^2, by Simpson's rule from k r = 1e-5 to 1e3."""
    ln_x, step = np.linspace(np.log(1e-5), np.log(1e3), 8193, retstep=True)
    x = np.exp(ln_x)
    k = x / radius
    integrand = k**3 * power(k) * tophat(x) ** 2 / (2 * np.pi**2)
    return float(np.sqrt(step / 3 * (integrand[0:-2:2] + 4 * integrand[1:-1:2] + integrand[2::2]).sum()))
