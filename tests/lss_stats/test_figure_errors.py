"""The bands of figures are the scatter of Gaussian fields: many of them are drawn and measured."""

import numpy as np
import pytest

from lss.grid.comparison import compare_spectra
from lss.grid.spectra import measure
from lss.universe import Group
from lss_stats.figures import errors

N, SIZE, FIELDS = 16, 50.0, 400


@pytest.fixture(scope="module")
def measured():
    """Pairs of fields with r = 0.8: columns of every pair, (pairs, shells)."""
    random = np.random.default_rng(5)
    found = []
    for _ in range(FIELDS):
        a, b = random.standard_normal((2, N, N, N), np.float32)
        found.append(compare_spectra([measure([a, 0.8 * a + 0.6 * b], SIZE)]))
    names = ("power", "correlation", "transfer")
    return found[0], {name: np.array([getattr(one, name) for one in found]) for name in names}


@pytest.mark.parametrize(
    ("name", "error"),
    [("power", errors.of_power), ("correlation", errors.of_correlation), ("transfer", errors.of_transfer)],
)
def test_a_band_is_the_scatter_over_gaussian_fields(measured, name, error):
    first, columns = measured
    mean = {"n_modes": first.n_modes, **{key: values.mean(axis=0) for key, values in columns.items()}}
    expected, found = error(Group(mean)), columns[name].std(axis=0)
    shells = (first.n_modes > 20) & (first.k < np.pi * N / SIZE)
    assert np.abs(found[shells] / expected[shells] - 1).max() < 0.12
