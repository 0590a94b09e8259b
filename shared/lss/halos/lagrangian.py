"""What halos say of the lattice that their particles started from."""

import numpy as np

from lss.errors import DataError
from lss.universe import Halos


def particle_halo_mass(halos: Halos, n: int) -> np.ndarray:
    """For each particle the mass of its halo, 0 for none: the labels of the halo-mass network.

    halos : with members; a particle of a subhalo counts for its host
    Returns (n, n, n) float32, Msun/h, in Lagrangian order: [i, j, k] belongs to the particle that started there.
    Raises DataError when the catalogue has no members or more particles than n^3, or where its particles started is
    unknown.
    """
    if not halos.attrs.get("lattice", True):
        raise DataError("the ids of the particles number no lattice: where the members of halos started is unknown")
    if halos.members is None:
        raise DataError("the halos have no members: the masses of particles are unknown")
    index = halos.members.index
    if len(index) and (index.min() < 0 or index.max() >= n**3):
        raise DataError(f"members of halos up to particle {index.max()}, but there are {n}^3 = {n**3}")
    label = np.zeros(n**3, np.float32)
    host = halos.columns.get("host", np.full(len(halos), -1))
    # Members of subhalos are their host's too.
    is_host = (host < 0)[halos.members.number]
    label[index[is_host]] = halos.mass[halos.members.number][is_host]
    return label.reshape(n, n, n)
