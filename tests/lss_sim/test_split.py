import numpy as np
import pytest
from scipy.integrate import quad

from lss_sim.split import cloud_polynomial, cloud_transform, long_range_influence


def density(r, radius):
    return 315 / (64 * np.pi * radius**3) * (1 - (r / radius) ** 2) ** 3


def test_the_cubic_is_the_mass_within_r():
    radius = 3.0
    c = cloud_polynomial(radius)
    for r in (0.2, 1.0, 2.3, 3.0):
        mass = quad(lambda q: 4 * np.pi * q**2 * density(q, radius), 0, r)[0]
        assert r**3 * np.polyval(c[::-1], r**2) == pytest.approx(mass, rel=1e-9)
    assert np.polyval(c[::-1], radius**2) == pytest.approx(radius**-3, rel=1e-12)


def test_the_transform_is_that_of_the_cloud():
    radius = 2.0
    for k in (0.01, 0.14, 0.151, 1.0, 4.0):
        wave = quad(lambda r, k=k: 4 * np.pi * r**2 * density(r, radius) * np.sinc(k * r / np.pi), 0, radius)[0]
        assert cloud_transform(k * radius) == pytest.approx(wave, abs=1e-8)


def test_influence_is_newtonian_on_large_scales_and_vanishes_on_small_ones():
    n, box = 32, 100.0
    k = 2 * np.pi / box
    influence = long_range_influence(n, box, 4 * box / n, "pcs")
    window2 = np.sinc(1 / n) ** 8  # painting and interpolation are undone
    assert influence[1, 0, 0] * k**2 == pytest.approx(cloud_transform(k * 4 * box / n) / window2, rel=1e-4)
    assert influence[0, 0, 0] == 0
    assert abs(influence[-1, -1, -1]) * 3 * (16 * k) ** 2 < 0.02
    np.testing.assert_allclose(influence, influence.transpose(2, 0, 1), rtol=1e-5, atol=1e-8)
