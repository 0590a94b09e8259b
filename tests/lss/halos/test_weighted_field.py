"""The weighted halo field of a range of masses, and the occupation of particles that gives it."""

import numpy as np
import pytest

from lss.errors import DataError
from lss.grid.mesh import overdensity
from lss.halos.weighted_field import occupation, tracer_field, tracer_weight

MASS = np.array([1e14, 4e13, 1e13, 1e12], np.float32)
RANGE = (1e13, np.inf)


def test_weights_are_those_of_the_channels_inside_the_range():
    np.testing.assert_allclose(tracer_weight(MASS, "mass", RANGE), [1, 0.4, 0.1, 0], rtol=1e-6)
    np.testing.assert_allclose(tracer_weight(MASS, "count", RANGE), [1, 1, 1, 0])
    np.testing.assert_allclose(tracer_weight(MASS, "mass_weighted", RANGE)[:2], [0.5, 0.4 / (1 + 0.4**0.5)], rtol=1e-6)
    np.testing.assert_allclose(tracer_weight(MASS, "count", (1e13, 1e14)), [0, 1, 1, 0])


@pytest.mark.parametrize("weight", ["mass", "count", "mass_weighted"])
def test_particles_with_their_true_occupation_paint_the_halos(weight):
    """Members that lie where their halo is: the two fields are one, cell by cell."""
    members = np.array([100, 40, 10, 1])
    position = np.random.default_rng(2).uniform(0, 50, (4, 3)).astype(np.float32)
    particle_mass = np.concatenate([np.repeat(MASS, members), np.zeros(849, np.float32)])
    f = occupation(particle_mass, weight, RANGE)
    assert f.mean(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    where = np.concatenate([np.repeat(position, members, axis=0), np.zeros((849, 3), np.float32)])
    painted = overdensity(where, 8, 50.0, "cic", f)
    np.testing.assert_allclose(painted, tracer_field(position, MASS, weight, RANGE, 8, 50.0), rtol=1e-4, atol=1e-4)


def test_a_range_without_halos_is_refused_in_one_line():
    with pytest.raises(DataError, match=r"no halo above 1e\+15 Msun/h; the masses here are 1e\+12 to 1e\+14"):
        tracer_field(np.zeros((4, 3), np.float32), MASS, "mass", (1e15, np.inf), 8, 50.0)
    with pytest.raises(DataError, match=r"no halo from 2e\+12 to 3e\+12 Msun/h; there is no halo at all"):
        occupation(np.zeros(8, np.float32), "mass", (2e12, 3e12))
