"""The learned density against densities that are known."""

import numpy as np
import pytest

from lss.errors import DataError
from lss.learned.conditional_density import load, save
from lss.learned.density_training import fit
from lss.learned.flows import Flows
from lss.nets.checkpoint import load_checkpoint, save_checkpoint

QUICK = {"members": 1, "transforms": 2, "hidden": (24,), "learning_rate": 1e-2, "epochs": 60, "patience": 10}


def gaussian(x, mean, covariance):
    """ln N(x | mean, covariance), rows."""
    factor = np.linalg.cholesky(covariance)
    z = np.linalg.solve(factor, (x - mean).T)
    return -0.5 * (z**2).sum(axis=0) - np.log(np.diag(factor)).sum() - 0.5 * len(factor) * np.log(2 * np.pi)


def divergence(density, log_truth, theta, x):
    """Mean of ln p - ln q over the truth's own draws: K-L, in nats."""
    return float(np.mean(log_truth - density.log_prob(x, theta)))


def test_summaries_linear_in_the_parameters_with_correlated_noise_of_any_unit():
    rng = np.random.default_rng(1)
    covariance = np.array([[4e-6, -1.5e-2], [-1.5e-2, 70.0]])
    matrix = np.array([[0.01, 0.0], [2.0, 30.0]])
    theta = rng.uniform([0.0, 5.0], [1.0, 9.0], (3000, 2))
    x = theta @ matrix.T + rng.multivariate_normal([0, 0], covariance, 3000)
    density = fit(theta[:2000], x[:2000], Flows(**QUICK), 3, ("a", "b"))
    log_truth = gaussian(x[2000:], theta[2000:] @ matrix.T, covariance)
    assert abs(divergence(density, log_truth, theta[2000:], x[2000:])) < 0.02


def test_one_summary_whose_mean_and_width_depend_on_the_parameter():
    rng = np.random.default_rng(2)
    theta = rng.uniform(-2, 2, (4000, 1))
    width = np.exp(0.5 * theta)
    x = np.sin(theta) + width * rng.standard_normal(theta.shape)
    density = fit(theta[:3000], x[:3000], Flows(**QUICK), 1, ("a",))
    z = ((x - np.sin(theta)) / width)[3000:, 0]
    log_truth = -0.5 * z**2 - 0.5 * theta[3000:, 0] - 0.5 * np.log(2 * np.pi)
    assert abs(divergence(density, log_truth, theta[3000:], x[3000:])) < 0.04
    # The Gaussian of constant width that the flows start from is far off.
    constant = gaussian(x, (x - x) + 0.6 * theta, np.atleast_2d(x.var()))[3000:]
    assert np.mean(log_truth - constant) > 0.2


def test_one_summary_that_is_not_gaussian_needs_and_gets_splines():
    rng = np.random.default_rng(3)
    theta = rng.uniform(-1, 1, (3000, 1))
    noise = rng.exponential(1.0, theta.shape)
    x = theta + np.log(noise)  # ln p = (x - theta) - exp(x - theta)
    log_truth = ((x - theta) - np.exp(x - theta))[2000:, 0]
    found = {
        kind: divergence(
            fit(theta[:2000], x[:2000], Flows(**QUICK | {"transform": kind}), 1, ("a",)),
            *(log_truth, theta[2000:], x[2000:]),
        )
        for kind in ("affine", "spline")
    }
    assert abs(found["spline"]) < 0.04 < found["affine"]


def test_summaries_on_a_curve_in_two_dimensions():
    rng = np.random.default_rng(4)
    theta = rng.uniform(-1, 1, (4000, 1))
    first = theta[:, 0] + rng.standard_normal(4000)
    second = first**2 + 0.5 * theta[:, 0] + 0.5 * rng.standard_normal(4000)
    x = np.stack([first, second], axis=1)
    log_truth = -0.5 * (first - theta[:, 0]) ** 2 - 2 * (second - first**2 - 0.5 * theta[:, 0]) ** 2 - np.log(np.pi)
    density = fit(theta[:3000], x[:3000], Flows(**QUICK), 5, ("a",))
    assert abs(divergence(density, log_truth[3000:], theta[3000:], x[3000:])) < 0.09


