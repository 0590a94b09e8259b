"""Which particles of a halo are bound to it."""

from typing import NamedTuple

import numpy as np

from lss.physics.units import GRAVITY
from lss.process.kernels import kernel


class Binding(NamedTuple):
    """The units of a binding test, and its strictness.

    potential : (km/s)^2 of one particle per comoving Mpc/h; hubble_flow : km/s per comoving Mpc/h
    escape : a particle faster than this many escape velocities is unbound (infinite: none is)
    """

    potential: float
    hubble_flow: float
    escape: float


def binding_of(particle_mass: float, scale_factor: float, hubble_flow: float, escape: float) -> Binding:
    """The test for particles of particle_mass (Msun/h); hubble_flow : a H, km/s per comoving Mpc/h."""
    return Binding(GRAVITY * particle_mass / scale_factor, float(hubble_flow), float(escape))


@kernel
def remove_unbound(offset, distance, velocity, smallest, binding):
    """The particles of a sphere that are bound in its own spherical potential, again and again until all are.

    offset : (k, 3) from the centre, comoving Mpc/h, by ascending distance (k,); velocity : (k, 3) peculiar km/s
    smallest : stop when fewer are left; binding : `Binding`
    Returns the indices (b,) int64 of those that stay, ascending.
    Source: Knollmann & Knebe 2009, section 2.3; escape = 1.5 is AHF's default VescTune.
    """
    total = velocity + binding.hubble_flow * offset
    kept = np.arange(len(distance))
    while len(kept) >= smallest:
        count = len(kept)
        mean = np.zeros(3)
        for i in kept:
            for axis in range(3):
                mean[axis] += total[i, axis] / count
        stays = np.empty(count, np.bool_)
        outer = 0.0
        for rank in range(count - 1, -1, -1):
            # The shells inside act as if at the centre, those outside as from their own radius.
            i = kept[rank]
            inverse = 1 / max(distance[i], 1e-6)
            depth = binding.potential * (rank * inverse + outer)
            outer += inverse
            speed = 0.0
            for axis in range(3):
                speed += (total[i, axis] - mean[axis]) ** 2
            stays[rank] = speed <= binding.escape**2 * 2 * depth
        kept = kept[stays]
        if len(kept) == count:
            break
    return kept
