"""Ensembles against the exact posterior of a linear simulator, at 16^3.

Mode by mode the data is d = R x + n, n of variance N, and A is the Wiener filter F = R / (R^2 + N). From a draw z of
the prior, updates x <- x + gamma F (d - S(x)) leave the share g = prod (1 - gamma R F) of z. What the ensemble is worth
depends on what stands for n in the simulator S:

- a noise of its own, the same at every update of a sample (in a universe: modes that no update touches):
  x = g z + (1 - g)(d - n_s) / R. Error of the mean and scatter are both g^2 + (1 - g)^2 N / R^2: calibrated after any
  number of updates, and as narrow as the posterior, N / (R^2 + N), after one full one: more of them only blunt it.
- nothing: x = g z + (1 - g) d / R. The scatter is g^2 alone: overconfident, the more so with every update.
"""

import dataclasses

import numpy as np
import pytest

from lss.grid.fourier import filter_modes
from lss_recon.lulo.directions import pull_to_estimate
from lss_recon.lulo.line_search import by_schedule
from lss_recon.lulo.loop import reconstruct
from lss_recon.lulo.start import certainty

TRUTHS, SAMPLES = 8, 6
SHELLS = [(0.2, 0.6), (0.6, 0.9), (0.9, 1.2)]
SCHEDULES = {1: by_schedule(1.0, 1.0), 4: by_schedule(0.8, 0.9)}


@pytest.fixture(name="toy16")
def _toy16(toy):
    return type("LargerToy", (type(toy),), {"n": 16, "box_size": 32.0})()


def left_of_the_draw(toy, updates):
    """g of every mode after so many updates of the schedule."""
    steps = [1.0] if updates == 1 else [0.8 * 0.9**t for t in range(updates)]
    return np.prod([1 - step * toy.response * toy.filter for step in steps], axis=0)


def ensembles(toy, updates, noisy):
    """Modes of truths (t, ...) and of samples (t, s, ...), every sample after as many updates."""
    truths, samples = [], []
    for _ in range(TRUTHS):
        truth = toy.draw()
        data = toy.simulate_with_noise(truth)
        found = []
        for _ in range(SAMPLES):
            own = np.float32(toy.noise if noisy else 0) * toy.draw()
            problem = toy.problem(data, lambda x, own=own: toy.simulate(x) + own)
            state = reconstruct(problem, toy.draw, SCHEDULES[updates], 1 + updates)
            found.append(toy.modes(state.kept[1 + updates].noise))
        truths.append(toy.modes(truth))
        samples.append(found)
    return np.array(truths), np.array(samples)


def by_shell(toy, quantity):
    """Sums of a quantity of the modes, (..., modes), over all but the shells."""
    return np.array([quantity[..., (low <= toy.k) & (toy.k < high)].sum() for low, high in SHELLS])


def calibration(toy, truths, samples):
    """Squared error of the mean over (1 + 1/n) times the scatter squared, shell by shell."""
    error = np.abs(samples.mean(axis=1) - truths) ** 2
    return by_shell(toy, error) / by_shell(toy, (1 + 1 / SAMPLES) * samples.var(axis=1, ddof=1))


@pytest.mark.parametrize("updates", [1, 4])
def test_samples_of_a_simulator_with_its_own_noise_are_calibrated_in_every_shell(toy16, updates):
    truths, samples = ensembles(toy16, updates, noisy=True)
    np.testing.assert_allclose(calibration(toy16, truths, samples), 1, atol=0.12)
    g = left_of_the_draw(toy16, updates)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = g**2 + np.where(toy16.response > 0, (1 - g) ** 2 * toy16.noise**2 / toy16.response**2, 0)
    scatter = by_shell(toy16, samples.var(axis=1, ddof=1)) / TRUTHS
    np.testing.assert_allclose(scatter, by_shell(toy16, expected), rtol=0.06)
    posterior = by_shell(toy16, toy16.noise**2 / (toy16.response**2 + toy16.noise**2))
    if updates == 1:
        np.testing.assert_allclose(scatter, posterior, rtol=0.06)
    else:
        assert scatter[-1] > 1.2 * posterior[-1]
        assert (scatter > 0.97 * posterior).all()


@pytest.mark.parametrize("updates", [1, 4])
def test_samples_of_a_simulator_without_noise_are_overconfident_by_what_the_closed_form_says(toy16, updates):
    truths, samples = ensembles(toy16, updates, noisy=False)
    g = left_of_the_draw(toy16, updates)
    with np.errstate(divide="ignore", invalid="ignore"):
        fitted = np.where(toy16.response > 0, (1 - g) ** 2 * toy16.noise**2 / toy16.response**2, 0)
    mean_error = by_shell(toy16, g**2 * (1 + 1 / SAMPLES) + fitted)
    expected = mean_error / by_shell(toy16, (1 + 1 / SAMPLES) * g**2)
    measured = calibration(toy16, truths, samples)
    np.testing.assert_allclose(measured, expected, rtol=0.12)
    assert measured[0] > (5 if updates == 1 else 50)  # where the data is good, most
    assert (measured > 1.3).all()


def test_pull_ends_where_residual_and_distance_to_the_estimate_balance(toy16):
    """F (d - R x) + p c (e - x) = 0 mode by mode: x = (F d + p c e) / (F R + p c), e = F d at full power."""
    truth, strength = toy16.draw(), 0.5
    data = toy16.simulate_with_noise(truth)
    correlation = np.sqrt(toy16.filter * toy16.response)
    full = np.divide(1, correlation, out=np.zeros_like(correlation), where=correlation > 0)
    certain, target = certainty(correlation), filter_modes(toy16.wiener(data), full)
    plain = toy16.problem(data)
    pulling = dataclasses.replace(plain, direction=pull_to_estimate(plain.direction, strength, lambda: target, certain))
    state = reconstruct(pulling, toy16.draw, by_schedule(0.6, 1.0), 60)
    last = toy16.modes(state.kept[max(state.kept)].noise)
    balance = toy16.filter * toy16.response + strength * certain
    fitted = toy16.modes(toy16.wiener(data)) + strength * certain * toy16.modes(target)
    good = certain > 0.5
    np.testing.assert_allclose(last[good], (fitted / np.maximum(balance, 1e-9))[good], atol=1e-3)
    fits = toy16.modes(data)[good] / toy16.response[good]  # where updates without a pull end
    true = toy16.modes(truth)[good]
    assert np.sum(np.abs(last[good] - true) ** 2) < 0.9 * np.sum(np.abs(fits - true) ** 2)


def test_modes_of_the_samples_vary_independently_as_in_the_exact_posterior(toy16):
    truth = toy16.draw()
    data = toy16.simulate_with_noise(truth)
    low = toy16.k < 0.45
    count = 200
    samples = np.empty((count, np.count_nonzero(low)), complex)
    for i in range(count):
        state = reconstruct(toy16.problem(data, toy16.simulate_with_noise), toy16.draw, SCHEDULES[1], 2)
        samples[i] = toy16.modes(state.kept[2].noise)[low]
    covariance = np.cov(samples.real, rowvar=False)
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    # Modes of kz = 0 come with their conjugates, which are the same numbers.
    others = np.abs(correlation) < 0.9
    assert np.mean(correlation[others] ** 2) == pytest.approx(1 / count, rel=0.25)
