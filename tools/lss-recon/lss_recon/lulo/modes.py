"""Filters on the Fourier modes of a grid."""

import numpy as np

from lss.grid import fourier


def filter_modes(field: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """A grid, (n, n, n) float32, with its modes multiplied by `factor`, (n, n, n//2+1)."""
    return fourier.inverse(fourier.forward(field) * factor.astype(np.float32), len(field), overwrite=True)


def cut_modes(field: np.ndarray, k_max: float, box_size: float) -> np.ndarray:
    """A grid without its modes at k >= k_max (h/Mpc)."""
    return filter_modes(field, fourier.wavenumber(len(field), box_size) < k_max)
