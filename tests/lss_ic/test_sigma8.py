import numpy as np
import pytest

from lss.config import Cosmology
from lss.physics.random_field import linear_overdensity, white_noise
from lss_ic.sigma8 import expected_sigma8, measured_sigma8


@pytest.mark.parametrize("n", [16, 15])
def test_a_plane_wave_has_the_variance_that_spheres_leave_of_it(n):
    box, amplitude = 100.0, 1.3
    x = np.arange(n) * box / n
    k = 2 * np.pi * np.sqrt(2**2 + 1**2) / box
    wave = amplitude * np.cos(2 * np.pi / box * (2 * x[:, None, None] - x[None, None, :]) + np.zeros((n, n, n)))
    sphere = 3 * (np.sin(8 * k) - 8 * k * np.cos(8 * k)) / (8 * k) ** 3
    assert measured_sigma8(wave.astype(np.float32), box) == pytest.approx(
        amplitude / np.sqrt(2) * abs(sphere), rel=1e-5
    )


@pytest.mark.parametrize("box", [60.0, 200.0])
def test_fields_have_on_average_the_sigma8_expected_of_their_box_and_grid(box):
    n, realisations = 16, 120
    measured = [
        measured_sigma8(linear_overdensity(white_noise(2, i, n), Cosmology(), box), box) for i in range(realisations)
    ]
    expected = expected_sigma8(n, box, Cosmology())
    scatter = np.std(np.square(measured)) / np.sqrt(realisations)
    assert np.mean(np.square(measured)) == pytest.approx(expected**2, abs=4 * scatter)
    assert expected < Cosmology().sigma8


def test_fixed_amplitudes_have_exactly_the_sigma8_expected():
    linear = linear_overdensity(white_noise(1, 0, 32, fixed=True), Cosmology(), 125.0)
    assert measured_sigma8(linear, 125.0) == pytest.approx(expected_sigma8(32, 125.0, Cosmology()), rel=1e-5)


def test_a_large_fine_box_comes_near_the_sigma8_of_the_configuration():
    assert expected_sigma8(128, 500.0, Cosmology()) == pytest.approx(0.834, rel=0.005)
