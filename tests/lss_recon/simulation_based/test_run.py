"""Posteriors by simulation, against posteriors that are known."""

import numpy as np
import pytest

from lss.errors import DataError, Stopped
from lss.files.restart import Restart
from lss.inference import Prior
from lss.learned.flows import Flows
from lss.process import interrupt
from lss.process.progress import progress
from lss_recon.simulation_based import abc, delfi
from lss_recon.simulation_based.proposals import gaussian
from lss_recon.simulation_based.runner import Runner
from lss_recon.simulation_based.settings import Abc, Delfi
from lss_recon.simulation_based.simulations import Simulations
from lss_recon.simulation_based.target import Target, describe
from lss_recon.simulation_based.tempering import temper

NAMES = ("ic.amplitude", "ic.slope")
FISHER = np.array([[1984.5, -1545.1], [-1545.1, 1690.5]])
COVARIANCE = np.linalg.inv(FISHER)
QUICK = Flows(members=1, transforms=2, hidden=(20,), learning_rate=5e-3, epochs=30)
PRIOR = Prior(np.array([0.5, 0.0]), np.array([1.5, 1.0]))
OBSERVED = np.array([0.97, 0.52])


def linear(theta, first):
    """x = theta + noise of a known Fisher matrix; noise follows from the number of the simulation."""
    noise = [np.random.default_rng([7, first + i]).standard_normal(2) for i in range(len(theta))]
    return theta + np.array(noise) @ np.linalg.cholesky(COVARIANCE).T


def target(observed=OBSERVED, first=None, prior=PRIOR, seed=1):
    return Target(observed, NAMES, prior, first or prior, (seed, 0))


def runner(restart=None, simulate=linear, batch=500, max_failed=0.1):
    with progress("test", None) as bar:
        return Runner(simulate, batch, max_failed, NAMES, restart or Restart(None), bar)


def none():
    return Simulations.none(2, 2)


def shift_and_area(theta, weights=None):
    """Distance of the mean from the truth's in its sigmas (rms of the axes), and ratio of the areas."""
    weights = np.full(len(theta), 1 / len(theta)) if weights is None else weights
    mean = weights @ theta
    covariance = (weights[:, None] * (theta - mean)).T @ (theta - mean)
    shift = np.sqrt((mean - OBSERVED) @ FISHER @ (mean - OBSERVED) / 2)
    return shift, np.sqrt(np.linalg.det(covariance @ FISHER))


# --- samples of a known likelihood -----------------------------------------------------------------------------------


def test_tempering_finds_a_posterior_of_a_ten_thousandth_of_the_prior_and_its_evidence():
    def log_likelihood(theta):
        r = theta - OBSERVED
        return -0.5 * np.einsum("ma,ab,mb->m", r, FISHER, r)

    wide = Prior(np.array([-5.0, -5.0]), np.array([5.0, 5.0]))
    draws = temper(log_likelihood, wide, 4000, np.random.default_rng(1))
    shift, area = shift_and_area(draws.theta)
    assert shift < 0.05
    assert area == pytest.approx(1, abs=0.05)
    exact = np.log(2 * np.pi) - 0.5 * np.log(np.linalg.det(FISHER)) - np.log(100)
    assert draws.log_evidence == pytest.approx(exact, abs=0.1)


def test_half_the_power_doubles_the_covariance():
    def log_likelihood(theta):
        r = theta - OBSERVED
        return -0.5 * np.einsum("ma,ab,mb->m", r, FISHER, r)

    draws = temper(log_likelihood, PRIOR, 4000, np.random.default_rng(2), power=0.5)
    assert shift_and_area(draws.theta)[1] == pytest.approx(2, rel=0.06)


def test_tempering_finds_both_of_two_modes_with_their_weights():
    def log_likelihood(theta):
        near, far = -0.5 * ((theta - 0.2) / 0.01) ** 2, -0.5 * ((theta - 0.7) / 0.02) ** 2
        return np.logaddexp(near, far)[:, 0]

    draws = temper(log_likelihood, Prior(np.zeros(1), np.ones(1)), 4000, np.random.default_rng(3))
    assert np.mean(draws.theta > 0.45) == pytest.approx(2 / 3, abs=0.04)
    assert np.std(draws.theta[draws.theta > 0.45]) == pytest.approx(0.02, rel=0.08)


