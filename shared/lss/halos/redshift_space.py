"""Halos where their redshifts show them."""

import numpy as np

from lss.grid.periodic import wrap
from lss.physics.units import hubble_flow


def redshift_space(
    position: np.ndarray, velocity: np.ndarray, axis: int, redshift: float, omega_m: float, box_size: float
) -> np.ndarray:
    """Positions as redshifts show them to an observer far away along an axis: s = x + v / (a H).

    position : (m, 3) Mpc/h; velocity : (m, 3) peculiar km/s; axis : 0, 1 or 2
    Returns (m, 3) float32, Mpc/h in [0, box_size).
    Source: Kaiser 1987, in the plane-parallel limit.
    """
    scale_factor = 1 / (1 + redshift)
    moved = position.astype(np.float64)
    moved[:, axis] += velocity[:, axis] / hubble_flow(scale_factor, omega_m)
    return wrap(moved, box_size)
