import numpy as np
import pytest

from lss.errors import DataError
from lss.halos.lagrangian import particle_halo_mass
from lss.universe import Halos, Members


def test_particles_carry_the_mass_of_their_halo_in_lagrangian_order():
    members = Members(np.array([0, 3, 5]), np.array([0, 9, 63, 17, 18]))
    columns = {"position": np.zeros((2, 3)), "velocity": np.zeros((2, 3)), "mass": np.array([3e13, 2e13], np.float32)}
    label = particle_halo_mass(Halos(columns, "fof", "test", 0.0, members), 4)
    assert label.shape == (4, 4, 4)
    assert label[0, 2, 1] == label[3, 3, 3] == np.float32(3e13)
    assert label[1, 0, 1] == np.float32(2e13)
    assert np.count_nonzero(label) == 5
    with pytest.raises(DataError, match="up to particle 63"):
        particle_halo_mass(Halos(columns, "fof", "test", 0.0, members), 3)
    with pytest.raises(DataError, match="no members"):
        particle_halo_mass(Halos(columns, "fof", "test", 0.0), 4)
