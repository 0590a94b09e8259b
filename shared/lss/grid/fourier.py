"""Fourier transforms of real periodic grids: the only place where an FFT library is called.

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


def half_space_weights(n: int) -> np.ndarray:
    """How many modes of the whole transform each index of rfftn's last axis stands for: 1 at 0 and Nyquist, else 2."""
    m = np.arange(n // 2 + 1)
    return np.where((m == 0) | (2 * m == n), 1.0, 2.0)


def smooth(field: np.ndarray, radius: float, box_size: float) -> np.ndarray:
    """A grid smoothed with the Gaussian exp(-k^2 R^2 / 2).

    field : (n, n, n) float32
    radius : R in Mpc/h; 0 leaves the field as it is
    """
    if radius == 0:
        return field
    n = len(field)
    modes = forward(field)
    for k in wavenumbers(n, box_size):
        modes *= np.exp(-0.5 * (k * radius) ** 2).astype(field.dtype)
    return inverse(modes, n, overwrite=True)
