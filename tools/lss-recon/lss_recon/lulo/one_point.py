"""The one-point limit: a linear field whose values are distributed as the prior's, at several smoothings.

The estimate of an initial field is skewed: halos mark its peaks, nothing marks its voids. Realisations that follow it
inherit that (skewness 0.3 at R = 4 Mpc/h, where the prior has 0), and their matter and their most massive halos come
out with too much power. The field is therefore mapped, rank by rank, to a Gaussian distribution of the same variance.
The map is monotonic, so peaks stay where they are.
"""

import numpy as np
from scipy.special import ndtri

from lss.config import Cosmology
from lss.grid.fourier import smooth
from lss.physics.random_field import linear_overdensity, white_noise_of

RADII = (4.0, 2.0, 1.0)  # Mpc/h, in this order: what is done to large scales is seen by the smaller ones


def gaussianise(noise: np.ndarray, cosmology: Cosmology, box_size: float) -> np.ndarray:
    """White noise whose linear field, smoothed with each of RADII in turn, is mapped to Gaussian ranks.

    noise : (n, n, n) float32 white noise; box_size : Mpc/h
    Returns (n, n, n) float32. The power of single shells may change by some percent.
    """
    linear = linear_overdensity(noise, cosmology, box_size)
    quantiles = ndtri((np.arange(linear.size) + 0.5) / linear.size).astype(np.float32)
    for radius in RADII:
        smoothed = smooth(linear, radius, box_size)
        # Stable, so that equal values give the same field on every machine.
        order = np.argsort(smoothed, axis=None, kind="stable")
        mapped = np.empty(linear.size, np.float32)
        mapped[order] = quantiles * smoothed.std(dtype=np.float64)
        linear += mapped.reshape(linear.shape) - smoothed
    return white_noise_of(linear, cosmology, box_size)
