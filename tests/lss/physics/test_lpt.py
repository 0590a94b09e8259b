import numpy as np
import pytest

from lss.config import Cosmology
from lss.grid import fourier
from lss.grid.mesh import overdensity
from lss.physics.cosmology import growth_factor, growth_factor_2, growth_rate, hubble
from lss.physics.lpt import displacements, linear_field, lpt_particles
from lss.physics.random_field import linear_overdensity, replace_large_scales, white_noise

N, BOX, OMEGA_M = 32, 100.0, 0.3175
X = np.arange(N) * BOX / N
FUNDAMENTAL = 2 * np.pi / BOX


def grid(field):
    return np.ascontiguousarray(np.broadcast_to(field, (N, N, N)), dtype=np.float32)


def lattice():
    return np.stack(np.meshgrid(X, X, X, indexing="ij"), axis=-1).reshape(-1, 3)


def displacement(position):
    return (position.astype(np.float64) - lattice() + BOX / 2) % BOX - BOX / 2


def gradient(field, axis):
    k = fourier.wavenumbers(N, BOX)[axis].copy()
    k[np.isclose(np.abs(k), np.pi * N / BOX)] = 0
    return np.fft.irfftn(1j * k * np.fft.rfftn(field), s=(N, N, N), axes=(0, 1, 2))


