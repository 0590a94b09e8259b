"""The bound part of friends-of-friends groups, as SUBFIND finds a main halo (Springel et al. 2001, section 4.2).

The potential is the sum over all pairs, so that groups of any shape are treated right; the cost goes with the square of
the members: half a second for a group of 30,000 on one core.
"""

import numpy as np

from lss.grid.mesh import chunks
from lss.process.kernels import kernel
from lss.process.threads import spread
from lss.universe import Members
from lss_halo.finders.ascending import ascending
from lss_halo.finders.binding import Binding

PARTS = 64  # of the groups, for the threads to share
LARGEST_SHARE = 0.25  # of the members taken off at once, the least bound ones, before energies are computed again


def bound_members(
    position: np.ndarray,
    velocity: np.ndarray,
    groups: Members,
    box_size: float,
    softening: float,
    min_particles: int,
    binding: Binding,
) -> Members:
    """Groups of the members with negative energy in the group's own potential; those of enough members.

    position, velocity : (m, 3) float32, Mpc/h and peculiar km/s; softening : Plummer, Mpc/h
    binding : the units of potential and Hubble flow (its escape does not matter)
    Largest first; of equal ones that with the lowest index.
    """
    stays = np.ones(len(groups.index), np.bool_)
    tasks = [
        (position, velocity, groups.offset[a : b + 1], groups.index, stays, float(box_size), softening, binding)
        for a, b in chunks(len(groups), PARTS)
    ]
    spread(_unbind_groups, tasks)
    size = np.bincount(groups.number[stays], minlength=len(groups))
    bound = Members.of_sizes(size, groups.index[stays])
    kept = np.flatnonzero(size >= max(min_particles, 1))
    first = bound.index[bound.offset[kept]]
    return bound.pick(kept[np.lexsort((first, -size[kept]))])


@kernel(fastmath={"reassoc", "contract", "arcp"})
def _pair_potential(x, y, z, i, softening_squared):
    """The sum of 1 / sqrt(r^2 + eps^2) over all particles, itself included."""
    total = np.float32(0.0)
    for j in range(len(x)):
        dx, dy, dz = x[j] - x[i], y[j] - y[i], z[j] - z[i]
        total += np.float32(1.0) / np.sqrt(dx * dx + dy * dy + dz * dz + softening_squared)
    return total


@kernel
def _unbind_groups(position, velocity, offset, index, stays, box_size, softening, binding):
    """Mark in `stays` the members of each group that do not stay."""
    half = 0.5 * box_size
    squared = np.float32(softening * softening)
    for g in range(len(offset) - 1):
        kept = np.arange(offset[g], offset[g + 1])
        while len(kept) > 1:
            count = len(kept)
            r, u = np.empty((3, count), np.float32), np.empty((3, count))
            origin = index[kept[0]]
            for axis in range(3):
                centre = mean = 0.0
                for k in range(count):
                    d = position[index[kept[k]], axis] - np.float64(position[origin, axis])
                    if d > half:
                        d -= box_size
                    elif d < -half:
                        d += box_size
                    r[axis, k] = d
                    centre += d / count
                    mean += velocity[index[kept[k]], axis] / count
                for k in range(count):
                    u[axis, k] = velocity[index[kept[k]], axis] - mean + binding.hubble_flow * (r[axis, k] - centre)
            energy = np.empty(count)
            unbound = 0
            for k in range(count):
                # Without the particle's own part.
                depth = _pair_potential(r[0], r[1], r[2], k, squared) - 1 / softening
                energy[k] = 0.5 * (u[0, k] ** 2 + u[1, k] ** 2 + u[2, k] ** 2) - binding.potential * depth
                unbound += energy[k] > 0
            if not unbound:
                break
            off = min(unbound, max(int(LARGEST_SHARE * count), 1))
            for k in ascending(energy)[count - off :]:
                stays[kept[k]] = False
            kept = kept[stays[kept]]
        if len(kept) == 1:
            stays[kept[0]] = False
