"""Particles of another lattice than the one that was evolved."""

import numpy as np

from lss.config import Cosmology
from lss.grid.lattice import lattice, refined_particles
from lss.grid.periodic import nearest_image
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity, white_noise

BOX = 100.0


def test_the_lattice_is_in_lagrangian_order():
    points = lattice(4, 8.0)
    assert points[0].tolist() == [0, 0, 0]
    assert points[1].tolist() == [0, 0, 2]
    assert points[4].tolist() == [0, 2, 0]
    assert points[63].tolist() == [6, 6, 6]


def test_a_uniform_flow_is_carried_to_every_lattice():
    flow = np.array([3.0, -2.0, 90.0], np.float32)
    velocity = np.tile(np.array([100.0, 0.0, -50.0], np.float32), (8**3, 1))
    position = (lattice(8, BOX) + flow) % np.float32(BOX)
    moved, moving = refined_particles(position, velocity, 12, BOX)
    np.testing.assert_allclose(nearest_image(moved - lattice(12, BOX) - flow, BOX), 0, atol=1e-4)
    np.testing.assert_allclose(moving, np.tile(velocity[0], (12**3, 1)), rtol=1e-5)


def test_particles_of_a_finer_lattice_lie_where_a_finer_run_has_them():
    cosmology = Cosmology()
    coarse, fine = (
        lpt_particles(linear_overdensity(white_noise(3, 0, n), cosmology, BOX), BOX, cosmology.omega_m, 0.5)
        for n in (32, 64)
    )
    moved, moving = refined_particles(*coarse, 64, BOX)
    apart = nearest_image(moved - fine[0], BOX)
    displaced = nearest_image(fine[0] - lattice(64, BOX), BOX)
    assert apart.std() < 0.25 * displaced.std()
    assert np.corrcoef(moving.ravel(), fine[1].ravel())[0, 1] > 0.95
    assert moved.min() >= 0
    assert moved.max() < BOX


def test_the_same_lattice_changes_nothing():
    position, velocity = lattice(4, BOX), np.ones((64, 3), np.float32)
    assert refined_particles(position, velocity, 4, BOX)[0] is position
