"""The halo mass that spherical collapse gives a point of the linear field, with nothing learned.

A sphere whose linear overdensity at z = 0 reaches 1.686 has collapsed today; its mass is that of the sphere,
4/3 pi R^3 times the mean density. Two ways to give a point a sphere:

    first crossing   the largest sphere about the point itself that has collapsed (Bond et al. 1991)
    peak patch       the largest collapsed sphere about a peak that holds the point (Bond & Myers 1996, simplified: no
                     tides, and patches do not merge)
"""

from collections.abc import Sequence

import numpy as np
import scipy.ndimage
import scipy.spatial

from lss.grid import fourier
from lss.physics.cosmology import RHO_CRIT
from lss.physics.linear_power import tophat

CRITICAL = 1.686  # linear overdensity of a sphere that collapses


def first_crossing_mass(linear: np.ndarray, box_size: float, omega_m: float, radii: Sequence[float]) -> np.ndarray:
    """Mass of the largest collapsed sphere about each grid point; 0 where none has collapsed.

    linear : (n, n, n) float32, linear overdensity at z = 0; radii : ascending, Mpc/h
    Returns (n, n, n) float32, Msun/h.
    """
    mass = np.zeros(linear.shape, np.float32)
    for radius, average in _averages(linear, box_size, sorted(radii)):
        mass[average >= CRITICAL] = _sphere_mass(radius, omega_m)
    return mass


def peak_patch_mass(linear: np.ndarray, box_size: float, omega_m: float, radii: Sequence[float]) -> np.ndarray:
    """Mass of the largest collapsed sphere about a peak that each grid point lies in; 0 for none.

    Peaks are maxima of the averaged field among their 26 neighbours, from the largest radius down; one inside a patch
    that is there already makes none of its own, and a point belongs to the first patch that reaches it.
    linear : (n, n, n) float32, linear overdensity at z = 0; radii : Mpc/h, any order
    Returns (n, n, n) float32, Msun/h.
    """
    n = len(linear)
    mass = np.zeros(n**3, np.float32)
    lattice = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    tree = scipy.spatial.cKDTree(lattice, boxsize=n)
    for radius, average in _averages(linear, box_size, sorted(radii, reverse=True)):
        maxima = average == scipy.ndimage.maximum_filter(average, size=3, mode="wrap")
        peaks = np.flatnonzero(maxima & (average >= CRITICAL))
        free = peaks[mass[peaks] == 0]
        for points in tree.query_ball_point(lattice[free], radius * n / box_size):
            reached = np.asarray(points, np.int64)
            reached = reached[mass[reached] == 0]
            mass[reached] = _sphere_mass(radius, omega_m)
    return mass.reshape(linear.shape)


def _sphere_mass(radius: float, omega_m: float) -> np.float32:
    return np.float32(4 / 3 * np.pi * radius**3 * RHO_CRIT * omega_m)


def _averages(linear: np.ndarray, box_size: float, radii: Sequence[float]):
    """The field averaged over spheres of each radius in turn."""
    n = len(linear)
    modes = fourier.forward(linear)
    wavenumber = fourier.wavenumber(n, box_size)
    for radius in radii:
        yield radius, fourier.inverse(modes * tophat(wavenumber * radius).astype(np.float32), n, overwrite=True)
