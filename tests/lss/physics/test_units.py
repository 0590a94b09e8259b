"""Units against constants of nature and against distances of colossus, neither of them ours."""

import pytest
from colossus.cosmology import cosmology as colossus
from scipy import constants

from lss.physics.units import GRAVITY, hubble_flow, particle_mass

SOLAR_MASS, MEGAPARSEC = 1.98841e30, 1e6 * constants.parsec  # kg, m


def test_gravity_is_newtons_constant_in_megaparsecs_and_solar_masses():
    assert pytest.approx(constants.G * SOLAR_MASS / MEGAPARSEC / 1e6, rel=1e-4) == GRAVITY


def test_particles_weigh_as_much_as_the_matter_of_the_box():
    hubble = 100e3 / MEGAPARSEC  # 1/s, for h = 1
    critical = 3 * hubble**2 / (8 * constants.pi * constants.G)
    matter = 0.3 * critical * (125 * MEGAPARSEC) ** 3 / SOLAR_MASS
    assert particle_mass(0.3, 125.0, 64**3) * 64**3 == pytest.approx(matter, rel=1e-3)


@pytest.mark.parametrize("redshift", [0.0, 0.5, 2.0, 9.0])
def test_the_hubble_flow_is_that_of_a_comoving_length(redshift):
    params = {"flat": True, "H0": 70.0, "Om0": 0.3, "Ob0": 0.05, "sigma8": 0.8, "ns": 0.96, "relspecies": False}
    other = colossus.setCosmology("units", **params)
    physical = 1 / (1 + redshift) / 0.7  # Mpc, of one comoving Mpc/h
    assert hubble_flow(1 / (1 + redshift), 0.3) == pytest.approx(other.Hz(redshift) * physical, rel=1e-6)
