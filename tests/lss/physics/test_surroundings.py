"""Spherical averages, dipoles and tides of fields whose multipoles are known."""

import numpy as np
import pytest

from lss.physics.collapse_mass import CRITICAL, first_crossing_mass, peak_patch_mass
from lss.physics.cosmology import RHO_CRIT
from lss.physics.linear_power import tophat
from lss.physics.surroundings import feature_names, surroundings

N, BOX = 16, 40.0
K = 2 * np.pi / BOX


def columns(field, radii, multipoles=(0, 1, 2), points=None):
    table = surroundings(field, BOX, radii, multipoles, points)
    names = feature_names(radii, multipoles)
    assert table.shape[1] == len(names)
    return dict(zip(names, table.T, strict=True))


def test_of_a_plane_wave_all_multipoles_are_those_of_the_integrals():
    x = (np.arange(N) * BOX / N)[:, None, None]
    wave = np.broadcast_to(np.cos(K * x), (N, N, N)).astype(np.float32)
    found = columns(wave, (5.0, 8.0))
    w, phase = tophat(K * 8.0), np.broadcast_to(K * x, (N, N, N)).ravel()
    np.testing.assert_allclose(found["delta 8"], w * np.cos(phase), atol=1e-5)
    np.testing.assert_allclose(found["|g| 8"], np.abs(8 * K * w * np.sin(phase)), atol=1e-5)
    np.testing.assert_allclose(found["|u| 8"], np.abs((1 - w) / K * np.sin(phase)), atol=1e-5)
    # t = (1 - 1/3, -1/3, -1/3) delta_R: |t| = sqrt(2/3) |delta_R|, det t = 2/27 delta_R^3.
    np.testing.assert_allclose(found["|t| 8"], np.sqrt(2 / 3) * np.abs(found["delta 8"]), atol=1e-5)
    np.testing.assert_allclose(found["det t 8"], (2 / 27) ** (1 / 3) * found["delta 8"], atol=1e-4)
    steep = np.abs(np.sin(phase)) > 0.1
    np.testing.assert_allclose(found["g.t.g 8"][steep], 2 / 3 * found["delta 8"][steep], atol=1e-4)
    np.testing.assert_allclose(np.abs(found["cos(g, u) 8"][steep]), 1, atol=1e-4)
    np.testing.assert_allclose(found["cos(g, g') 8"][steep], 1, atol=1e-4)


def test_averages_are_the_mean_of_the_sphere():
    field = np.random.default_rng(1).standard_normal((N, N, N)).astype(np.float32)
    whole = columns(field, (60.0,), (0,))["delta 60"]
    assert np.abs(whole).max() < 0.05  # a sphere far wider than a voxel: nearly the mean


def test_nothing_changes_when_the_universe_is_turned():
    field = np.random.default_rng(2).standard_normal((N, N, N)).astype(np.float32)
    turned = np.ascontiguousarray(field.transpose(2, 0, 1))
    upright, other = (surroundings(f, BOX, (4.0, 8.0)).reshape(N, N, N, -1) for f in (field, turned))
    np.testing.assert_allclose(other, upright.transpose(2, 0, 1, 3), atol=2e-4)


def test_chosen_points_have_the_numbers_that_all_have():
    field = np.random.default_rng(3).standard_normal((N, N, N)).astype(np.float32)
    points = np.array([0, 77, 4095])
    chosen, everywhere = surroundings(field, BOX, (4.0,), points=points), surroundings(field, BOX, (4.0,))
    np.testing.assert_array_equal(chosen, everywhere[points])


@pytest.fixture
def hill():
    """An isotropic Gaussian hill in the middle of the box, high enough to collapse."""
    offset = (np.arange(32) - 16) * BOX / 32
    squared = offset[:, None, None] ** 2 + offset[:, None] ** 2 + offset**2
    return (6 * np.exp(-squared / (2 * 4.0**2))).astype(np.float32)


def test_collapse_masses_of_a_hill_are_that_of_its_largest_collapsed_sphere(hill):
    radii = np.arange(1.0, 12.0, 0.5)
    # The mean of the hill in a sphere about its top, by quadrature.
    r = np.linspace(0, 12, 4001)
    mean = [np.trapezoid(6 * np.exp(-(r[r <= R] ** 2) / 32) * r[r <= R] ** 2, r[r <= R]) * 3 / R**3 for R in radii]
    largest = radii[np.flatnonzero(np.array(mean) >= CRITICAL)[-1]]
    expected = 4 / 3 * np.pi * largest**3 * RHO_CRIT * 0.3
    first, patch = (f(hill, BOX, 0.3, radii) for f in (first_crossing_mass, peak_patch_mass))
    assert first[16, 16, 16] == pytest.approx(expected, rel=1e-6)
    assert patch[16, 16, 16] == pytest.approx(expected, rel=1e-6)
    assert first[0, 0, 0] == patch[0, 0, 0] == 0
    inside = patch > 0
    assert inside.sum() * (BOX / 32) ** 3 == pytest.approx(4 / 3 * np.pi * largest**3, rel=0.1)
    assert len(np.unique(patch[inside])) == 1  # one peak, one patch
    assert len(np.unique(first[first > 0])) > 3  # away from the top smaller spheres have collapsed
