"""The bound part of friends-of-friends groups."""

import numpy as np

from lss.universe import Members
from lss_halo.finders.binding import binding_of
from lss_halo.finders.bound_groups import bound_members

BOX = 100.0
UNITS = binding_of(1e11, 1.0, 0.0, 1.0)


def ball(rng, count, centre):
    return (centre + rng.normal(0, 0.3, (count, 3))) % BOX


def bound(position, velocity, sizes, min_particles=10, units=UNITS):
    offset = np.concatenate(([0], np.cumsum(sizes)))
    groups = Members(offset, np.arange(offset[-1]))
    position, velocity = np.asarray(position, np.float32), np.asarray(velocity, np.float32)
    return bound_members(position, velocity, groups, BOX, 0.01, min_particles, units)


def test_a_group_at_rest_is_bound_wherever_it_is():
    rng = np.random.default_rng(1)
    for centre in (50.0, 0.0):
        assert bound(ball(rng, 200, centre), np.full((200, 3), 321.0), [200]).size.tolist() == [200]


def test_fast_particles_go_and_the_others_stay():
    rng = np.random.default_rng(2)
    velocity = np.zeros((200, 3))
    velocity[[5, 60, 199], 0] = [3000, -3000, 3000]
    kept = bound(ball(rng, 200, 50.0), velocity, [200])
    assert np.array_equal(kept.index, np.setdiff1d(np.arange(200), [5, 60, 199]))


def test_a_group_hotter_than_its_potential_dissolves():
    rng = np.random.default_rng(3)
    kept = bound(ball(rng, 200, 50.0), rng.normal(0, 3000, (200, 3)), [200])
    assert len(kept) == 0
    assert kept.offset.tolist() == [0]


def test_two_particles_are_bound_up_to_their_escape_velocity():
    position = [[50, 50, 50], [50.5, 50, 50]]
    potential = UNITS.potential / np.sqrt(0.25 + 0.01**2)
    # Each has half of the relative velocity: v^2 / 8 against the potential at its place.
    escape = np.sqrt(8 * potential)
    for factor, number in ((0.99, 1), (1.01, 0)):
        assert len(bound(position, [[0, 0, 0], [factor * escape, 0, 0]], [2], min_particles=2)) == number


def test_hubble_flow_unbinds_a_wide_group():
    rng = np.random.default_rng(4)
    position = 50 + rng.normal(0, 5.0, (100, 3))
    assert bound(position, np.zeros((100, 3)), [100]).size.tolist() == [100]
    assert (
        len(bound(position, np.zeros((100, 3)), [100], min_particles=60, units=binding_of(1e11, 1.0, 100.0, 1.0))) == 0
    )


def test_groups_come_by_size_after_unbinding():
    rng = np.random.default_rng(5)
    position = np.concatenate((ball(rng, 100, 20.0), ball(rng, 90, 60.0)))
    velocity = np.zeros((190, 3))
    velocity[:20, 0] = 5000 * (-1.0) ** np.arange(20)
    kept = bound(position, velocity, [100, 90])
    assert kept.size.tolist() == [90, 80]
    assert kept.index[0] == 100
