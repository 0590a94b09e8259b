"""Points painted twice, half a cell apart, so that the leading aliases cancel."""

from collections.abc import Callable

import numpy as np

from lss.grid.fourier import forward, wavenumbers


def painted_modes(painted: Callable[[float], np.ndarray], n: int, *, interlaced: bool) -> np.ndarray:
    """Modes of points on a grid, (n, n, n//2+1) complex64; interlaced: the mean of two grids half a cell apart.

    painted : offset in cells -> (n, n, n), the points painted after a shift by it
    A shift by half a cell turns the alias m + n l by (-1)^(lx + ly + lz): the leading ones cancel.
    Source: Sefusatti et al. 2016, section 3.1.
    """
    modes = forward(painted(0.0))
    if interlaced:
        shifted = forward(painted(0.5))
        for phase in wavenumbers(n, float(n)):
            shifted *= np.exp(0.5j * phase).astype(np.complex64)
        modes += shifted
        modes *= np.float32(0.5)
    return modes
