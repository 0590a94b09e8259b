from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from lss.grid import fourier
from lss.grid.mesh import paint
from lss.learned.estimator import inflow
from lss.universe import Halos
from lss_recon.lulo.directions import by_estimate, by_estimate_from_all_sides
from lss_recon.lulo.loop import Evaluation
from lss_recon.lulo.orientation import orientation, turn, turn_back

N, BOX = 8, 20.0
SEEN = [orientation(N, None, 1, 0, update) for update in range(200)]


@pytest.fixture
def halos():
    return catalogue(3)


def catalogue(seed):
    random = np.random.default_rng(seed)
    columns = {
        "position": (BOX * random.random((40, 3))).astype(np.float32),
        "velocity": random.standard_normal((40, 3)).astype(np.float32),
        "mass": random.random(40).astype(np.float32),
    }
    columns["position"][0] = 0  # a mirror image of which lies at the far edge of the box
    return Halos(columns, "200c", "test", 0.0)


@pytest.mark.parametrize("seen", SEEN[:20])
def test_the_field_of_a_turned_catalogue_turned_back_is_the_catalogues_own(halos, seen):
    other = turn(halos, seen, N, BOX)
    assert (other.position >= 0).all()
    assert (other.position < BOX).all()
    there = paint(other.position, N, BOX, "cic", other.mass)
    own = paint(halos.position, N, BOX, "cic", halos.mass)
    np.testing.assert_allclose(turn_back(there, seen), own, atol=1e-5)


@pytest.mark.parametrize("seen", SEEN[:20])
def test_velocities_turn_with_their_halos(halos, seen):
    def converging(catalogue):
        return fourier.inverse(inflow(catalogue.position, catalogue.velocity, N, BOX), N)

    back = turn_back(converging(turn(halos, seen, N, BOX)), seen)
    np.testing.assert_allclose(back, converging(halos), atol=1e-4)


def test_direction_of_an_estimator_without_a_preferred_side_is_the_same_from_all(halos):
    def estimate(catalogue):
        return paint(catalogue.position, N, BOX, "cic", catalogue.mass)

    here = Evaluation(np.zeros((N, N, N), np.float32), SimpleNamespace(halos=catalogue(4)))
    fixed = by_estimate(lambda outcome: estimate(halos) - estimate(outcome.halos))
    turning = by_estimate_from_all_sides(
        estimate, lambda all: (halos, all), partial(orientation, N, None, 1, 0), N, BOX
    )
    for update in range(1, 5):
        np.testing.assert_allclose(turning(here, update), fixed(here, update), atol=1e-5)


def test_all_symmetries_and_shifts_occur_about_equally():
    assert len({(seen.axes, seen.mirrored) for seen in SEEN}) > 40
    shifts = np.bincount(np.ravel([seen.shift for seen in SEEN]), minlength=N)
    assert len(shifts) == N
    assert shifts.min() > 40


def test_a_key_has_its_orientation():
    assert orientation(N, None, 1, 0, 5) == SEEN[5]


@pytest.mark.parametrize("axis", range(3))
def test_a_line_of_sight_stays_where_it_is(axis):
    sides = {orientation(N, axis, 1, 0, update) for update in range(300)}
    assert all(side.axes[axis] == axis for side in sides)
    assert len({(side.axes, side.mirrored) for side in sides}) == 16
    assert SEEN[5] != SEEN[6]
