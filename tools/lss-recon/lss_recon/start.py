"""Where a reconstruction begins: the white noise of its first simulation."""

from collections.abc import Callable

import numpy as np

from lss import fourier
from lss.random_field import white_noise
from lss_recon.modes import wavenumber

# Streams that no universe of lss-ic uses (its partners count from 1): a reconstruction whose seed happens to be that
# of the truth must not begin at the truth.
_PRIOR, _UPDATES = 2**30, 2**31


def prior_draw(seed: int, sample: int, n: int) -> np.ndarray:
    """z, a draw of the prior: (n, n, n) float32 white noise, its modes the same on every grid."""
    return white_noise(seed, sample, n, partner=_PRIOR)


def update_draw(seed: int, sample: int, n: int, update: int) -> np.ndarray:
    """The white noise that may be added to the direction of an update: (n, n, n) float32."""
    return white_noise(seed, sample, n, partner=_UPDATES + update)


def constrained_draw(
    estimate: np.ndarray,
    draw: np.ndarray,
    calibration: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    k_max: float,
    box_size: float,
) -> np.ndarray:
    """b(k) e + sqrt(1 - r(k)^2) z for k < k_max, z above: a sample of the diagonal Gaussian posterior.

    estimate : e, (n, n, n) float32 white noise of the estimated linear field, A(d) / W; draw : z, (n, n, n) float32;
    calibration : k in h/Mpc -> b (slope of the truth on e) and r (their correlation); box_size : Mpc/h
    Source: Savchenko et al. 2024 (a sampler from a point estimate).
    """
    n = len(draw)
    k = wavenumber(n, box_size)
    slope, correlation = calibration(k)
    constrained = k < k_max
    scatter = np.where(constrained, np.sqrt(np.clip(1 - correlation**2, 0, 1)), 1)
    modes = fourier.forward(draw) * scatter.astype(np.float32)
    modes += fourier.forward(estimate) * np.where(constrained, slope, 0).astype(np.float32)
    return fourier.inverse(modes, n, overwrite=True)