def test_posterior_ends_at_the_prior():
    edge = Prior(np.array([0.5, 0.0]), np.array([0.97, 1.0]))
    draws = temper(lambda theta: -0.5 * ((theta[:, 0] - 0.97) / 0.01) ** 2, edge, 4000, np.random.default_rng(4))
    assert draws.theta[:, 0].max() <= 0.97
    assert 0.97 - draws.theta[:, 0].mean() == pytest.approx(0.01 * np.sqrt(2 / np.pi), rel=0.06)
    assert draws.theta[:, 1].std() == pytest.approx(1 / np.sqrt(12), rel=0.05)


def test_impossible_data_is_refused():
    with pytest.raises(DataError, match="zero everywhere in the prior"):
        temper(lambda theta: np.full(len(theta), np.nan), PRIOR, 100, np.random.default_rng(1))


# --- delfi -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned():
    settings = Delfi(rounds=3, simulations=500, samples=3000)
    simulations, found = delfi.learn(target(), settings, QUICK, runner(), none())
    return simulations, delfi.draw_posterior(found, target(), settings.samples)


def test_delfi_gives_the_exact_posterior_of_a_linear_simulator(learned):
    shift, area = shift_and_area(learned[1].theta)
    assert shift < 0.1
    assert area == pytest.approx(1, abs=0.1)


def test_delfi_gives_the_exact_posterior_of_the_mean_and_variance_of_normal_data():
    """100 numbers of N(mu, v), their mean and variance observed: not Gaussian, its width proportional to v."""
    n, prior, observed = 100, Prior(np.array([-1.0, 0.3]), np.array([1.0, 3.0])), np.array([0.1, 1.3])

    def sufficient(theta, first):
        rng = np.random.default_rng([8, first])
        mean = theta[:, 0] + np.sqrt(theta[:, 1] / n) * rng.standard_normal(len(theta))
        return np.stack([mean, theta[:, 1] * rng.chisquare(n - 1, len(theta)) / n], axis=1)

    mu, v = np.meshgrid(np.linspace(-1, 1, 400), np.linspace(0.3, 3, 400), indexing="ij")
    log_likelihood = -n / 2 * np.log(v) - n * (observed[1] + (observed[0] - mu) ** 2) / (2 * v)
    weights = np.exp(log_likelihood - log_likelihood.max())
    weights /= weights.sum()
    mean = np.array([(weights * mu).sum(), (weights * v).sum()])
    sigma = np.sqrt([(weights * (mu - mean[0]) ** 2).sum(), (weights * (v - mean[1]) ** 2).sum()])

    aim = target(observed, prior=prior)
    flows = QUICK.model_copy(update={"learning_rate": 1e-2})
    _, found = delfi.learn(aim, Delfi(rounds=2, simulations=1000), flows, runner(simulate=sufficient), none())
    theta = delfi.draw_posterior(found, aim, 3000).theta
    np.testing.assert_allclose((theta.mean(axis=0) - mean) / sigma, 0, atol=0.12)
    np.testing.assert_allclose(theta.std(axis=0) / sigma, 1, atol=0.2)


def test_later_rounds_simulate_where_the_posterior_is(learned):
    simulations, _ = learned
    spread = [simulations.theta[simulations.round == i].std(axis=0) for i in range(3)]
    np.testing.assert_allclose(spread[2] / np.sqrt(2 * np.diag(COVARIANCE)), 1, atol=0.2)
    assert (spread[0] > 3 * spread[1]).all()
    assert PRIOR.contains(simulations.theta).all()


