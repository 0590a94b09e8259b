"""Spherical overdensity halos on sets whose halos are known."""

import numpy as np
import pytest

from lss.physics.units import GRAVITY
from lss_halo.finders.binding import Binding, binding_of
from lss_halo.finders.spherical_overdensity import spherical_overdensity
from lss_halo.finders.structure import nfw_concentration, structure

BOX = 50.0
EVERYTHING = Binding(1.0, 0.0, np.inf)


def density_of(count, radius):
    """The threshold at which `count` particles fill a sphere of `radius`."""
    return count / (4 / 3 * np.pi * radius**3)


def directions(rng, count):
    d = rng.normal(size=(count, 3))
    return d / np.linalg.norm(d, axis=1, keepdims=True)


def nfw_offsets(rng, count, radius, c, reach=2.0):
    """`count` particles expected inside `radius` of an NFW profile that ends at reach * radius."""
    x = np.linspace(0, reach * c, 4000)
    mass = np.log1p(x) - x / (1 + x)
    total = round(count * mass[-1] / np.interp(c, x, mass))
    return np.interp(rng.random(total) * mass[-1], mass, x * radius / c)[:, None] * directions(rng, total)


def periodic(position):
    position = (np.asarray(position) % BOX).astype(np.float32)
    position[position >= np.float32(BOX)] = 0.0
    return position


def at_rest(position, density, min_particles=20, **options):
    return spherical_overdensity(position, np.zeros_like(position), BOX, density, min_particles, EVERYTHING, **options)


def distance(a, b):
    d = np.abs(np.asarray(a, np.float64) - b)
    return np.linalg.norm(np.minimum(d, BOX - d), axis=-1)


@pytest.mark.parametrize("count", [40, 400, 20000])
@pytest.mark.parametrize("c", [4.0, 12.0])
def test_nfw_halo_has_its_mass_within_the_sampling_error(count, c):
    rng = np.random.default_rng(int(count + c))
    position = periodic(nfw_offsets(rng, count, 1.0, c) + [20, 30, 40])
    found = at_rest(position, density_of(count, 1.0))
    assert len(found.members) == 1
    # d ln M(<r) / d ln r is below one at the edge: the crossing moves by at most as much as the count fluctuates.
    assert abs(found.members.size[0] / count - 1) < 3.5 / np.sqrt(count) + 1 / count
    assert distance(found.centre[0], [20, 30, 40]) < 0.6 / np.sqrt(min(count, 1000)) + 0.02


def test_concentration_and_dispersion_of_an_nfw_halo_are_recovered():
    rng = np.random.default_rng(3)
    count, c, mass = 30000, 6.0, 1e10
    offset = nfw_offsets(rng, count, 1.0, c)
    r = np.linalg.norm(offset, axis=1)
    # Isotropic Jeans equation for the NFW profile, integrated outside in.
    x = np.geomspace(1e-3, 50 * c, 5000)
    enclosed = (np.log1p(x) - x / (1 + x)) / (np.log1p(c) - c / (1 + c)) * count * mass
    slope = GRAVITY * enclosed / (x / c) ** 2 / (x * (1 + x) ** 2)
    steps = 0.5 * (slope[1:] + slope[:-1]) * np.diff(x / c)
    sigma2 = np.append(np.cumsum(steps[::-1])[::-1], 0) * x * (1 + x) ** 2
    speed = np.sqrt(np.interp(r * c, x, sigma2))
    velocity = (rng.normal(size=offset.shape) * speed[:, None] + [300, 0, -100]).astype(np.float32)
    position = periodic(offset + 25)

    units = binding_of(mass, 1.0, 0.0, 1.5)
    found = spherical_overdensity(position, velocity, BOX, density_of(count, 1.0), 20, units)
    inside = structure(position, velocity, found.centre, found.members, BOX, units)
    size = found.members.size[0]
    circular = np.sqrt(GRAVITY * size * mass / 1.0)
    expected = np.sqrt(3 * (speed[r < 1] ** 2).mean())
    assert abs(size / count - 1) < 0.02
    assert np.isclose(nfw_concentration(inside.v_max[0], circular), c, rtol=0.05)
    assert np.isclose(inside.velocity_dispersion[0], expected, rtol=0.02)
    assert np.abs(inside.velocity[0] - [300, 0, -100]).max() < 5 * expected / np.sqrt(3 * size)


def test_a_halo_across_a_corner_of_the_box_is_the_same_halo():
    offset = nfw_offsets(np.random.default_rng(4), 500, 1.0, 6.0)
    inside, corner = (at_rest(periodic(offset + c), density_of(500, 1.0)) for c in (25.0, 0.0))
    assert len(corner.members) == 1
    assert np.array_equal(inside.members.index, corner.members.index)
    assert distance(corner.centre[0] + 25, inside.centre[0]) < 1e-4