@pytest.mark.parametrize("summaries", [1, 2, 3])
def test_the_density_is_normalised(summaries):
    rng = np.random.default_rng(summaries)
    theta = rng.uniform(-1, 1, (800, 1))
    x = np.tanh(theta) + rng.standard_normal((800, summaries)) * (1 + 0.5 * theta)
    density = fit(theta, x, Flows(**QUICK | {"epochs": 20}), 1, ("a",))
    # Importance sampling from a wide Gaussian: the mean of p / q is 1.
    draws = 2.5 * rng.standard_normal((40000, summaries))
    log_q = gaussian(draws, np.zeros(summaries), 2.5**2 * np.eye(summaries))
    ratio = np.exp(density.log_prob(draws, np.array([0.3])) - log_q)
    assert ratio.mean() == pytest.approx(1, abs=5 * ratio.std() / 200)


FEW = {"members": 2, "epochs": 5}


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(6)
    theta = rng.uniform(0, 1, (300, 2))
    x = theta + 0.1 * rng.standard_normal((300, 2))
    return theta, x, fit(theta, x, Flows(**QUICK | FEW), 1, ("ic.amplitude", "ic.slope"))


def test_members_are_weighted_by_their_validation_loss(small):
    _, _, density = small
    ratio = density.weights[0] / density.weights[1]
    assert ratio == pytest.approx(np.exp(density.losses[1] - density.losses[0]))
    assert density.weights.sum() == pytest.approx(1)


def test_the_same_seed_gives_the_same_bits_whatever_was_drawn_before(small):
    import torch

    theta, x, density = small
    torch.manual_seed(99)
    again = fit(theta, x, Flows(**QUICK | FEW), 1, ("ic.amplitude", "ic.slope"))
    assert np.array_equal(again.log_prob(x, theta), density.log_prob(x, theta))


def test_a_checkpoint_gives_the_density_back(small, tmp_path):
    theta, x, density = small
    save(density, tmp_path / "density.safetensors", {"simulations": 300})
    back, data = load(tmp_path / "density.safetensors")
    assert data == {"simulations": 300}
    assert np.array_equal(back.log_prob(x, theta), density.log_prob(x, theta))
    assert back.names == ("ic.amplitude", "ic.slope")
    assert back.settings == density.settings


def test_a_checkpoint_whose_card_does_not_fit_its_weights_is_refused(small, tmp_path):
    path = tmp_path / "density.safetensors"
    save(small[2], path, {})
    state, card = load_checkpoint(path)
    card["architecture"]["summaries"] = 3
    save_checkpoint(path, state, card)
    with pytest.raises(DataError, match="its card and weights describe no density"):
        load(path)
    save_checkpoint(path, state, card | {"model": "imnn"})
    with pytest.raises(DataError, match="a checkpoint of model 'imnn'; expected 'density'"):
        load(path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda theta, x: (theta[:5], x[:5]), "5 simulations for 2 summaries and 2 parameters: at least 9 are needed"),
        (lambda theta, x: (theta, x @ np.array([[1, 2], [1, 2]])), "degenerate summaries: the covariance of the 2"),
        (lambda theta, x: (theta, x * [1, 0]), "degenerate summaries: number 2 does not vary"),
        (lambda theta, x: (theta, np.where(x > 1, np.nan, x)), "parameters or summaries are not finite"),
        (lambda theta, x: (theta * [0, 1] + 0.3, x), "parameter 1 is the same in all 300 simulations"),
    ],
)
def test_what_holds_no_density_is_refused_in_one_line(small, spoil, message):
    theta, x, _ = small
    with pytest.raises(DataError, match=message):
        fit(*spoil(theta, x), Flows(**QUICK), 1, ("a", "b"))
