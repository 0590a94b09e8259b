"""Whether chains have converged, and what they are worth: rank-normalised split R-hat and effective sample sizes.

Source: Vehtari, Gelman, Simpson, Carpenter & Buerkner 2021 (arXiv:1903.08008); Geyer 1992 (initial monotone sequence).
The numbers are arviz's, against which they are tested.
"""

import numpy as np
import scipy.fft
import scipy.special
import scipy.stats
from numpy.typing import NDArray

Array = NDArray[np.float64]


def r_hat(draws: Array) -> Array:
    """The larger of the rank-normalised split R-hats of the draws and of their distances from the median.

    draws : (chains, draws, quantities), at least four draws
    Returns (quantities,): 1 when chains agree; nan for a quantity that never moves.
    """
    halves = split(draws)
    folded = np.abs(halves - np.median(halves, axis=(0, 1)))
    return np.maximum(_r_hat(rank_normalised(halves)), _r_hat(rank_normalised(folded)))


def effective_samples(draws: Array) -> Array:
    """Bulk effective sample size of all chains together; arguments and shape as `r_hat`."""
    return _effective(rank_normalised(split(draws)))


def effective_samples_of_mean(draws: Array) -> Array:
    """Effective sample size for the mean, without ranks; arguments and shape as `r_hat`."""
    return _effective(split(draws))


def split(draws: Array) -> Array:
    """Each chain as two: (2 chains, draws / 2, quantities); the middle draw of an odd number is left out."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def rank_normalised(draws: Array) -> Array:
    """Normal scores of the ranks over all chains, of the same shape."""
    flat = draws.reshape(-1, draws.shape[2])
    ranks = scipy.stats.rankdata(flat, axis=0)
    return scipy.special.ndtri((ranks - 0.375) / (len(flat) + 0.25)).reshape(draws.shape)


def _r_hat(draws: Array) -> Array:
    length = draws.shape[1]
    within = draws.var(axis=1, ddof=1).mean(axis=0)
    between = length * draws.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt((between / within + length - 1) / length)


def _effective(draws: Array) -> Array:
    chains, length, quantities = draws.shape
    covariance = _autocovariance(draws)
    within = covariance[:, 0].mean(axis=0) * length / (length - 1)
    plus = within * (length - 1) / length
    if chains > 1:
        plus = plus + draws.mean(axis=1).var(axis=0, ddof=1)
    result = np.empty(quantities)
    for q in range(quantities):
        if not plus[q] > 0:
            result[q] = np.nan
            continue
        rho = 1 - (within[q] - covariance[:, :, q].mean(axis=0)) / plus[q]
        rho[0] = 1.0
        time = _integrated_time(rho, length)
        result[q] = chains * length / max(time, 1 / np.log10(chains * length))
    return result


def _integrated_time(rho: Array, length: int) -> float:
    """-1 + 2 sum of the initial positive, monotone pairs of autocorrelations."""
    pairs = rho[: length // 2 * 2].reshape(-1, 2).sum(axis=1)
    most = len(pairs) - 2 + length % 2
    negative = np.flatnonzero(pairs[: most + 1] < 0)
    last = negative[0] if len(negative) else max(most, 1)
    kept = np.minimum.accumulate(pairs[:last])
    tail = rho[2 * last] if 2 * last < length and rho[2 * last] > 0 else 0.0
    return float(-1 + 2 * kept.sum() + tail)


def _autocovariance(draws: Array) -> Array:
    """Along the draws of each chain, (chains, draws, quantities), divided by their number."""
    length = draws.shape[1]
    padded = scipy.fft.next_fast_len(2 * length)
    modes = scipy.fft.rfft(draws - draws.mean(axis=1, keepdims=True), padded, axis=1)
    return scipy.fft.irfft(np.abs(modes) ** 2, padded, axis=1)[:, :length] / length