def test_two_halos_that_touch_are_two_and_share_no_particle():
    rng = np.random.default_rng(5)
    first, second = nfw_offsets(rng, 600, 1.0, 8.0, reach=1.0), nfw_offsets(rng, 300, 0.79, 8.0, reach=1.0)
    position = periodic(np.concatenate((first + [10, 25, 25], second + [12, 25, 25])))
    found = at_rest(position, density_of(600, 1.0))
    assert len(found.members) == 2
    assert len(np.unique(found.members.index)) == len(found.members.index)
    assert abs(found.members.size[0] - 600) < 30
    assert abs(found.members.size[1] - 300) < 20


def test_a_clump_in_a_halo_is_its_subhalo_and_no_host():
    rng = np.random.default_rng(6)
    halo, clump = nfw_offsets(rng, 3000, 1.5, 5.0), nfw_offsets(rng, 150, 0.15, 5.0, reach=1.0)
    position = periodic(np.concatenate((halo + [25, 25, 25], clump + [25.9, 25, 25])))
    density = density_of(3000, 1.5)
    assert len(at_rest(position, density).members) == 1
    both = at_rest(position, density, subhalos=True)
    assert both.host.tolist() == [-1, 0]
    assert distance(both.centre[1], [25.9, 25, 25]) < 0.05
    assert abs(both.members.size[1] - 150) < 40


def test_a_homogeneous_box_has_no_halo():
    position = (np.random.default_rng(7).random((20000, 3)) * 49.99).astype(np.float32)
    found = at_rest(position, 630 * len(position) / BOX**3)
    assert len(found.members) == 0
    assert found.centre.shape == (0, 3)
    assert found.members.offset.tolist() == [0]


def test_everything_in_one_point_is_one_halo():
    found = at_rest(np.full((3000, 3), 7.0, np.float32), 100.0)
    assert found.members.size.tolist() == [3000]


def test_everything_in_one_halo_as_wide_as_a_fifth_of_the_box():
    offset = nfw_offsets(np.random.default_rng(8), 5000, 5.0, 5.0, reach=1.0)
    found = at_rest(periodic(offset + 1.0), density_of(5000, 5.0))
    assert abs(found.members.size[0] - 5000) < 100


def test_particles_that_fly_through_are_taken_off():
    rng = np.random.default_rng(9)
    offset = nfw_offsets(rng, 500, 1.0, 6.0, reach=1.0)
    position = periodic(offset + 25)
    velocity = np.zeros_like(position)
    fast = rng.permutation(len(position))[:25]
    velocity[fast] = directions(rng, 25) * 5000
    units = binding_of(1e11, 1.0, 0.0, 1.5)
    found = spherical_overdensity(position, velocity, BOX, density_of(400, 1.0), 20, units)
    assert not np.isin(fast, found.members.index).any()
    kept = spherical_overdensity(position, velocity, BOX, density_of(400, 1.0), 20, binding_of(1e11, 1.0, 0.0, np.inf))
    assert np.isin(fast, kept.members.index).sum() >= 20


def cluster_field(seed, halos=60):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(25, 400, halos)
    clumps = [nfw_offsets(rng, n, (n / 400) ** (1 / 3), 6.0) + rng.random(3) * BOX for n in sizes]
    return periodic(np.concatenate([*clumps, rng.random((20000, 3)) * BOX]))


def test_same_bits_for_any_number_of_threads(threads):
    position = cluster_field(10)
    velocity = np.random.default_rng(11).normal(0, 100, position.shape).astype(np.float32)
    units = binding_of(1e11, 1.0, 100.0, 1.5)
    results = []
    for count in (1, 3):
        threads(count)
        results.append(spherical_overdensity(position, velocity, BOX, density_of(400, 1.0), 20, units, subhalos=True))
    one, three = results
    assert len(one.members) > 20
    assert np.array_equal(one.centre, three.centre)
    assert np.array_equal(one.host, three.host)
    assert np.array_equal(one.members.index, three.members.index)


def test_hosts_never_share_particles_and_come_by_decreasing_size():
    found = at_rest(cluster_field(12), density_of(400, 1.0))
    assert len(np.unique(found.members.index)) == len(found.members.index)
    assert (np.diff(found.members.size) <= 0).all()
    assert (found.members.size >= 20).all()


def test_moving_all_particles_moves_all_halos():
    position = cluster_field(13)
    here, there = at_rest(position, density_of(400, 1.0)), at_rest(periodic(position + 12.5), density_of(400, 1.0))
    nearest = [distance(there.centre, c + 12.5).min() for c in here.centre[here.members.size > 60]]
    assert max(nearest) < 0.01
