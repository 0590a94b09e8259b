import dataclasses

import numpy as np
import pytest

from lss.errors import Stopped
from lss_recon.lulo.directions import by_pairs
from lss_recon.lulo.line_search import by_line_search, by_schedule
from lss_recon.lulo.loop import PATIENCE, reconstruct

CHOOSERS = {
    "schedule": lambda: by_schedule(1.0, 0.9),
    "best": lambda: by_line_search(0.3, 0.7, "best"),
    "published": lambda: by_line_search(0.3, 0.7, "published"),
}


@pytest.fixture(params=CHOOSERS)
def choose_step(request):
    return CHOOSERS[request.param]


def best_noise(state):
    return state.kept[state.best.simulation].noise


def histories_agree(one, other):
    return all(
        dataclasses.replace(a, seconds=0) == dataclasses.replace(b, seconds=0)
        for a, b in zip(one.history, other.history, strict=True)
    )


def test_constrained_modes_reach_the_truth_and_the_others_stay_at_the_prior_draw(toy, choose_step):
    truth, start = toy.draw(), toy.draw()
    state = reconstruct(toy.problem(toy.simulate(truth)), lambda: start, choose_step(), 150)
    found, expected = toy.modes(best_noise(state)), toy.modes(truth)
    well = toy.response > 0.5
    assert np.abs(found - expected)[well].max() < 0.03 * np.abs(expected[well]).max()
    unseen = toy.response == 0
    np.testing.assert_allclose(found[unseen], toy.modes(start)[unseen], atol=1e-4)
    assert state.best.loss < 1e-4 * state.history[0].loss


def test_one_update_from_the_prior_samples_the_exact_posterior(toy):
    truth = toy.draw()
    data = toy.simulate_with_noise(truth)
    samples = []
    for _ in range(400):
        state = reconstruct(toy.problem(data, toy.simulate_with_noise), toy.draw, by_schedule(1.0, 1.0), 2)
        samples.append(toy.modes(state.kept[2].noise))
    samples = np.array(samples)
    mean, variance = samples.mean(axis=0), samples.var(axis=0, ddof=1)
    # Matheron's rule: mean W d, variance N / (R^2 + N) in every mode.
    expected = toy.noise**2 / (toy.response**2 + toy.noise**2)
    deviation = np.abs(mean - toy.modes(toy.wiener(data))) ** 2 / (expected / len(samples))
    assert deviation.mean() == pytest.approx(1, abs=0.12)
    for low, high in [(0, 0.5), (0.5, 0.9), (0.9, 1.2), (1.2, 3)]:
        shell = (low <= toy.k) & (high > toy.k)
        assert (variance / expected)[shell].mean() == pytest.approx(1, abs=0.05)


def test_no_point_is_simulated_twice_and_every_simulation_is_counted(toy, counter, choose_step):
    state = reconstruct(toy.problem(toy.simulate(toy.draw()), counter), toy.draw, choose_step(), 25)
    assert [trial.simulation for trial in state.history] == list(range(1, len(counter.seen) + 1))
    assert len(counter.seen) <= 25


def test_best_evaluated_is_returned_even_if_later_ones_are_worse(toy):
    truth = toy.draw()
    state = reconstruct(toy.problem(toy.simulate(truth)), lambda: truth, by_schedule(1.0, 0.9), 4)
    assert state.best.loss == min(trial.loss for trial in state.history)
    assert state.best.simulation in state.kept


def test_loop_ends_after_five_updates_without_gain(toy):
    data = toy.simulate(toy.draw())
    stuck = dataclasses.replace(toy.problem(data), direction=lambda evaluation, update: 0.1 * toy.draw())
    truth_like = reconstruct(toy.problem(data), toy.draw, by_schedule(1.0, 1.0), 60)
    state = reconstruct(stuck, lambda: best_noise(truth_like), by_schedule(1.0, 1.0), 60)
    assert len(state.history) == 1 + PATIENCE


def test_search_without_gain_ends_the_loop_unless_the_direction_is_drawn_anew(toy):
    problem = toy.problem(toy.simulate(toy.draw()))
    uphill = dataclasses.replace(problem, direction=lambda evaluation, update: -problem.direction(evaluation, update))
    for repeats, ended in [(True, {0, 1}), (False, set(range(PATIENCE + 1)))]:
        state = reconstruct(
            dataclasses.replace(uphill, direction_repeats=repeats), toy.draw, by_line_search(1.0, 0.7, "best"), 99
        )
        assert {trial.update for trial in state.history} == ended
        assert state.best.simulation == 1


def test_simulation_that_blows_up_is_left_out(toy):
    gains = iter([1, np.nan, 1, 1, 1, 1, 1, 1])

    def fragile(noise):
        return toy.simulate(noise) * np.float32(next(gains))

    state = reconstruct(toy.problem(toy.simulate(toy.draw()), fragile), toy.draw, by_schedule(1.0, 0.9), 8)
    assert state.history[1].loss == np.inf
    assert state.best.loss < 0.1 * state.history[0].loss


@pytest.mark.parametrize("simulations", range(1, 12))
def test_loop_stopped_after_any_simulation_goes_on_to_the_same_bits(toy, counter, choose_step, simulations):
    data, start = toy.simulate(toy.draw()), toy.draw()
    whole = reconstruct(toy.problem(data), lambda: start, choose_step(), 12)
    stopped = None

    def stop(state):
        nonlocal stopped
        stopped = state
        if len(state.history) == simulations:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        reconstruct(toy.problem(data, counter), lambda: start, choose_step(), 12, checkpoint=stop)
    resumed = reconstruct(toy.problem(data, counter), lambda: start, choose_step(), 12, state=stopped)
    assert histories_agree(resumed, whole)
    assert np.array_equal(best_noise(resumed), best_noise(whole))


def test_stopped_loop_can_be_given_more_simulations(toy, choose_step):
    data, start = toy.simulate(toy.draw()), toy.draw()
    short = reconstruct(toy.problem(data), lambda: start, choose_step(), 7)
    extended = reconstruct(toy.problem(data), lambda: start, choose_step(), 14, state=short)
    assert len(extended.history) > 7
    assert extended.best.loss <= short.best.loss


def test_pairs_direction_lowers_the_loss_along_a_positive_step_and_has_unit_rms(toy):
    data = toy.simulate(toy.draw())
    direction = by_pairs(lambda difference: 37 * toy.wiener(difference[0]), lambda outcome: outcome[None], data[None])
    pairs = dataclasses.replace(toy.problem(data), direction=direction)
    state = reconstruct(pairs, toy.draw, by_schedule(0.3, 1.0), 2)
    assert state.history[1].loss < state.history[0].loss
    assert np.mean(direction(state.kept[1], 1) ** 2) == pytest.approx(1, rel=1e-3)


def test_constraint_acts_on_every_trial_point(toy, choose_step):
    def limited(noise, update):
        return noise * np.float32(min(1, 0.9**update * np.mean(noise**2) ** -0.5))

    problem = toy.problem(toy.simulate(2 * toy.draw()), constrain=limited)
    state = reconstruct(problem, lambda: limited(toy.draw(), 0), choose_step(), 10)
    assert all(trial.rms <= 1.001 * 0.9**trial.update for trial in state.history)
    assert state.history[-1].update > 1


def test_only_universes_that_may_still_be_needed_are_kept(toy, choose_step):
    most = 0

    def watch(state):
        nonlocal most
        most = max(most, len(state.kept))

    reconstruct(toy.problem(toy.simulate(toy.draw())), toy.draw, choose_step(), 30, checkpoint=watch)
    assert most <= 6
