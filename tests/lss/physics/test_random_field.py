import numpy as np
import pytest

from lss.config import Cosmology
from lss.grid import fourier
from lss.physics.linear_power import linear_power
from lss.physics.random_field import (
    linear_overdensity,
    partner_phase,
    perturbed_partner,
    replace_large_scales,
    white_noise,
    white_noise_of,
)


def shared_modes(field, largest):
    """Modes with every |k_i| <= largest, of unit mean square for white noise of any n."""
    k = np.arange(-largest, largest + 1)
    return (np.fft.rfftn(field) / len(field) ** 1.5)[np.ix_(k, k, np.arange(largest + 1))]


@pytest.mark.parametrize(("coarse", "fine"), [(32, 64), (8, 64), (12, 20), (9, 16)])
def test_grids_of_one_seed_share_their_modes(coarse, fine):
    largest = (coarse - 1) // 2
    a, b = (shared_modes(white_noise(3, 1, n), largest) for n in (coarse, fine))
    np.testing.assert_allclose(a, b, atol=3e-6)


def test_linear_fields_of_32_and_64_agree_mode_by_mode():
    a, b = (shared_modes(linear_overdensity(white_noise(3, 1, n), Cosmology(), 125.0), 15) for n in (32, 64))
    # |delta_k| / n^(3/2) scales as sqrt(n^3): the overdensity of a wave does not depend on the grid
    np.testing.assert_allclose(a * 64**1.5, b * 32**1.5, atol=3e-6 * np.abs(b).max() * 32**1.5)


@pytest.mark.parametrize("n", [7, 8])
def test_every_mode_has_unit_power_and_none_knows_of_another(n):
    fields = np.array([white_noise(11, index, n) for index in range(1500)], dtype=np.float64)
    modes = np.fft.fftn(fields, axes=(1, 2, 3)) / n**1.5
    power = np.mean(np.abs(modes) ** 2, axis=0)
    np.testing.assert_allclose(power, 1, atol=6 * np.sqrt(2 / 1500))
    assert power.mean() == pytest.approx(1, abs=5e-3)
    voxels = fields.reshape(1500, -1)
    np.testing.assert_allclose(voxels.T @ voxels / 1500, np.eye(n**3), atol=6.5 * np.sqrt(2 / 1500))
    assert np.mean(voxels**4) == pytest.approx(3, abs=0.05)


def test_seed_index_and_partner_give_independent_fields():
    keys = [(1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 0)]
    fields = np.array([white_noise(seed, index, 24, partner).ravel() for seed, index, partner in keys])
    np.testing.assert_allclose(np.corrcoef(fields), np.eye(len(keys)), atol=5 / 24**1.5)


def test_a_seed_means_the_same_field_for_ever():
    field = white_noise(1, 0, 8)
    assert field.dtype == np.float32
    np.testing.assert_allclose(field[[0, 1, 7], [0, 2, 7], [0, 3, 7]], [-0.540473, 1.389228, 0.252084], atol=2e-6)


def test_the_same_bits_for_any_number_of_threads(threads):
    threads(1)
    one = white_noise(5, 0, 32)
    threads(2)
    np.testing.assert_array_equal(white_noise(5, 0, 32), one)


@pytest.mark.parametrize("n", [12, 15])
def test_fixed_amplitudes_keep_the_phases(n):
    modes, fixed = (np.fft.rfftn(white_noise(2, 0, n, fixed=choice)) / n**1.5 for choice in (False, True))
    np.testing.assert_allclose(np.abs(fixed), 1, atol=1e-5)
    np.testing.assert_allclose(fixed, modes / np.abs(modes), atol=2e-5)


def test_the_inverted_field_is_the_opposite():
    np.testing.assert_array_equal(white_noise(2, 0, 16, inverted=True), -white_noise(2, 0, 16))


