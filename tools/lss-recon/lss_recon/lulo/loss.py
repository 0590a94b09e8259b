"""The mismatch of two universes: mean square difference of their halo fields."""

import numpy as np

from lss.grid.fourier import smooth


def mismatch(fields: np.ndarray, data: np.ndarray, smoothing: float, box_size: float) -> float:
    """Mean of (S(x) - d)^2 over channels and voxels, both smoothed with a Gaussian of R = `smoothing` Mpc/h.

    fields, data : (channels, n, n, n) float32 overdensities
    Source: LULO Eq. 5 (without smoothing).
    """
    differences = (smooth(difference, smoothing, box_size) for difference in fields - data)
    return float(np.mean([np.mean(np.square(difference, dtype=np.float64)) for difference in differences]))
