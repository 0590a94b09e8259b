"""Points painted twice, half a cell apart, so that the leading aliases cancel."""

from collections.abc import Callable

import numpy as np

from lss.grid.fourier import forward, wavenumbers


def painted_modes(painted: Callable[[float], np.ndarray], n: int, *, interlaced: bool) -> np.ndarray:
    """Modes of points on a grid, (n, n, n//2+1) complex64; interlaced: the mean of two grids half a cell apart.

    painted : offset in cells -> (n, n, n), the points painted after a shift by it
    A shift by half a cell turns the alias m + n l by (-1)^(lx + ly + lz): the leading ones cancel.
    The modes of a Nyquist plane stand for both signs of its wavenumber, which the shift turns by +i and -i: there the
    mean of both is left, that of the first grid, with the variance of one of them, whatever the order of the axes.
    Source: Sefusatti et al. 2016, section 3.1.
    """
    modes = forward(painted(0.0))
    if interlaced:
        shifted = forward(painted(0.5))
        phases = wavenumbers(n, float(n))
        is_nyquist = [np.abs(phase) > np.pi * (1 - 0.5 / n) for phase in phases]
        for phase, edge in zip(phases, is_nyquist, strict=True):
            shifted *= np.where(edge, 0, np.exp(0.5j * phase)).astype(np.complex64)
            modes *= np.where(edge, np.sqrt(0.5), 1).astype(np.float32)
        modes += shifted
        modes *= np.float32(0.5)
        modes[is_nyquist[0] | is_nyquist[1] | is_nyquist[2]] *= np.float32(2)
    return modes
