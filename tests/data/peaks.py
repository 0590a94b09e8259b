"""A deliberately crude simulator: halos are the peaks of the linear field, moved by the Zel'dovich displacement.

Not a stage of ours, but a program: it is given the name of a universe with white noise, and of the one to be written.
"""

import sys

import numpy as np
from scipy.ndimage import maximum_filter

from lss.files.universe_file import read_universe, write_universe
from lss.grid.fourier import smooth
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity
from lss.universe import Halos

RADIUS, COLLAPSE, LIGHTEST = 2.0, 1.686, 1.3e13  # Mpc/h, critical linear overdensity, Msun/h

universe = read_universe(sys.argv[1])
size, omega_m = universe.box.size, universe.cosmology.omega_m
linear = smooth(linear_overdensity(universe.noise.value, universe.cosmology, size), RADIUS, size)
peak = np.flatnonzero((linear == maximum_filter(linear, 3, mode="wrap")) & (linear > COLLAPSE))
height = linear.ravel()[peak] / COLLAPSE
order = np.argsort(-height)
position, velocity = lpt_particles(linear, size, omega_m, 0.0, 1)
columns = {
    "position": position[peak][order],
    "velocity": velocity[peak][order],
    "mass": (LIGHTEST * height[order] ** 3).astype(np.float32),
}
halos = Halos(columns, universe.config["halo"]["mass_definition"], "peaks", 0.0)
write_universe(universe.with_halos(halos), sys.argv[2])