def test_few_draws_of_the_prior_are_asked_all_over_it_and_those_of_a_gaussian_about_themselves():
    few, flows = Delfi(rounds=1, simulations=10), QUICK.model_copy(update={"epochs": 1})
    again = Prior(PRIOR.low.copy(), PRIOR.high.copy())
    box = {
        name: delfi.learn(target(first=first), few, flows, runner(), none())[1].box
        for name, first in {"prior": again, "fisher": gaussian(OBSERVED, COVARIANCE, PRIOR)}.items()
    }
    np.testing.assert_array_equal([box["prior"].low, box["prior"].high], [PRIOR.low, PRIOR.high])
    assert (box["fisher"].high - box["fisher"].low < 0.3).all()


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_delfi_stopped_anywhere_goes_on_to_the_same_bits(tmp_path, monkeypatch, stop_after):
    settings, flows = Delfi(rounds=2, simulations=300, samples=500), QUICK.model_copy(update={"epochs": 3})

    def everything(restart):
        made = runner(restart, batch=150)
        simulations, found = delfi.learn(target(), settings, flows, made, made.load(2))
        return simulations, delfi.draw_posterior(found, target(), 500).theta

    whole, draws = everything(Restart(None))
    calls = iter(range(1, 100))
    monkeypatch.setattr(interrupt, "requested", lambda: next(calls) == stop_after)
    with pytest.raises(Stopped, match=f"stopped after {150 * stop_after} simulations; --resume goes on"):
        everything(Restart(tmp_path / "state"))
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    resumed, again = everything(Restart(tmp_path / "state", resume=True))
    assert np.array_equal(resumed.x, whole.x)
    assert np.array_equal(resumed.theta, whole.theta)
    assert np.array_equal(again, draws)


def test_failed_simulations_are_recorded_left_out_and_counted():
    def fails_at_low_slope(theta, first):
        x = linear(theta, first)
        x[theta[:, 1] < 0.05] = np.nan
        return x

    settings = Delfi(rounds=1, simulations=400)
    simulations, _ = delfi.learn(
        target(), settings, QUICK.model_copy(update={"epochs": 1}), runner(simulate=fails_at_low_slope), none()
    )
    assert 5 < simulations.failed < 40
    assert len(simulations.theta) == 400
    assert (simulations.theta[~simulations.ok, 1] < 0.05).all()
    assert len(simulations.good()[0]) == 400 - simulations.failed
    strict = runner(simulate=fails_at_low_slope, max_failed=0.01)
    with pytest.raises(DataError, match=r"of 400 simulations failed, more than \[recon.simulations\] max_failed"):
        delfi.learn(target(), settings, QUICK, strict, none())


def test_a_target_outside_the_prior_is_refused_after_one_round():
    far = np.array([2.5, 0.5])
    with pytest.raises(
        DataError, match="the data lie outside the prior, or this model cannot make them: their summary 1"
    ):
        delfi.learn(target(far), Delfi(rounds=2, simulations=300), QUICK, runner(), none())


def test_degenerate_summaries_and_too_few_simulations_are_refused():
    def repeated(theta, first):
        return linear(theta, first)[:, [0, 0]]

    same = target(np.array([0.97, 0.97]))
    with pytest.raises(DataError, match="degenerate summaries"):
        delfi.learn(same, Delfi(rounds=1, simulations=300), QUICK, runner(simulate=repeated), none())
    with pytest.raises(DataError, match="4 simulations for 2 summaries and 2 parameters"):
        delfi.learn(target(), Delfi(rounds=1, simulations=4), QUICK, runner(), none())


# --- abc -------------------------------------------------------------------------------------------------------------


def broadened(epsilon):
    """The area of the Gaussian posterior convolved with a disk of epsilon sigma."""
    return 1 + epsilon**2 / 4


def many(theta, first):
    """The linear simulator, drawn a batch at a time."""
    noise = np.random.default_rng([7, first]).standard_normal(theta.shape)
    return theta + noise @ np.linalg.cholesky(COVARIANCE).T


def test_rejection_gives_the_posterior_broadened_by_epsilon():
    near = target(first=gaussian(OBSERVED, 4 * COVARIANCE, PRIOR))
    settings = Abc(epsilon=0.5, accepted=2000, max_simulations=200_000)
    simulations, accepted = abc.accept(near, FISHER, settings, runner(simulate=many, batch=5000), none())
    assert accepted.distance.max() < 0.5
    shift, area = shift_and_area(accepted.theta, accepted.weights)
    assert shift < 0.06
    assert area == pytest.approx(broadened(0.5), abs=0.07)
    # A disk of epsilon under the Gaussian of proposal and noise, 4 + 1 times the covariance.
    assert len(accepted.theta) / simulations.made == pytest.approx(0.5**2 / 2 / 5, rel=0.1)


