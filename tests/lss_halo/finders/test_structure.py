"""What members tell about their halo, on sets whose answers are known."""

import numpy as np
import pytest

from lss.physics.units import GRAVITY
from lss.universe import Members
from lss_halo.finders.binding import binding_of, remove_unbound
from lss_halo.finders.structure import nfw_concentration, structure

UNITS = binding_of(1e10, 1.0, 0.0, 1.5)


def one_group(count):
    return Members(np.array([0, count]), np.arange(count))


def of(position, velocity, centre, box_size=100.0, units=UNITS):
    position, velocity = np.asarray(position, np.float32), np.asarray(velocity, np.float32)
    return structure(position, velocity, np.array([centre], np.float32), one_group(len(position)), box_size, units)


def test_centre_of_mass_of_a_group_across_the_edge_is_at_the_edge():
    position = [[99, 50, 0.5], [99.5, 50, 99.5], [0.5, 50, 0.5], [1, 50, 99.5]]
    velocity = np.array([[1, 0, 0], [2, 0, 0], [3, 0, 0], [6, 4, 0]])
    found = of(position, velocity, position[0])
    away = np.abs(found.centre_of_mass[0] - [0, 50, 0])
    assert np.minimum(away, 100 - away).max() < 1e-5
    assert np.allclose(found.velocity, [[3, 1, 0]])
    assert np.isclose(found.velocity_dispersion[0], np.sqrt(velocity.var(axis=0).sum()))


def test_dispersion_does_not_depend_on_the_frame():
    rng = np.random.default_rng(1)
    position, velocity = rng.normal(50, 0.3, (200, 3)), rng.normal(0, 300, (200, 3))
    at_rest = of(position, velocity, (50, 50, 50))
    moving = of((position + 49.9) % 100, velocity + np.array([500, -100, 7]), (99.9, 99.9, 99.9))
    assert np.isclose(at_rest.velocity_dispersion, moving.velocity_dispersion, rtol=1e-5)
    assert np.allclose(moving.velocity - at_rest.velocity, [500, -100, 7], atol=1e-3)
    assert np.allclose(at_rest.angular_momentum, moving.angular_momentum, atol=0.02)


def test_hubble_flow_cancels_an_infall_at_the_hubble_rate():
    rng = np.random.default_rng(2)
    position = rng.normal(50, 0.3, (200, 3)).astype(np.float32).astype(np.float64)
    velocity = -100 * (position - position.mean(axis=0))
    found = of(position, velocity, (50, 50, 50), units=binding_of(1e10, 1.0, 100.0, 1.5))
    assert found.velocity_dispersion[0] < 0.01


def test_solid_rotation_gives_the_angular_momentum_of_its_axis():
    rng = np.random.default_rng(3)
    away = rng.normal(0, 0.3, (500, 3))
    away = np.concatenate((away, -away))
    spin = np.array([0.0, 0.0, 200.0])
    found = of(50 + away, np.cross(spin, away), (50, 50, 50))
    expected = 200 * (away[:, 0] ** 2 + away[:, 1] ** 2).mean()
    assert np.isclose(found.angular_momentum[0, 2], expected, rtol=1e-3)


def test_axes_of_an_ellipsoid_are_recovered():
    rng = np.random.default_rng(4)
    away = rng.normal(size=(20000, 3)) * [0.2, 0.4, 0.1]
    found = of(50 + away, np.zeros((20000, 3)), (50, 50, 50))
    assert np.allclose(found.axis_ratios, [[0.5, 0.25]], atol=0.02)
    assert abs(found.major_axis[0, 1]) > 0.999


def test_circular_velocity_peaks_at_the_shell_where_all_mass_is():
    rng = np.random.default_rng(5)
    away = rng.normal(size=(300, 3))
    away *= 0.5 / np.linalg.norm(away, axis=1, keepdims=True)
    found = of(50 + away, np.zeros((300, 3)), (50, 50, 50))
    assert np.isclose(found.r_max[0], 0.5, rtol=1e-3)
    assert np.isclose(found.v_max[0], np.sqrt(GRAVITY * 300e10 / 0.5), rtol=1e-3)


@pytest.mark.parametrize("c", [2.5, 5.0, 10.0, 30.0])
def test_concentration_of_an_analytic_profile_is_recovered(c):
    x = np.geomspace(1e-3, c, 20000)
    mass = np.log1p(x) - x / (1 + x)
    v = np.sqrt(mass / x)
    assert np.isclose(nfw_concentration(v.max(), v[-1]), c, rtol=2e-3)


def test_a_flat_rotation_curve_has_the_lowest_concentration():
    assert np.isclose(nfw_concentration(np.array([100.0]), np.array([100.0]))[0], 2.16, atol=0.01)


def test_an_intruder_is_unbound_and_circular_orbits_are_not():
    rng = np.random.default_rng(6)
    away = rng.normal(0, 0.3, (400, 3))
    away = away[np.argsort(np.linalg.norm(away, axis=1))]
    distance = np.linalg.norm(away, axis=1)
    rank = np.arange(1, 401)
    tangent = np.cross(away, rng.normal(size=(400, 3)))
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    velocity = tangent * np.sqrt(UNITS.potential * rank / distance)[:, None]
    assert len(remove_unbound(away, distance, velocity, 10, UNITS)) == 400
    velocity[100] = [5000, 0, 0]
    kept = remove_unbound(away, distance, velocity, 10, UNITS)
    assert 100 not in kept
    assert len(kept) == 399


def test_an_infinite_escape_velocity_keeps_everything():
    distance = np.linspace(0.01, 1, 50)
    away = np.zeros((50, 3))
    away[:, 0] = distance
    velocity = np.full((50, 3), 1e4) * np.arange(50)[:, None]
    kept = remove_unbound(away, distance, velocity, 10, binding_of(1e10, 1.0, 100.0, np.inf))
    assert len(kept) == 50
