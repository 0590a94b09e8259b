"""Mass definitions against their formulas and colossus."""

import numpy as np
import pytest
from colossus.cosmology import cosmology as background
from colossus.halo import mass_so

from lss_halo.finders.mass_definition import critical_density, overdensity, threshold_density


@pytest.mark.parametrize("definition", ["200c", "500c", "200m", "vir"])
@pytest.mark.parametrize("redshift", [0.0, 0.5, 3.0])
def test_threshold_densities_are_those_of_colossus(definition, redshift):
    flat = {"flat": True, "H0": 67.11, "Om0": 0.3175, "Ob0": 0.049, "sigma8": 0.834, "ns": 0.9624}
    background.setCosmology("test", **flat, relspecies=False, persistence="")
    physical = mass_so.densityThreshold(redshift, definition) * 1e9  # Msun h^2 / kpc^3 to Mpc^3
    assert np.isclose(threshold_density(definition, redshift, 0.3175) * (1 + redshift) ** 3, physical, rtol=1e-3)


def test_all_matter_makes_the_virial_overdensity_that_of_the_top_hat():
    assert np.isclose(overdensity("vir", 0.0, 1.0), 18 * np.pi**2)
    assert np.isclose(overdensity("200m", 0.0, 1.0), overdensity("200c", 0.0, 1.0))
    assert critical_density(1.0, 1.0) == pytest.approx(8 * critical_density(0.0, 1.0))
