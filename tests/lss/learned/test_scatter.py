import numpy as np
import pytest
from scipy.stats import skew

from lss.config import Cosmology
from lss.grid.fourier import smooth
from lss.learned.scatter import modulate, scatter_table
from lss.physics.random_field import linear_overdensity, white_noise

N, BOX = 64, 125.0


def linear(seed):
    return linear_overdensity(white_noise(seed, 0, N), Cosmology(), BOX)


def heteroscedastic(seed):
    """A truth whose scatter about its estimate falls from voids to peaks, and the estimate; smoothed with 1 Mpc/h."""
    estimate, noise = smooth(linear(seed), 3.0, BOX), linear(seed + 1000)
    strength = np.exp(-0.4 * smooth(estimate, 2.0, BOX))
    return smooth(estimate + strength * noise, 1.0, BOX), smooth(estimate, 1.0, BOX)


def test_table_of_a_homogeneous_scatter_is_its_rms_at_every_scale_and_height():
    estimate, noise = smooth(linear(1), 2.0, BOX), linear(2)
    table = scatter_table([(smooth(estimate + noise, 1.0, BOX), smooth(estimate, 1.0, BOX))], 1.0, BOX)
    for radius, scatter in list(zip(table["radius"], table["scatter"], strict=True))[:3]:
        np.testing.assert_allclose(scatter, smooth(noise, radius, BOX).std(), rtol=0.12)


def test_modulation_keeps_the_variance_and_follows_the_table_of_the_truth():
    pairs = [heteroscedastic(seed) for seed in (1, 2, 3)]
    table = scatter_table(pairs, 1.0, BOX)
    assert table["scatter"][1][0] > 1.5 * table["scatter"][1][-1]
    estimate, noise = smooth(linear(4), 3.0, BOX), linear(5)
    given = modulate(noise, estimate, table, BOX)
    assert given.std() == pytest.approx(noise.std(), rel=0.05)
    again = scatter_table([(smooth(estimate + given, 1.0, BOX), smooth(estimate, 1.0, BOX))], 1.0, BOX)
    shape = np.array(again["scatter"][1]) / np.mean(again["scatter"][1])
    np.testing.assert_allclose(shape, np.array(table["scatter"][1]) / np.mean(table["scatter"][1]), atol=0.25)


def test_modulation_takes_the_skewness_out_of_a_realisation():
    # The mean of a Gaussian truth, seen where it is high and lost where it is low, is skewed; the truth is not.
    pairs = []
    for seed in (1, 2, 3, 4):
        truth = smooth(linear(seed), 4.0, BOX)
        noise = smooth(linear(seed + 50), 4.0, BOX)
        seen = truth + noise * np.exp(-truth / truth.std())
        order = np.argsort(seen.ravel())
        estimate = np.empty(truth.size, np.float32)
        for tenth in np.array_split(order, 200):  # E[truth | seen], by counting
            estimate[tenth] = truth.ravel()[tenth].mean()
        pairs.append((truth, estimate.reshape(truth.shape)))
    table = scatter_table(pairs[:3], 1.0, BOX)
    truth, estimate = pairs[3]
    remainder = linear(99)
    remainder = smooth(remainder, 4.0, BOX) * np.float32((truth - estimate).std() / smooth(remainder, 4.0, BOX).std())
    plain, given = estimate + remainder, estimate + modulate(remainder, estimate, table, BOX)
    assert abs(skew(given.ravel())) < 0.6 * abs(skew(plain.ravel()))
