"""Operators of Lagrangian bias against plane waves, a finite-difference Hessian, and Gaussian fields."""

import numpy as np
import pytest

from lss.config import Cosmology
from lss.errors import ConfigError
from lss.grid import fourier
from lss.grid.bias_operators import bias_operators, check_radii, expected_covariance, orthogonal_inputs
from lss.physics.linear_power import linear_power
from lss.physics.random_field import linear_overdensity, white_noise

N, BOX = 32, 80.0
RADII = (4.0, 8.0)


def lattice(n=N, box_size=BOX):
    """Where the grid points are: (i, j, k) L / n."""
    return np.indices((n, n, n)) * (box_size / n)


def plane_wave(m, amplitude, phase, n=N, box_size=BOX):
    k = 2 * np.pi / box_size * np.array(m)
    return amplitude * np.cos(np.tensordot(k, lattice(n, box_size), 1) + phase), k


@pytest.mark.parametrize("m", [(1, 0, 0), (2, -1, 3), (0, 4, 4)])
def test_a_plane_wave_is_where_the_lattice_of_particles_has_it(m):
    wave, k = plane_wave(m, 0.7, 0.4)
    operators = bias_operators(wave, RADII, BOX)
    for i, radius in enumerate(RADII):
        smoothed = wave * np.exp(-0.5 * (k @ k) * radius**2)
        tolerance = 1e-5 * np.abs(smoothed).max()
        np.testing.assert_allclose(operators[i], smoothed, atol=tolerance)
        np.testing.assert_allclose(operators[2 + i], -(k @ k) * smoothed, atol=tolerance)
        np.testing.assert_allclose(operators[4 + i], 0, atol=tolerance)


def test_a_shift_of_one_voxel_is_seen():
    wave, _ = plane_wave((2, -1, 3), 0.7, 0.4)
    shifted, _ = plane_wave((2, -1, 3), 0.7, 0.4 + 2 * np.pi * 2 / N)
    np.testing.assert_allclose(
        bias_operators(np.roll(wave, -1, axis=0), RADII, BOX), bias_operators(shifted, RADII, BOX), atol=1e-6
    )
    assert np.abs(bias_operators(wave, RADII, BOX)[0] - bias_operators(shifted, RADII, BOX)[0]).max() > 0.05


def test_two_plane_waves_have_the_tide_of_their_angle():
    one, k1 = plane_wave((1, 2, 0), 0.7, 0.4)
    two, k2 = plane_wave((0, 2, -2), 0.5, 1.3)
    mu2 = (k1 @ k2) ** 2 / (k1 @ k1) / (k2 @ k2)
    for radius, g2 in zip(RADII, bias_operators(one + two, RADII, BOX)[4:], strict=True):
        product = one * two * np.exp(-0.5 * (k1 @ k1 + k2 @ k2) * radius**2)
        np.testing.assert_allclose(g2, 2 * (mu2 - 1) * product, atol=2e-5 * np.abs(product).max())


def test_operators_are_those_of_a_finite_difference_hessian():
    n, box_size, radius = 64, 64.0, 6.0
    field = np.random.default_rng(3).standard_normal((n, n, n)).astype(np.float32)
    delta = fourier.smooth(field, radius, box_size).astype(np.float64)
    delta -= delta.mean()
    modes = fourier.forward(delta)
    k2 = sum(k**2 for k in fourier.wavenumbers(n, box_size))
    potential = fourier.inverse(modes / np.where(k2 == 0, np.inf, -k2), n)

    def derivative(values, axis):
        return (
            8 * (np.roll(values, -1, axis) - np.roll(values, 1, axis))
            - np.roll(values, -2, axis)
            + np.roll(values, 2, axis)
        ) / 12

    hessian = [[derivative(derivative(potential, i), j) for j in range(3)] for i in range(3)]
    laplacian = sum(derivative(derivative(delta, i), i) for i in range(3))
    g2 = sum(hessian[i][j] ** 2 for i in range(3) for j in range(3)) - delta**2
    found = bias_operators(field - field.mean(), [radius], box_size)
    for operator, expected in zip(found, (delta, laplacian, g2), strict=True):
        np.testing.assert_allclose(operator, expected, atol=5e-3 * expected.std())


def operators_of_universes(count=30, n=N, box_size=BOX):
    cosmology = Cosmology()
    power = linear_power(fourier.lattice_wavenumbers(n, box_size), cosmology)
    fields = (linear_overdensity(white_noise(5, i, n), cosmology, box_size) for i in range(count))
    return [bias_operators(field, RADII, box_size).reshape(6, -1) for field in fields], power


def test_the_mean_of_g2_is_zero_in_every_universe():
    for operators in operators_of_universes(3)[0]:
        assert np.abs(operators[4:].mean(axis=1) / operators[4:].std(axis=1)).max() < 1e-4


def test_gaussian_fields_have_the_expected_covariance_and_inputs_are_orthogonal():
    drawn, power = operators_of_universes()
    expected = expected_covariance(RADII, power, N, BOX)
    sigma = np.sqrt(np.diag(expected))
    measured = np.mean([x.astype(np.float64) @ x.T / x.shape[1] for x in drawn], axis=0)
    np.testing.assert_allclose(measured / np.outer(sigma, sigma), expected / np.outer(sigma, sigma), atol=0.06)
    inputs = orthogonal_inputs(expected)
    assert inputs.shape == (5, 6)
    np.testing.assert_allclose(inputs @ expected @ inputs.T, np.eye(5), atol=1e-8)
    assert (inputs[:3, 4:] == 0).all()
    assert (inputs[3:, :4] == 0).all()


def test_a_radius_that_the_grid_cannot_hold_is_refused():
    with pytest.raises(ConfigError, match=r"radii = 1 Mpc/h: on voxels of 1\.172 Mpc/h the smallest radius is 1\.35"):
        check_radii((1.0, 2.83), 150 / 128)
    check_radii((1.15,), 1.0)
