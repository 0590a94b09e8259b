"""Whether posteriors cover the truth as often as they say: ranks in each parameter, and TARP over all together.

    rank    the posterior's probability below the truth, parameter by parameter (simulation-based calibration:
            Cook, Gelman & Rubin 2006; Talts et al. 2018, arXiv:1804.06788)
    TARP    the probability nearer to a random point than the truth is (tests of accuracy with random points: Lemos et
            al. 2023, arXiv:2302.03026, Algorithm 2); it sees what no single parameter shows

Both are uniform in [0, 1] over pairs of truth and data drawn from the prior when posteriors are calibrated: narrow ones
give too many values near 0 and 1. The largest distance of their cumulative distribution from the diagonal is held
against that of so many uniform numbers (Kolmogorov & Smirnov).
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ranks(samples: Array, truth: Array, weights: Array | None = None) -> Array:
    """The share of the posterior below the truth, (p,).

    samples : (m, p); truth : (p,); weights : (m,), equal by default
    """
    return np.average(samples < truth, axis=0, weights=weights)


def tarp_level(samples: Array, truth: Array, reference: Array, scale: Array, weights: Array | None = None) -> float:
    """The share of the posterior that lies nearer to a random point than the truth.

    samples : (m, p); truth : (p,)
    reference : (p,), drawn without knowledge of the truth
    scale : (p,), what distances are measured in (the width of the prior)
    """
    of_samples = np.square((samples - reference) / scale).sum(-1)
    of_truth = np.square((truth - reference) / scale).sum(-1)
    return float(np.average(of_samples < of_truth, weights=weights))


def largest_deviation(levels: Array) -> float:
    """The largest distance of the cumulative distribution of levels (n,) from that of uniform numbers."""
    ordered = np.sort(levels)
    n = len(ordered)
    above = np.arange(1, n + 1) / n - ordered
    below = ordered - np.arange(n) / n
    return float(max(above.max(), below.max()))


def expected_deviation(n: int, probability: float = 0.95) -> float:
    """What `largest_deviation` of n uniform numbers stays below with this probability."""
    from scipy.stats import kstwo  # slow to import

    return float(kstwo.ppf(probability, n))
