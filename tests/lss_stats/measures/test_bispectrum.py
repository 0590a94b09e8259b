"""Bispectra against a plain sum over every triangle."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lss.errors import DataError
from lss.grid.fourier import forward
from lss_stats.measures.bispectrum import against_angle, equilateral

BOX, N = 100.0, 16
FUNDAMENTAL = 2 * np.pi / BOX


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    gaussian = np.random.default_rng(3).standard_normal((N, N, N))
    return gaussian + 0.3 * gaussian**2


def all_modes(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every mode strictly below Nyquist: (modes, integer vectors)."""
    m = np.fft.fftfreq(N, 1 / N).astype(int)
    vectors = np.stack(np.meshgrid(m, m, m, indexing="ij"), -1).reshape(-1, 3)
    inside = np.abs(vectors).max(1) < N // 2
    return np.fft.fftn(field).ravel()[inside], vectors[inside]


def plain_bispectrum(fields: list[np.ndarray], sides: tuple[float, float, float]) -> tuple[float, int]:
    """B and the number of triangles by a loop over all pairs of the first two sides."""
    first, second, third = (all_modes(f)[0] for f in fields)
    _, vectors = all_modes(fields[0])
    length = np.sqrt((vectors**2).sum(1))
    near = [(length >= max(k / FUNDAMENTAL - 1, 0.5)) & (length < k / FUNDAMENTAL + 1) for k in sides]
    lookup = np.full((2 * N, 2 * N, 2 * N), -1)
    lookup[tuple(vectors.T)] = np.arange(len(vectors))
    total, count = 0.0, 0
    for i in np.flatnonzero(near[0]):
        partners = np.flatnonzero(near[1])
        closing = -(vectors[i] + vectors[partners])
        possible = np.abs(closing).max(1) < N // 2
        j, partners = lookup[tuple(closing[possible].T)], partners[possible]
        closed = near[2][j]
        total += (first[i] * second[partners[closed]] * third[j[closed]]).real.sum()
        count += int(closed.sum())
    return BOX**6 / N**9 * total / count, count


@pytest.mark.parametrize("sides", [(3.0, 4.0), (2.0, 6.5)])
def test_bispectrum_against_angle_equals_a_sum_over_all_triangles(field, sides):
    k1, k2 = (side * FUNDAMENTAL for side in sides)
    theta = np.array([0.3, 1.2, 2.5])
    result = against_angle(forward(field), N, BOX, k1, k2, theta)
    for i in range(len(theta)):
        value, count = plain_bispectrum([field] * 3, tuple(result.sides[i]))
        assert result.n_triangles[i] == count
        assert_allclose(result.bispectrum[i], value, rtol=1e-10)


def test_equilateral_bispectrum_equals_a_sum_over_all_triangles(field):
    k = np.array([2.0, 4.4, 6.0]) * FUNDAMENTAL
    result = equilateral(forward(field), N, BOX, k)
    for i in range(len(k)):
        value, count = plain_bispectrum([field] * 3, (k[i],) * 3)
        assert result.n_triangles[i] == count
        assert_allclose(result.bispectrum[i], value, rtol=1e-10)


def test_cross_bispectrum_equals_a_sum_over_all_triangles(field):
    rng = np.random.default_rng(4)
    second, third = field + rng.standard_normal(field.shape), field**2
    k = np.array([4.0]) * FUNDAMENTAL
    value, _ = plain_bispectrum([field, second, third], (k[0],) * 3)
    others = np.stack([forward(second), forward(third)])
    assert_allclose(equilateral(forward(field), N, BOX, k, others).bispectrum, value, rtol=1e-10)
    theta = np.array([2 * np.pi / 3])  # the angle between two sides of an equilateral triangle, head to tail
    result = against_angle(forward(field), N, BOX, k[0], k[0], theta, others)
    assert_allclose(result.bispectrum, value, rtol=1e-10)


def test_a_field_and_its_square_have_the_bispectrum_of_perturbation_theory():
    """White noise g plus eps (g^2 - 1): B = 2 eps (P1 P2 + P1 P3 + P2 P3), so Q = 2 eps at first order."""
    rng, eps, q = np.random.default_rng(8), 0.05, []
    for _ in range(20):
        g = rng.standard_normal((24, 24, 24))
        q.append(equilateral(forward(g + eps * (g**2 - 1)), 24, BOX, np.array([6.0]) * FUNDAMENTAL).reduced[0])
    assert abs(np.mean(q) - 2 * eps) < 4 * np.std(q) / np.sqrt(len(q))


def test_poisson_points_have_the_bispectrum_of_shot_noise():
    """B = 1 / nbar^2 of unclustered points, which is what shot_noise() gives with P = 1 / nbar."""
    from lss.grid.mesh import paint

    rng, values, expected = np.random.default_rng(9), [], []
    for _ in range(20):
        count = 2000
        modes = forward(paint(rng.integers(0, N, (count, 3)).astype(np.float32) * (BOX / N), N, BOX, "ngp"))
        modes = (modes * (N**3 / count)).astype(np.complex64)
        result = equilateral(modes, N, BOX, np.array([4.0]) * FUNDAMENTAL)
        values.append(result.bispectrum[0])
        expected.append(result.shot_noise(BOX**3 / count)[0])
    assert abs(np.mean(values) - np.mean(expected)) < 4 * np.std(values) / np.sqrt(len(values))
    assert np.mean(expected) == pytest.approx((BOX**3 / count) ** 2, rel=0.1)


def test_a_side_beyond_the_grid_is_refused(field):
    with pytest.raises(DataError, match="holds no mode"):
        equilateral(forward(field), N, BOX, np.array([40.0]) * FUNDAMENTAL)
