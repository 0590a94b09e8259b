"""The modes that a real transform keeps of a square or a cube: how long the waves are, how many each stands for."""

import numpy as np

from lss.grid.fourier import half_space_weights


def squared_indices(shape: tuple[int, ...]) -> np.ndarray:
    """|k|^2 in units of the fundamental squared, i^2 + j^2 (+ l^2), (n, [n,] n//2+1) float64."""
    n = shape[0]
    full = np.fft.fftfreq(n, 1 / n) ** 2
    total = np.arange(n // 2 + 1) ** 2.0
    for _ in shape[1:]:
        total = full.reshape((-1,) + (1,) * total.ndim) + total
    return total


def mode_counts(shape: tuple[int, ...]) -> np.ndarray:
    """How many modes of the whole transform each one stands for, 1 or 2: (n, [n,] n//2+1) float64."""
    return np.tile(half_space_weights(shape[-1]), (*shape[:-1], 1))
