import numpy as np
import pytest

from lss.config import Cosmology
from lss.grid import fourier
from lss.grid.fourier import cut_modes, filter_modes, wavenumber
from lss.physics.random_field import linear_overdensity, white_noise
from lss_recon.lulo.directions import hold_below, pull_to_estimate, whiten, with_noise
from lss_recon.lulo.loop import Evaluation
from lss_recon.lulo.start import certainty, constrained_draw, prior_draw, update_draw

N, BOX = 32, 62.5
K = wavenumber(N, BOX)


def correlation_and_power(a, b, shell):
    one, other = fourier.forward(a)[shell], fourier.forward(b)[shell]
    cross = np.vdot(one, other).real
    return cross / np.sqrt(np.vdot(one, one).real * np.vdot(other, other).real), np.vdot(
        one, one
    ).real / shell.sum() / N**3


def test_constrained_draw_of_a_calibrated_estimate_has_full_power_and_its_correlation_with_the_truth():
    truth, r = white_noise(1, 0, N), 0.8
    # An estimate that correlates with the truth as r and has slope b = 1 (a conditional mean): power r^2.
    estimate = np.float32(r**2) * truth + np.float32(r * np.sqrt(1 - r**2)) * white_noise(2, 0, N)
    start = constrained_draw(estimate, prior_draw(1, 0, N), lambda k: (np.ones_like(k), np.full_like(k, r)), 1.0, BOX)
    found, power = correlation_and_power(start, truth, (K > 0) & (K < 1.0))
    assert power == pytest.approx(1, abs=0.03)
    assert found == pytest.approx(r**2, abs=0.03)


def test_constrained_draw_is_the_prior_draw_beyond_k_max():
    draw = prior_draw(1, 0, N)
    start = constrained_draw(white_noise(2, 0, N), draw, lambda k: (np.ones_like(k), np.full_like(k, 0.5)), 0.8, BOX)
    beyond = K >= 0.8
    np.testing.assert_allclose(fourier.forward(start)[beyond], fourier.forward(draw)[beyond], atol=1e-2)


def test_draws_are_never_those_of_a_universe_of_the_same_seed():
    fields = [white_noise(7, 3, 8), prior_draw(7, 3, 8), update_draw(7, 3, 8, 1), update_draw(7, 3, 8, 2)]
    fields += [white_noise(7, 3, 8, partner=p) for p in range(1, 6)]
    correlations = np.corrcoef([field.ravel() for field in fields])
    assert np.abs(correlations - np.eye(len(fields))).max() < 0.3


def test_whitening_undoes_power_and_smoothing_below_k_max():
    noise, cosmology = white_noise(5, 0, N), Cosmology()
    smooth = fourier.smooth(linear_overdensity(noise, cosmology, BOX), 1.0, BOX)
    found = whiten(smooth, 1.0, 1.2, cosmology, BOX)
    without_mean = filter_modes(noise, K > 0)
    np.testing.assert_allclose(found, cut_modes(without_mean, 1.2, BOX), atol=2e-3)


def test_added_noise_decays_by_its_factor_and_begins_with_its_amplitude():
    direction = with_noise(lambda evaluation, update: np.zeros(1), 0.1, 0.9, lambda update: np.ones(1, np.float32))
    assert [float(direction(None, update)[0]) for update in (1, 2, 3)] == pytest.approx([0.1, 0.09, 0.081])


def test_a_sharp_start_has_full_power_and_the_correlation_of_the_estimate_itself():
    truth, r = white_noise(1, 0, N), 0.9
    estimate = np.float32(r**2) * truth + np.float32(r * np.sqrt(1 - r**2)) * white_noise(2, 0, N)
    calibration = (lambda k: (np.ones_like(k), np.full_like(k, r)), 1.0, BOX)
    start = constrained_draw(estimate, prior_draw(1, 0, N), *calibration, sharp=True)
    found, power = correlation_and_power(start, truth, (K > 0) & (K < 1.0))
    assert power == pytest.approx(1, abs=0.03)
    assert found == pytest.approx(r, abs=0.03)


def test_a_sharp_start_is_a_sample_where_the_estimate_is_poor():
    draw, estimate = prior_draw(1, 0, N), white_noise(2, 0, N)
    calibration = (lambda k: (np.ones_like(k), np.full_like(k, 0.4)), 1.0, BOX)
    sharp, sample = (constrained_draw(estimate, draw, *calibration, sharp=sharp) for sharp in (True, False))
    np.testing.assert_array_equal(sharp, sample)


def test_held_direction_leaves_large_scales_and_keeps_small_ones():
    free = white_noise(3, 0, N)
    held = fourier.forward(hold_below(lambda evaluation, update: free, 0.3, BOX)(None, 1))
    kept = np.abs(held) / np.maximum(np.abs(fourier.forward(free)), 1e-6)
    assert kept[(K > 0) & (K < 0.11)].max() < 0.07
    assert kept[K > 1.0] == pytest.approx(1, abs=5e-3)


def test_pull_closes_its_share_of_the_distance_to_the_estimate_and_leaves_uncertain_modes_alone():
    free, target, here = (white_noise(seed, 0, N) for seed in (3, 4, 5))
    certain = np.where(K < 0.5, 1, 0)
    drawn = pull_to_estimate(lambda evaluation, update: free, 0.4, lambda: target, certain)(Evaluation(here, None), 1)
    expected = np.where(K < 0.5, 0.4 * fourier.forward(target - here), 0)
    np.testing.assert_allclose(fourier.forward(drawn - free), expected, atol=2e-2 * np.sqrt(N))


def test_estimate_is_certain_where_it_correlates_well():
    correlation = np.array([0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 1.0])
    found = certainty(correlation)
    assert found[:2].tolist() == [0, 0]
    assert found[-2:].tolist() == [1, 1]
    assert (np.diff(found[1:-1]) > 0).all()
