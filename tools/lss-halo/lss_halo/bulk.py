"""What is summed over the members of a group: centre of mass, bulk velocity, velocity dispersion."""

from dataclasses import dataclass

import numpy as np

from lss.kernels import kernel


@dataclass(frozen=True)
class Bulk:
    """Sums over the members of each group.

    position : (g, 3) float32, periodic centre of mass, Mpc/h in [0, box_size); velocity : (g, 3) float32, mean, km/s
    velocity_dispersion : (g,) float32, km/s, three-dimensional: the root of the mean square about the mean
    """

    position: np.ndarray
    velocity: np.ndarray
    velocity_dispersion: np.ndarray


def bulk(position: np.ndarray, velocity: np.ndarray, offset: np.ndarray, index: np.ndarray, box_size: float) -> Bulk:
    """Centre of mass, mean velocity and dispersion of groups of equal-mass particles.

    position, velocity : (m, 3) float32, Mpc/h and km/s; the members of group g are index[offset[g]:offset[g + 1]]
    """
    return Bulk(*_bulk(position, velocity, offset, index, box_size))


@kernel
def _bulk(position, velocity, offset, index, box_size):
    groups = offset.shape[0] - 1
    centre = np.empty((groups, 3), np.float32)
    mean = np.empty((groups, 3), np.float32)
    dispersion = np.empty(groups, np.float32)
    half = 0.5 * box_size
    for g in range(groups):
        count = offset[g + 1] - offset[g]
        squares = 0.0
        for axis in range(3):
            # Distances from the first member: a group across the edge of the box has its centre where its members are.
            origin = np.float64(position[index[offset[g]], axis])
            first = np.float64(velocity[index[offset[g]], axis])
            x = v = vv = 0.0
            for row in range(offset[g], offset[g + 1]):
                d = position[index[row], axis] - origin
                if d > half:
                    d -= box_size
                elif d < -half:
                    d += box_size
                x += d
                u = velocity[index[row], axis] - first
                v += u
                vv += u * u
            c = np.float32((origin + x / count) % box_size)
            centre[g, axis] = c if c < np.float32(box_size) else np.float32(0.0)
            mean[g, axis] = first + v / count
            squares += vv / count - (v / count) ** 2
        dispersion[g] = np.sqrt(max(squares, 0.0))
    return centre, mean, dispersion
