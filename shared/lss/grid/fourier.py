"""Fourier transforms of real periodic grids: the only place where an FFT library is called, and what its modes are.

`forward` is the plain discrete transform, sum_x f(x) exp(-i k x): multiply by (L/n)^3 for delta_k in (Mpc/h)^3.
scipy's pocketfft gives the same bits for any number of workers and keeps single precision.
"""

import numpy as np
import scipy.fft

from lss.process.threads import threads


def forward(field: np.ndarray) -> np.ndarray:
    """Modes of a real grid.

    field : (n, n, n) or (n, n) float32 (float64 stays double)
    Returns (n, n, n//2+1) or (n, n//2+1) complex64, unnormalised.
    """
    return scipy.fft.rfftn(field, workers=threads())


def inverse(modes: np.ndarray, n: int, *, overwrite: bool = False) -> np.ndarray:
    """The real grid of given modes; `inverse(forward(f), n)` is f.

    modes : (n, n, n//2+1) or (n, n//2+1) complex64 (complex128 stays double); `overwrite` lets their memory be used up
    Returns (n, n, n) or (n, n) float32.
    """
    return scipy.fft.irfftn(modes, s=(n,) * modes.ndim, workers=threads(), overwrite_x=overwrite)


def wavenumbers(n: int, box_size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """kx, ky, kz of the modes of an n-grid, float64 in h/Mpc, shaped to broadcast against (n, n, n//2+1).

    The Nyquist frequency of an even grid is counted as negative along x and y, as positive along z.
    """
    fundamental = 2 * np.pi / box_size
    full = np.fft.fftfreq(n, 1 / n) * fundamental
    half = np.arange(n // 2 + 1) * fundamental
    return full[:, None, None], full[None, :, None], half[None, None, :]


def derivative_wavenumbers(n: int, box_size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `wavenumbers`, of a first derivative: zero at an even grid's Nyquist frequency, where i k of a real field is
    not defined."""
    kx, ky, kz = (np.where(np.isclose(np.abs(k), np.pi * n / box_size), 0.0, k) for k in wavenumbers(n, box_size))
    return kx, ky, kz


def squared_indices(shape: tuple[int, ...]) -> np.ndarray:
    """|k|^2 of the modes of a grid in units of the fundamental squared, i^2 + j^2 (+ l^2): (n, [n,] n//2+1) int64."""
    n = shape[0]
    full = np.rint(np.fft.fftfreq(n, 1 / n)).astype(np.int64) ** 2
    total = np.arange(n // 2 + 1) ** 2
    for _ in shape[1:]:
        total = full.reshape((-1,) + (1,) * total.ndim) + total
    return total


def wavenumber(n: int, box_size: float) -> np.ndarray:
    """|k| of every mode, (n, n, n//2+1) float32, h/Mpc."""
    return (2 * np.pi / box_size * np.sqrt(squared_indices((n, n, n)))).astype(np.float32)


def lattice_wavenumbers(n: int, box_size: float) -> np.ndarray:
    """|k| of every value of i^2 + j^2 + k^2 up to the corner of the Fourier cube, float64, h/Mpc.

    A grid has a few thousand distinct |k|, at which spectra are evaluated once instead of for every mode.
    """
    return 2 * np.pi / box_size * np.sqrt(np.arange(3 * (n // 2) ** 2 + 1))


def half_space_weights(n: int) -> np.ndarray:
    """How many modes of the whole transform each index of rfftn's last axis stands for: 1 at 0 and Nyquist, else 2."""
    m = np.arange(n // 2 + 1)
    return np.where((m == 0) | (2 * m == n), 1.0, 2.0)


def mode_counts(shape: tuple[int, ...]) -> np.ndarray:
    """How many modes of the whole transform each mode of rfftn stands for, 1 or 2: (n, [n,] n//2+1) float64."""
    return np.tile(half_space_weights(shape[-1]), (*shape[:-1], 1))


def smooth(field: np.ndarray, radius: float, box_size: float) -> np.ndarray:
    """A grid smoothed with the Gaussian exp(-k^2 R^2 / 2).

    field : (n, n, n) float32
    radius : R in Mpc/h; 0 leaves the field as it is
    """
    if radius == 0:
        return field
    return smooth_modes(forward(field), len(field), radius, box_size)


def smooth_modes(modes: np.ndarray, n: int, radius: float, box_size: float) -> np.ndarray:
    """The grid of given modes after `smooth`; their memory is used up."""
    for k in wavenumbers(n, box_size):
        modes *= np.exp(-0.5 * (k * radius) ** 2).astype(modes.real.dtype)
    return inverse(modes, n, overwrite=True)


def filter_modes(field: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """A grid, (n, n, n) float32, with its modes multiplied by `factor`, (n, n, n//2+1)."""
    return inverse(forward(field) * factor.astype(np.float32), len(field), overwrite=True)


def cut_modes(field: np.ndarray, k_max: float, box_size: float) -> np.ndarray:
    """A grid without its modes at k >= k_max (h/Mpc)."""
    return filter_modes(field, wavenumber(len(field), box_size) < k_max)
