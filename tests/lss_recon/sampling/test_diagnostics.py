"""R-hat and effective sample sizes against arviz and against processes that are known."""

import numpy as np
import pytest

from lss_recon.sampling.diagnostics import effective_samples, effective_samples_of_mean, r_hat


def autoregressive(rho, chains=4, length=500, seed=1, shift=0.0):
    rng = np.random.default_rng(seed)
    x = np.zeros((chains, length))
    x[:, 0] = rng.normal(size=chains)
    for i in range(1, length):
        x[:, i] = rho * x[:, i - 1] + np.sqrt(1 - rho**2) * rng.normal(size=chains)
    return (x + shift * np.arange(chains)[:, None])[..., None]


CASES = {
    "white": autoregressive(0.0),
    "slow": autoregressive(0.9),
    "apart": autoregressive(0.5, shift=0.5),
    "anti": autoregressive(-0.4),
    "two chains": autoregressive(0.7, chains=2, length=301, seed=3),
    "heavy": np.tan(autoregressive(0.6, seed=4)),
}


@pytest.mark.parametrize("name", list(CASES))
def test_the_numbers_are_those_of_arviz(name):
    arviz = pytest.importorskip("arviz_stats.base").array_stats
    draws = CASES[name]
    expected = arviz.rhat(draws[..., 0], chain_axis=0, draw_axis=1, method="rank")
    assert r_hat(draws)[0] == pytest.approx(float(expected), rel=1e-6)
    for ours, method in ((effective_samples, "bulk"), (effective_samples_of_mean, "mean")):
        expected = arviz.ess(draws[..., 0], chain_axis=0, draw_axis=1, method=method)
        assert ours(draws)[0] == pytest.approx(float(expected), rel=1e-6)


def test_white_noise_is_worth_its_number_and_chains_agree():
    draws = CASES["white"]
    assert effective_samples(draws)[0] == pytest.approx(2000, rel=0.15)
    assert r_hat(draws)[0] < 1.01


def test_an_autoregressive_process_is_worth_what_its_correlation_leaves():
    draws = autoregressive(0.9, length=20_000)
    assert effective_samples(draws)[0] == pytest.approx(80_000 * 0.1 / 1.9, rel=0.15)


def test_chains_that_disagree_are_found_even_by_their_widths():
    assert r_hat(CASES["apart"])[0] > 1.1
    rng = np.random.default_rng(1)
    widths = np.array([1.0, 1.0, 3.0, 3.0])[:, None, None]
    assert r_hat(rng.normal(size=(4, 500, 1)) * widths)[0] > 1.1


def test_a_number_that_never_moves_has_none():
    assert np.isnan(effective_samples_of_mean(np.ones((2, 50, 1)))[0])
