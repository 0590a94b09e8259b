import numpy as np
import pytest
from colossus.cosmology import cosmology as colossus
from scipy.special import hyp2f1

from lss.physics.cosmology import (
    RHO_CRIT,
    growth_factor,
    growth_factor_2,
    growth_rate,
    growth_rate_2,
    hubble,
    omega_m_at,
)

OMEGA_M = [0.1, 0.25, 0.3175, 0.6]
A = np.geomspace(1e-3, 1, 61)


@pytest.mark.parametrize("omega_m", OMEGA_M)
def test_linear_growth_agrees_with_its_closed_form(omega_m):
    def closed_form(a):
        return a * hyp2f1(1 / 3, 1, 11 / 6, (omega_m - 1) / omega_m * a**3)

    np.testing.assert_allclose(growth_factor(A, omega_m), closed_form(A) / closed_form(1.0), rtol=1e-9)


@pytest.mark.parametrize("omega_m", OMEGA_M)
def test_growth_and_expansion_agree_with_colossus(omega_m):
    parameters = {
        "flat": True,
        "H0": 67.11,
        "Om0": omega_m,
        "Ob0": 0.049,
        "sigma8": 0.8,
        "ns": 0.96,
        "relspecies": False,
    }
    oracle = colossus.setCosmology("test", params=parameters, persistence="")
    a = A[A > 0.005]
    z = 1 / a - 1
    np.testing.assert_allclose(hubble(a, omega_m), oracle.Ez(z), rtol=1e-6)  # colossus interpolates
    np.testing.assert_allclose(growth_factor(a, omega_m), oracle.growthFactor(z), rtol=1e-4)
    np.testing.assert_allclose(omega_m_at(a, omega_m), oracle.Om(z), rtol=1e-6)


@pytest.mark.parametrize("omega_m", OMEGA_M)
def test_rates_are_the_logarithmic_slopes_of_the_factors(omega_m):
    step = 1e-4
    for factor, rate in ((growth_factor, growth_rate), (growth_factor_2, growth_rate_2)):
        ratio = factor(A * np.exp(step), omega_m) / factor(A * np.exp(-step), omega_m)
        np.testing.assert_allclose(rate(A, omega_m), np.log(ratio) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("omega_m", OMEGA_M)
def test_second_order_growth_follows_bouchet_within_a_percent(omega_m):
    approximation = -3 / 7 * growth_factor(A, omega_m) ** 2 * omega_m_at(A, omega_m) ** (-1 / 143)
    np.testing.assert_allclose(growth_factor_2(A, omega_m), approximation, rtol=0.01)
    np.testing.assert_allclose(growth_rate_2(A, omega_m), 2 * omega_m_at(A, omega_m) ** (6 / 11), rtol=0.02)


def test_everything_is_a_power_law_in_an_einstein_de_sitter_universe():
    np.testing.assert_allclose(growth_factor(A, 1.0), A, rtol=1e-8)
    np.testing.assert_allclose(growth_factor_2(A, 1.0), -3 / 7 * A**2, rtol=1e-8)
    np.testing.assert_allclose(hubble(A, 1.0), A**-1.5, rtol=1e-12)


def test_growth_is_normalised_today():
    assert growth_factor(1.0, 0.3175) == pytest.approx(1, abs=1e-12)
    assert hubble(1.0, 0.3175) == 1


def test_critical_density_is_three_h_squared_over_eight_pi_g():
    gravity = 4.30091e-9  # Mpc (km/s)^2 / Msun, CODATA 2018 and the IAU solar mass
    assert pytest.approx(3 * 100**2 / (8 * np.pi * gravity), rel=1e-5) == RHO_CRIT


def test_growth_beyond_the_table_is_refused():
    for a in (0.0, 1e-6, 11.0, np.nan):
        with pytest.raises(ValueError, match="tabulated"):
            growth_factor([a, 0.5], 0.3175)
