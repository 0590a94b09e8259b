"""Truths drawn from a truncated Cauchy distribution pass the check of its likelihood; others do not."""

import numpy as np
import pytest

from lss_stats.likelihood import likelihood_distance, likelihood_slices


@pytest.fixture
def drawn():
    """y, and d of the truncated Cauchy distribution of scale 0.3, by rejection."""
    random = np.random.default_rng(1)
    y = random.uniform(-1, 1, 400_000)
    d = y + 0.3 * random.standard_cauchy(len(y))
    kept = np.abs(d) <= 1
    return y[kept], d[kept]


def test_the_right_scale_is_told_from_a_wrong_one(drawn):
    assert likelihood_distance(*drawn, 0.3) < 0.004
    assert likelihood_distance(*drawn, 0.5) > 0.03


def test_slices_of_the_truth_follow_the_likelihood(drawn):
    for middle, group in likelihood_slices(*drawn, 0.3):
        assert abs(middle) < 1
        error = np.sqrt(group.data["likelihood"] * 10 / group.attrs["particles"])
        assert (np.abs(group.data["density"] - group.data["likelihood"]) < 6 * error + 0.03).all()
