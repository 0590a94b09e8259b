"""Where a reconstruction begins: the white noise of its first simulation."""

from collections.abc import Callable

import numpy as np

from lss.grid.fourier import filter_modes, wavenumber
from lss.physics.random_field import white_noise

# Streams that no universe of lss-ic uses (its partners count from 1): a reconstruction whose seed happens to be that
# of the truth must not begin at the truth.
_UNSEEN, _PRIOR, _UPDATES = 2**29, 2**30, 2**31

SHARP, BLURRED = 0.85, 0.5  # r(k) of the estimate above which it stands alone, and below which it is all a sample's


def prior_draw(seed: int, sample: int, n: int) -> np.ndarray:
    """z, a draw of the prior: (n, n, n) float32 white noise, its modes the same on every grid."""
    return white_noise(seed, sample, n, partner=_PRIOR)


def unseen_draw(seed: int, sample: int, n: int) -> np.ndarray:
    """The draw of the prior whose halos stand in for those that a survey does not see: (n, n, n) float32."""
    return white_noise(seed, sample, n, partner=_UNSEEN)


def update_draw(seed: int, sample: int, n: int, update: int) -> np.ndarray:
    """The white noise that may be added to the direction of an update: (n, n, n) float32."""
    return white_noise(seed, sample, n, partner=_UPDATES + update)


def constrained_draw(
    estimate: np.ndarray,
    draw: np.ndarray,
    calibration: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    k_max: float,
    box_size: float,
    *,
    sharp: bool = False,
    scatter: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda remainder, estimate: remainder,
) -> np.ndarray:
    """b(k) e + sqrt(1 - r(k)^2) z for k < k_max, z above: a sample of the diagonal Gaussian posterior.

    estimate : e, (n, n, n) float32 white noise of the estimated linear field, A(d) / W; draw : z, (n, n, n) float32;
    calibration : k in h/Mpc -> b (slope of the truth on e) and r (their correlation); box_size : Mpc/h
    sharp : where r is above SHARP the estimate alone, raised to the prior's power; r with the truth is then that of the
        estimate, where a sample has r^2; scatter : (part of z, e) -> that part with the strength that e calls for
    Source: Savchenko et al. 2024 (a sampler from a point estimate); the strength of the scatter is ours.
    """
    n = len(draw)
    k = wavenumber(n, box_size)
    slope, correlation = calibration(k)
    correlation = np.clip(correlation, 0, 1)
    constrained = k < k_max
    share = correlation**2  # of the prior's power, in the estimate
    if sharp:
        raised = share + certainty(correlation) * (1 - share)
        slope = slope * np.sqrt(np.divide(raised, share, out=np.ones_like(share), where=share > 0))
        share = raised
    remainder = filter_modes(draw, np.where(constrained, np.sqrt(1 - share), 1))
    return scatter(remainder, estimate) + filter_modes(estimate, np.where(constrained, slope, 0))


def certainty(correlation: np.ndarray) -> np.ndarray:
    """How far an estimate that correlates so with the truth stands alone: 1 above SHARP, 0 below BLURRED, smooth."""
    t = np.clip((correlation - BLURRED) / (SHARP - BLURRED), 0, 1)
    return t * t * (3 - 2 * t)