def smooth_random_field(seed=1):
    """A random field without modes beyond a quarter of the Nyquist frequency: the grid resolves its products too."""
    large = replace_large_scales(np.zeros((N, N, N), np.float32), white_noise(seed, 0, N // 4))
    return linear_overdensity(large, Cosmology(), BOX)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_particles_of_a_plane_wave_follow_zeldovich_exactly(axis):
    k, amplitude, phase, z = 3 * FUNDAMENTAL, 2.0, 0.7, 9.0
    q = np.moveaxis(X[:, None, None], 0, axis)
    position, velocity = lpt_particles(grid(amplitude * np.cos(k * q + phase)), BOX, OMEGA_M, z)
    a = 1 / (1 + z)
    d1 = growth_factor(a, OMEGA_M)
    wave = -np.sin(k * lattice()[:, axis] + phase) * amplitude / k
    expected = np.zeros((N**3, 3))
    expected[:, axis] = wave
    np.testing.assert_allclose(displacement(position), d1 * expected, atol=1e-5)
    rate = 100 * a * hubble(a, OMEGA_M) * growth_rate(a, OMEGA_M) * d1
    np.testing.assert_allclose(velocity, rate * expected, atol=1e-4 * rate)


def test_two_crossed_waves_give_the_second_order_displacement_worked_out_by_hand():
    k1, k2, a, b = 2 * FUNDAMENTAL, 3 * FUNDAMENTAL, 0.4, 0.7
    x, y = X[:, None, None], X[None, :, None]
    psi1, psi2 = displacements(grid(a * np.cos(k1 * x) + b * np.cos(k2 * y)), BOX)
    # phi_xx phi_yy = a b cos(k1 x) cos(k2 y) is the divergence of psi2, a gradient
    scale = a * b / (k1**2 + k2**2)
    np.testing.assert_allclose(psi1[..., 1], grid(-b / k2 * np.sin(k2 * y)), atol=1e-5)
    np.testing.assert_allclose(psi2[..., 0], grid(scale * k1 * np.sin(k1 * x) * np.cos(k2 * y)), atol=1e-5)
    np.testing.assert_allclose(psi2[..., 1], grid(scale * k2 * np.cos(k1 * x) * np.sin(k2 * y)), atol=1e-5)
    np.testing.assert_allclose(psi2[..., 2], 0, atol=1e-5)


def test_displacements_are_gradients_with_the_right_divergence():
    linear = smooth_random_field()
    psi1, psi2 = displacements(linear, BOX)
    tidal = [[-gradient(psi1[..., i], j) for j in range(3)] for i in range(3)]  # phi_ij
    source = sum(tidal[i][i] * tidal[j][j] - tidal[i][j] ** 2 for i, j in ((0, 1), (0, 2), (1, 2)))
    divergence1 = sum(gradient(psi1[..., i], i) for i in range(3))
    divergence2 = sum(gradient(psi2[..., i], i) for i in range(3))
    np.testing.assert_allclose(divergence1, -linear, atol=1e-5 * np.abs(linear).max())
    np.testing.assert_allclose(divergence2, source - source.mean(), atol=1e-5 * np.abs(source).max())
    for psi in (psi1, psi2):
        assert psi.shape == (N, N, N, 3)
        assert psi.dtype == np.float32
        np.testing.assert_allclose(gradient(psi[..., 0], 1), gradient(psi[..., 1], 0), atol=1e-5 * np.abs(psi).max())


@pytest.mark.parametrize("order", [1, 2])
def test_velocity_is_the_motion_of_the_positions(order):
    linear, a, step = smooth_random_field(), 0.25, 0.01
    later, earlier = (lpt_particles(linear, BOX, OMEGA_M, 1 / s - 1, order)[0] for s in (a + step, a - step))
    velocity = lpt_particles(linear, BOX, OMEGA_M, 1 / a - 1, order)[1]
    moved = (later.astype(np.float64) - earlier + BOX / 2) % BOX - BOX / 2
    # v = a dx/dt, dt = da / (a H), H = 100 E in km/s per Mpc/h
    motion = moved / (2 * step) * a**2 * 100 * hubble(a, OMEGA_M)
    np.testing.assert_allclose(velocity, motion, atol=2e-3 * velocity.std())


def test_second_order_is_added_to_the_first():
    linear, z = smooth_random_field(), 3.0
    first, second = (displacement(lpt_particles(linear, BOX, OMEGA_M, z, order)[0]) for order in (1, 2))
    psi2 = displacements(linear, BOX)[1].reshape(-1, 3)
    np.testing.assert_allclose(second - first, growth_factor_2(0.25, OMEGA_M) * psi2, atol=3e-5)
    assert displacements(linear, BOX, order=1)[1] is None


@pytest.mark.parametrize("z", [127.0, 511.0])
def test_particles_early_have_the_linear_density_in_their_lowest_modes(z):
    linear, d1 = linear_overdensity(white_noise(1, 0, N), Cosmology(), BOX), growth_factor(1 / (1 + z), OMEGA_M)
    position, _ = lpt_particles(linear, BOX, OMEGA_M, z)
    m = np.arange(-4, 5)
    ex, ey, ez = (np.exp(-1j * FUNDAMENTAL * m[:, None] * position[:, axis]) for axis in range(3))
    measured = np.einsum("ip,jp,kp->ijk", ex, ey, ez[4:], optimize=True)  # the sum over particles itself, no mesh
    measured[4, 4, 0] -= N**3
    expected = d1 * np.fft.rfftn(linear)[np.ix_(m, m, m[4:])]
    expected[4, 4, 0] = 0
    error = np.sqrt(np.mean(np.abs(measured - expected) ** 2) / np.mean(np.abs(expected) ** 2))
    assert error < 1.5 * d1  # what is left is of second order


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_no_half_voxel_lies_between_the_linear_grid_and_the_particles(axis):
    m, phase = 4, 0.4
    q = np.moveaxis(X[:, None, None], 0, axis)
    linear = grid(np.cos(m * FUNDAMENTAL * q + phase))
    position, _ = lpt_particles(linear, BOX, OMEGA_M, 49.0)
    where = [0, 0, 0]
    where[axis] = m
    measured, expected = (np.fft.rfftn(f)[tuple(where)] for f in (overdensity(position, N, BOX), linear))
    half_a_voxel = m * FUNDAMENTAL * BOX / N / 2
    assert abs(np.angle(measured / expected)) < 1e-3 * half_a_voxel


def test_particles_lie_inside_the_box_in_lattice_order():
    linear = linear_overdensity(white_noise(1, 0, N), Cosmology(), BOX)
    for z in (0.0, 127.0, 5000.0):
        position, velocity = lpt_particles(linear, BOX, OMEGA_M, z)
        assert position.shape == velocity.shape == (N**3, 3)
        assert position.dtype == velocity.dtype == np.float32
        assert (position >= 0).all()
        assert (position < np.float32(BOX)).all()
    assert np.abs(displacement(position)).max() < 0.01  # at z = 5000


def test_a_homogeneous_universe_stays_a_lattice_at_rest():
    position, velocity = lpt_particles(np.zeros((N, N, N), np.float32), BOX, OMEGA_M, 0.0)
    np.testing.assert_allclose(position, lattice(), atol=1e-5)
    np.testing.assert_array_equal(velocity, 0)


def test_the_centre_of_mass_stays_at_rest():
    linear = linear_overdensity(white_noise(1, 0, N), Cosmology(), BOX)
    _, velocity = lpt_particles(linear, BOX, OMEGA_M, 10.0)
    np.testing.assert_allclose(velocity.mean(axis=0, dtype=np.float64), 0, atol=1e-5 * velocity.std())


def test_the_same_bits_for_any_number_of_threads(threads):
    linear = linear_overdensity(white_noise(1, 0, N), Cosmology(), BOX)
    threads(1)
    one = lpt_particles(linear, BOX, OMEGA_M, 10.0)
    threads(2)
    two = lpt_particles(linear, BOX, OMEGA_M, 10.0)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_linear_field_is_found_again_from_the_particles_of_the_start():
    linear = linear_overdensity(white_noise(3, 0, N), Cosmology(), BOX)
    position, _ = lpt_particles(linear, BOX, OMEGA_M, 49.0)
    found, true = (np.fft.rfftn(field) for field in (linear_field(position, BOX, OMEGA_M, 49.0), linear))
    inside = np.ix_(*[np.arange(1 - N // 2, N // 2)] * 2, np.arange(N // 2))  # a gradient has no Nyquist planes
    error = np.abs(found - true)[inside]
    assert np.sqrt(np.mean(error**2)) < 2e-3 * np.sqrt(np.mean(np.abs(true[inside]) ** 2))


def test_without_the_second_order_the_linear_field_would_be_wrong_at_that_redshift():
    linear = smooth_random_field(5)
    position, _ = lpt_particles(linear, BOX, OMEGA_M, 9.0)
    first_only, _ = lpt_particles(linear, BOX, OMEGA_M, 9.0, order=1)
    right = linear_field(position, BOX, OMEGA_M, 9.0) - linear
    wrong = linear_field(first_only, BOX, OMEGA_M, 9.0) - linear
    assert np.std(right) < 1e-3 * np.std(linear) < 0.1 * np.std(wrong)
