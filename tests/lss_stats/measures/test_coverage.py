"""Coverage of posteriors that are known to be right, and known to be wrong."""

import numpy as np
import pytest

from lss_stats.measures.coverage import expected_deviation, largest_deviation, ranks, tarp_level

COVARIANCE = np.array([[1.0, 0.6], [0.6, 0.5]])


def levels(scale=1.0, rotate=False, pairs=300, weighted=False):
    """Ranks (n, 2) and TARP levels (n,) of a linear Gaussian model with a flat prior, posteriors widened by scale."""
    rng = np.random.default_rng(8)
    root = np.linalg.cholesky(COVARIANCE)
    of_ranks, of_tarp = [], []
    for _ in range(pairs):
        truth = rng.uniform(-20, 20, 2)
        seen = truth + root @ rng.normal(size=2)
        samples = seen + scale * rng.normal(size=(500, 2)) @ root.T
        if rotate:  # both marginals stay as they are, the correlation changes sign
            samples[:, 1] = 2 * seen[1] - samples[:, 1]
        weights = None
        if weighted:  # twice as wide, weighted back to what it should be
            samples = seen + 2 * rng.normal(size=(4000, 2)) @ root.T
            chi2 = ((samples - seen) @ np.linalg.inv(COVARIANCE) * (samples - seen)).sum(1)
            weights = np.exp(-0.5 * chi2 * (1 - 1 / 4))
        of_ranks.append(ranks(samples, truth, weights))
        of_tarp.append(tarp_level(samples, truth, seen + rng.uniform(-3, 3), np.ones(2), weights))
    return np.array(of_ranks), np.array(of_tarp)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_true_posterior_covers_as_it_says(weighted):
    of_ranks, of_tarp = levels(weighted=weighted)
    band = expected_deviation(300, 0.999)
    assert max(largest_deviation(column) for column in of_ranks.T) < band
    assert largest_deviation(of_tarp) < band


@pytest.mark.parametrize("scale", [0.6, 1.6])
def test_a_posterior_too_narrow_or_too_wide_is_seen(scale):
    of_ranks, of_tarp = levels(scale)
    band = expected_deviation(300, 0.999)
    assert min(largest_deviation(column) for column in of_ranks.T) > band
    assert largest_deviation(of_tarp) > band


def test_a_wrong_correlation_is_seen_by_tarp_alone():
    of_ranks, of_tarp = levels(rotate=True)
    band = expected_deviation(300, 0.999)
    assert max(largest_deviation(column) for column in of_ranks.T) < band
    assert largest_deviation(of_tarp) > band


def test_the_largest_deviation_is_that_of_kolmogorov_and_smirnov():
    assert largest_deviation(np.array([0.1, 0.4, 0.8])) == pytest.approx(4 / 15)
    rng, band = np.random.default_rng(0), expected_deviation(50, 0.9)
    share = np.mean([largest_deviation(rng.uniform(size=50)) < band for _ in range(2000)])
    assert share == pytest.approx(0.9, abs=0.025)
