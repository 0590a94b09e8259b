import numpy as np
import pytest

from lss.errors import DataError
from lss.grid import fourier, mesh

SCHEMES = list(mesh.ORDER)
BOX = 40.0


def random_positions(count, seed=0):
    position = np.random.default_rng(seed).uniform(0, BOX, (count, 3)).astype(np.float32)
    return np.where(position >= BOX, np.float32(0), position)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("n", [4, 11, 16])
def test_painting_conserves_the_weights(scheme, n):
    weight = np.random.default_rng(1).uniform(0, 2, 5000).astype(np.float32)
    grid = mesh.paint(random_positions(5000), n, BOX, scheme, weight)
    assert grid.dtype == np.float32
    assert grid.sum(dtype=np.float64) == pytest.approx(weight.sum(dtype=np.float64), rel=5e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_painting_and_interpolation_are_adjoint(scheme):
    n = 12
    field = np.random.default_rng(2).normal(size=(n, n, n)).astype(np.float32)
    position = random_positions(3000)
    weight = np.random.default_rng(3).normal(size=3000).astype(np.float32)
    on_grid = np.sum(mesh.paint(position, n, BOX, scheme, weight) * field, dtype=np.float64)
    on_particles = np.sum(mesh.interpolate(field, position, BOX, scheme) * weight, dtype=np.float64)
    assert on_grid == pytest.approx(on_particles, abs=1e-3)


def test_clouds_are_centred_on_grid_points():
    position = np.array([[3 * BOX / 8, 0, 7 * BOX / 8]], np.float32)
    for scheme, peak in (("ngp", 1.0), ("cic", 1.0), ("tsc", 0.75**3), ("pcs", (2 / 3) ** 3)):
        grid = mesh.paint(position, 8, BOX, scheme)
        assert np.unravel_index(np.argmax(grid), grid.shape) == (3, 0, 7)
        assert grid.max() == pytest.approx(peak, rel=1e-5)


@pytest.mark.parametrize("scheme", ["cic", "tsc", "pcs"])
def test_a_linear_field_is_interpolated_exactly(scheme):
    n = 16
    ramp = np.broadcast_to(np.arange(n, dtype=np.float32)[:, None, None], (n, n, n))
    position = random_positions(200)
    inside = position[(position[:, 0] > 3 * BOX / n) & (position[:, 0] < BOX - 4 * BOX / n)]
    np.testing.assert_allclose(mesh.interpolate(ramp, inside, BOX, scheme), inside[:, 0] * n / BOX, rtol=2e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_window_is_the_spectrum_of_one_cloud(scheme):
    # Averaged over sub-cell positions, one particle's mode is exp(-i k x) times the window.
    n, mode, shifts = 8, (1, 2, 3), 64
    wx, wy, wz = mesh.window(n, scheme)
    expected = wx[1, 0, 0] * wy[0, 2, 0] * wz[0, 0, 3]
    total = 0j
    rng = np.random.default_rng(4)
    samples = (np.arange(shifts)[:, None] + rng.uniform(size=(shifts, 3))) / shifts
    for axis in range(3):
        rng.shuffle(samples[:, axis])
    for s in samples:
        modes = fourier.forward(mesh.paint((s * BOX / n).astype(np.float32)[None], n, BOX, scheme))
        total += modes[mode] * np.exp(2j * np.pi * np.dot(mode, s) / n)
    assert (total / shifts).real == pytest.approx(expected, abs=0.05)
    assert wx[0, 0, 0] == wz[0, 0, 0] == 1.0


def test_an_offset_is_a_shift_of_the_particles():
    position = random_positions(1000)
    shifted = np.mod(position + np.float32(0.25 * BOX / 16), np.float32(BOX))
    np.testing.assert_allclose(
        mesh.paint(position, 16, BOX, "tsc", offset=0.25), mesh.paint(shifted, 16, BOX, "tsc"), atol=1e-4
    )


def test_positions_outside_the_box_are_wrapped():
    position = random_positions(500)
    np.testing.assert_allclose(
        mesh.paint(position - np.float32(3 * BOX), 16, BOX), mesh.paint(position, 16, BOX), atol=3e-3
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_same_bits_for_any_thread_count(scheme, threads):
    position = random_positions(20000)
    field = np.random.default_rng(5).normal(size=(32, 32, 32)).astype(np.float32)
    results = []
    for count in (1, 2, 3, 7):
        threads(count)
        results.append((mesh.paint(position, 32, BOX, scheme), mesh.interpolate(field, position, BOX, scheme)))
    for grid, value in results[1:]:
        assert np.array_equal(grid, results[0][0])
        assert np.array_equal(value, results[0][1])


def test_nothing_painted_is_zero_everywhere():
    assert not mesh.overdensity(np.empty((0, 3), np.float32), 8, BOX).any()
    assert mesh.overdensity(random_positions(5000), 8, BOX, "tsc").mean(dtype=np.float64) == pytest.approx(0, abs=1e-6)


def test_a_position_that_is_not_finite_is_refused():
    position = random_positions(10)
    position[3, 1] = np.nan
    with pytest.raises(DataError, match="1 of 10 particles"):
        mesh.paint(position, 8, BOX)


def test_an_unknown_scheme_names_the_known_ones():
    with pytest.raises(DataError, match="ngp, cic, tsc, pcs"):
        mesh.paint(random_positions(1), 8, BOX, "cci")
