"""The sigma8 of one realisation, and what to expect of it.

    sigma8^2 = sum over the modes of the grid of  |delta_k|^2 / L^6  W(8 k)^2

with W the transform of a sphere. A finite box has no modes below 2 pi / L and a grid none beyond its Nyquist
frequency, so even the mean over realisations falls short of the sigma8 of the configuration.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lss.config import Cosmology
from lss.grid import fourier
from lss.physics.linear_power import SIGMA8_RADIUS, linear_power, tophat
from lss.physics.spectrum_table import ANALYTIC, table_of


def measured_sigma8(linear: NDArray[np.float32], box_size: float) -> float:
    """Rms in spheres of 8 Mpc/h of a field.

    linear : (n, n, n) float32 overdensity; box_size : Mpc/h
    """
    n = len(linear)
    modes = fourier.forward(linear)
    power = _sum_by_wavenumber(n, (np.square(np.abs(plane)).astype(np.float64) for plane in modes))
    return _rms_in_spheres(power / n**6, n, box_size)


def expected_sigma8(n: int, box_size: float, cosmology: Cosmology) -> float:
    """Rms over realisations of what `measured_sigma8` finds on an n-grid in a box of box_size Mpc/h."""
    n_modes = _sum_by_wavenumber(n, (np.ones((n, n // 2 + 1)) for _ in range(n)))
    power = linear_power(fourier.lattice_wavenumbers(n, box_size), cosmology)
    return _rms_in_spheres(n_modes * power / box_size**3, n, box_size)


def share_beyond_table(n: int, box_size: float, cosmology: Cosmology) -> float:
    """The share of the variance of an n-grid whose modes lie beyond the end of the cosmology's table; 0 without one."""
    if cosmology.transfer in ANALYTIC:
        return 0.0
    n_modes = _sum_by_wavenumber(n, (np.ones((n, n // 2 + 1)) for _ in range(n)))
    k = fourier.lattice_wavenumbers(n, box_size)
    variance = n_modes * linear_power(k, cosmology)
    end = table_of(cosmology.transfer).in_h(cosmology.h)[0][-1]
    return float(variance[k > end].sum() / variance.sum())


def _rms_in_spheres(variance: NDArray[np.float64], n: int, box_size: float) -> float:
    """From the variance that all modes of one wavenumber carry together."""
    k = fourier.lattice_wavenumbers(n, box_size)
    return float(np.sqrt(np.sum(variance * tophat(k * SIGMA8_RADIUS) ** 2)))


def _sum_by_wavenumber(n: int, planes: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Sums over all modes of equal i^2 + j^2 + k^2, those with k < 0 included, of values given plane by plane."""
    across = fourier.squared_indices((n, n))
    both_signs = fourier.half_space_weights(n)
    total = np.zeros(3 * (n // 2) ** 2 + 1)
    for i2, plane in zip(across[:, 0], planes, strict=True):
        total += np.bincount((i2 + across).ravel(), (plane * both_signs).ravel(), minlength=len(total))
    return total
