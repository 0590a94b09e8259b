import numpy as np
import pytest

from lss.errors import DataError
from lss.physics.cosmology import hubble
from lss_sim.time_bins import choose_levels, level_limits

OMEGA_M = 0.3175


def test_every_level_resolves_the_orbits_of_its_particles():
    # The stiffness of a circular orbit about a point mass is its frequency squared: dt = sqrt(eta) / omega is
    # 2 pi / sqrt(eta) = 40 steps a turn for eta = 0.025; a level holds orbits of up to twice as many.
    a, step, levels = 0.7, 0.04, 6
    stiffness = np.geomspace(1.0, 3e4, 500).astype(np.float32)
    force = np.zeros((4, len(stiffness)), np.float32)
    force[3] = stiffness
    level = np.zeros(len(stiffness), np.uint8)
    active = choose_levels(level_limits(a, step, OMEGA_M, 0.025, levels), force[:3], force, level)
    assert np.array_equal(active, np.bincount(level, minlength=levels + 1))
    period = 2 * np.pi / np.sqrt(1.5 * OMEGA_M * stiffness / a**3)
    per_turn = period / (step / 2.0**level / hubble(a, OMEGA_M))
    assert per_turn.min() > 39.7
    assert per_turn[level > 0].max() < 2 * 39.8
    assert level.max() == 6


def test_forces_that_are_not_finite_are_refused():
    force = np.zeros((4, 10), np.float32)
    force[1, 3] = np.nan
    with pytest.raises(DataError, match="1 of 10 particles is not finite"):
        choose_levels(np.ones(2), force[:3], np.zeros_like(force), np.zeros(10, np.uint8))
