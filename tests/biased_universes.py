"""Universes whose halos are particles that a known f makes halos: what a Lagrangian bias must find again."""

import numpy as np

from lss.config import Box, Configuration, Cosmology
from lss.grid.bias_operators import bias_operators
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity, white_noise
from lss.universe import Group, Halos, Particles, Universe, WhiteNoise

BOX_SIZE, REDSHIFT, RADIUS = 100.0, 0.5, 4.0
SHARE, MASS = 0.12, 3e13  # of the particles that are halos; of each halo


def true_ratio(linear, box_size, radius=RADIUS):
    """f = c exp(1.2 d - 0.1 d^2) of the normalised density, mean one: (n^3,) float64."""
    delta = bias_operators(linear, [radius], box_size)[0].ravel().astype(np.float64)
    delta /= delta.std()
    f = np.exp(1.2 * delta - 0.1 * delta**2)
    return f / f.mean()


def biased_universe(index, n=32, box_size=BOX_SIZE, radius=RADIUS):
    """A universe with particles at z = 0.5, halos drawn with f, and their labels; and f."""
    config = Configuration(cosmology=Cosmology(), box=Box(n=n, size=box_size))
    noise = white_noise(11, index, n)
    linear = linear_overdensity(noise, config.cosmology, box_size)
    position, velocity = lpt_particles(linear, box_size, config.cosmology.omega_m, REDSHIFT)
    f = true_ratio(linear, box_size, radius)
    occupied = np.random.default_rng(index).uniform(size=n**3) < np.minimum(SHARE * f, 1)
    mass = np.full(occupied.sum(), MASS, np.float32)
    columns = {"position": position[occupied], "velocity": velocity[occupied], "mass": mass}
    labels = np.where(occupied, np.float32(MASS), np.float32(0)).reshape(n, n, n)
    universe = Universe.create(config).with_noise(WhiteNoise(noise, 11, index, attrs={"member": index}))
    universe = universe.with_particles([Particles(position, velocity, REDSHIFT)])
    universe = universe.with_halos(Halos(columns, "200c", "mock", REDSHIFT))
    return universe.with_group("fields/halo_particle_mass", Group({"value": labels}, {}, {"value": "Msun/h"})), f
