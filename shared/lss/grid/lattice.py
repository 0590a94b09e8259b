"""Particles that started on a lattice: how far they have moved, and where those of a finer lattice would be."""

import numpy as np

from lss.grid.mesh import interpolate_vector
from lss.grid.periodic import nearest_image, wrap


def lattice(n: int, box_size: float) -> np.ndarray:
    """The grid points (i, j, k) L / n in Lagrangian order, (n^3, 3) float32 in the unit of box_size."""
    axis = (np.arange(n) * (box_size / n)).astype(np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def refined_particles(
    position: np.ndarray, velocity: np.ndarray, n: int, box_size: float
) -> tuple[np.ndarray, np.ndarray]:
    """The particles of an n-lattice, moved as those of a coarser (or finer) one: displacements interpolated (CIC).

    position : (m^3, 3) float32, Mpc/h, in Lagrangian order, moved by less than half the box; velocity : likewise, km/s
    Returns position in [0, L) and velocity, (n^3, 3) float32; those given where n = m.
    """
    m = round(len(position) ** (1 / 3))
    if m == n:
        return position, velocity
    displacement = nearest_image(position - lattice(m, box_size), box_size)
    points = lattice(n, box_size)
    moved, moving = (interpolate_vector(_padded(vector, m), points, box_size) for vector in (displacement, velocity))
    moved += points
    return wrap(moved, box_size), moving


def _padded(vector: np.ndarray, m: int) -> np.ndarray:
    """(m^3, 3) as the (m, m, m, 4) that interpolation reads."""
    grid = np.zeros((m, m, m, 4), np.float32)
    grid[..., :3] = vector.reshape(m, m, m, 3)
    return grid