@pytest.mark.parametrize("partner", [1, 2, 3])
def test_a_partner_has_unit_variance_and_the_correlation_of_its_phase(partner):
    n = 32
    noise, perturbation = white_noise(1, 4, n), white_noise(1, 4, n, partner)
    phase = partner_phase(1, 4, partner)
    x = perturbed_partner(noise, perturbation, phase)
    assert x.dtype == np.float32
    assert x.var() == pytest.approx(1, abs=5 * np.sqrt(2 / n**3))
    assert np.mean(noise * x) == pytest.approx(np.cos(phase), abs=5 * np.sqrt(2 / n**3))


def test_phases_of_partners_are_uniform_on_the_circle():
    phases = np.sort([partner_phase(1, a, p) for a in range(200) for p in range(1, 6)]) / (2 * np.pi)
    assert np.abs(phases - (np.arange(1000) + 0.5) / 1000).max() < 1.95 / np.sqrt(1000)  # Kolmogorov, 0.1%


@pytest.mark.parametrize(("m", "n"), [(16, 32), (32, 16), (15, 24)])
def test_replaced_large_scales_are_those_of_the_other_grid_and_the_rest_stay(m, n):
    large, noise = white_noise(1, 0, m), white_noise(2, 0, n)
    result = replace_large_scales(noise, large)
    largest = (min(m, n) - 1) // 2
    np.testing.assert_allclose(shared_modes(result, largest), shared_modes(large, largest), atol=3e-6)
    untouched = np.fft.rfftn(result) - np.fft.rfftn(noise)
    k = np.arange(-largest, largest + 1)
    untouched[np.ix_(k, k, np.arange(largest + 1))] = 0
    np.testing.assert_allclose(untouched / n**1.5, 0, atol=3e-6)
    assert result.var() == pytest.approx(1, abs=6 * np.sqrt(2 / n**3))


def test_the_linear_field_has_the_linear_spectrum():
    n, box, realisations = 16, 200.0, 300
    total = np.zeros((n, n, n // 2 + 1))
    for index in range(realisations):
        delta_k = (box / n) ** 3 * np.fft.rfftn(linear_overdensity(white_noise(1, index, n), Cosmology(), box))
        total += np.abs(delta_k) ** 2 / box**3
    k = fourier.lattice_wavenumbers(n, box)[fourier.squared_indices((n, n, n))]
    expected = linear_power(k, Cosmology())
    ratio = total.ravel()[1:] / realisations / expected.ravel()[1:]
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(ratio, 1, atol=6.5 * np.sqrt(2 / realisations))


def test_the_noise_of_a_linear_field_is_the_noise_it_came_from():
    noise = white_noise(1, 0, 24)
    linear = linear_overdensity(noise, Cosmology(), 80.0)
    assert abs(linear.mean()) < 1e-6
    back = white_noise_of(linear, Cosmology(), 80.0)
    np.testing.assert_allclose(back, noise - noise.mean(), atol=2e-5)


@pytest.mark.parametrize("n", [16, 15])
def test_noise_in_two_dimensions_is_white_and_real(n):
    fields = np.array([white_noise(7, index, n, dimensions=2) for index in range(400)])
    assert fields.shape == (400, n, n)
    assert fields.dtype == np.float32
    power = (np.abs(np.fft.rfft2(fields)) ** 2).mean(0) / n**2
    np.testing.assert_allclose(power, 1, atol=6 * np.sqrt(2 / 400))
    assert fields.var() == pytest.approx(1, abs=4 * np.sqrt(2 / fields.size))


def test_modes_in_two_dimensions_belong_to_the_seed():
    k = np.arange(-7, 8)
    shared = np.ix_(k, np.arange(8))
    coarse, fine = (np.fft.rfft2(white_noise(2, 5, n, dimensions=2))[shared] / n for n in (16, 32))
    np.testing.assert_allclose(coarse, fine, atol=1e-5)
    small = white_noise(2, 6, 32, dimensions=2)
    mixed = replace_large_scales(small, white_noise(2, 5, 16, dimensions=2))
    np.testing.assert_allclose(np.fft.rfft2(mixed)[shared] / 32, coarse, atol=1e-5)