def test_populations_from_the_whole_prior_need_a_tenth_of_the_simulations_of_rejection():
    settings = Abc(epsilon=0.5, accepted=500, populations=True)
    simulations, accepted = abc.accept(target(), FISHER, settings, runner(simulate=many), none())
    shift, area = shift_and_area(accepted.theta, accepted.weights)
    assert shift < 0.12
    assert area == pytest.approx(broadened(0.5), abs=0.15)
    # Rejection accepts the share (disk of epsilon) / (prior).
    share = np.pi * 0.5**2 / np.sqrt(np.linalg.det(FISHER))
    assert simulations.made < 0.1 * 500 / share
    assert simulations.rounds > 3


@pytest.mark.parametrize("stop_after", [1, 3])
def test_populations_stopped_anywhere_go_on_to_the_same_bits(tmp_path, monkeypatch, stop_after):
    settings = Abc(epsilon=2.0, accepted=100, populations=True)

    def everything(restart):
        made = runner(restart, batch=100)
        return abc.accept(target(), FISHER, settings, made, made.load(2))

    whole, accepted = everything(Restart(None))
    calls = iter(range(1, 1000))
    monkeypatch.setattr(interrupt, "requested", lambda: next(calls) == stop_after)
    with pytest.raises(Stopped):
        everything(Restart(tmp_path / "state"))
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    resumed, again = everything(Restart(tmp_path / "state", resume=True))
    assert np.array_equal(resumed.theta, whole.theta)
    assert np.array_equal(again.weights, accepted.weights)


def test_nothing_accepted_says_how_near_it_came_and_what_to_do():
    settings = Abc(epsilon=1e-3, max_simulations=1000)
    with pytest.raises(DataError, match=r"0 of 1000 simulations lie within 0.001 of the data, the nearest at \d+"):
        abc.accept(target(), FISHER, settings, runner(), none())


def test_a_target_outside_the_prior_costs_rejection_one_batch():
    made = []

    def counted(theta, first):
        made.append(len(theta))
        return linear(theta, first)

    with pytest.raises(
        DataError, match="the data lie outside the prior, or this model cannot make them: their summary 1"
    ):
        abc.accept(target(np.array([2.5, 0.5])), FISHER, Abc(), runner(simulate=counted), none())
    assert made == [500]


def test_a_proposal_outside_the_prior_is_refused():
    with pytest.raises(DataError, match="lie outside the prior"):
        gaussian(np.array([5.0, 0.5]), COVARIANCE, PRIOR).draw(np.random.default_rng(1), 1000)


def test_weights_undo_the_proposal():
    """Weighted draws of a Gaussian proposal are draws of the uniform prior."""
    small = Prior(np.array([0.9, 0.4]), np.array([1.1, 0.6]))
    proposal = gaussian(np.array([0.95, 0.5]), 0.01 * np.eye(2), small)
    theta = proposal.draw(np.random.default_rng(5), 20000)
    log_weights = small.log_density(theta) - proposal.log_density(theta)
    weights = np.exp(log_weights - log_weights.max())
    np.testing.assert_allclose(weights @ theta / weights.sum(), [1.0, 0.5], atol=0.003)


def test_weighted_samples_are_described_as_their_statistics_are_measured():
    """Weights prior / proposal count: without them the line would tell of the proposal."""
    theta, weights = np.array([[0.0], [1.0], [2.0]]), np.array([3.0, 1.0, 0.0])
    deviation = np.sqrt(0.1875 / (1 - (0.75**2 + 0.25**2)))  # unbiased, of weights 3/4 and 1/4
    assert describe(["ic.mean"], theta, weights) == f"ic.mean = 0.25 +- {deviation:.2g}"
    assert describe(["ic.mean"], theta) == "ic.mean = 1 +- 1"
