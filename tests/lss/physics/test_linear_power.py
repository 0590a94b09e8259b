from pathlib import Path

import numpy as np
import pytest
from colossus.cosmology import power_spectrum as colossus

from lss.config import Configuration, Cosmology, validate
from lss.errors import ConfigError, DataError
from lss.physics import spectrum_table
from lss.physics.linear_power import (
    T_CMB,
    linear_power,
    sigma_r,
    tophat,
    transfer_eisenstein_hu,
    transfer_no_wiggle,
)

STORED = Path(__file__).parents[2] / "data" / "linear_power_eh98_z0.csv"
K = np.geomspace(1e-4, 50, 500)
UNIVERSES = [(0.3175, 0.049, 0.6711), (0.2, 0.03, 0.8), (0.5, 0.1, 0.6), (0.279, 0.045, 0.701)]


@pytest.mark.parametrize(("omega_m", "omega_b", "h"), UNIVERSES)
def test_transfer_functions_agree_with_colossus(omega_m, omega_b, h):
    wiggle = colossus.modelEisenstein98(K, h, omega_m, omega_b, T_CMB)
    smooth = colossus.modelEisenstein98ZeroBaryon(K, h, omega_m, omega_b, T_CMB)
    np.testing.assert_allclose(transfer_eisenstein_hu(K, omega_m, omega_b, h), wiggle, rtol=1e-10)
    np.testing.assert_allclose(transfer_no_wiggle(K, omega_m, omega_b, h), smooth, rtol=1e-10)


def test_the_fiducial_spectrum_agrees_with_the_stored_one():
    k, power = np.loadtxt(STORED, delimiter=",").T
    np.testing.assert_allclose(linear_power(k, Cosmology()), power, rtol=3e-4)  # colossus interpolates its own


@pytest.mark.parametrize("transfer", ["eisenstein-hu", "no-wiggle", str(STORED)])
def test_every_spectrum_has_the_sigma8_asked_for(transfer):
    cosmology = Cosmology(sigma8=0.71, transfer=transfer)
    k = np.geomspace(1e-5, 100, 40001)
    integrand = k**3 * linear_power(k, cosmology) / (2 * np.pi**2) * tophat(8 * k) ** 2
    variance = np.sum((integrand[1:] + integrand[:-1]) / 2) * np.log(k[1] / k[0])
    assert np.sqrt(variance) == pytest.approx(0.71, rel=1e-5)
    assert sigma_r(8.0, cosmology) == pytest.approx(0.71, rel=1e-9)
    assert sigma_r(16.0, cosmology) < sigma_r(8.0, cosmology) < sigma_r(4.0, cosmology)


def test_large_scales_keep_the_primordial_slope():
    power = linear_power(np.array([1e-6, 1e-5]), Cosmology(n_s=0.9))
    assert np.log10(power[1] / power[0]) == pytest.approx(0.9, abs=1e-3)


def test_the_mean_of_the_box_has_no_power():
    assert linear_power(0.0, Cosmology()) == 0
    np.testing.assert_array_equal(linear_power(np.array([[0.0, 0.1]]), Cosmology())[0, 0], 0)


def test_wiggles_oscillate_about_the_smooth_spectrum():
    ratio = linear_power(K, Cosmology()) / linear_power(K, Cosmology(transfer="no-wiggle"))
    inside = (K > 0.03) & (K < 0.4)
    assert np.sum(np.diff(np.sign(np.diff(ratio[inside]))) != 0) >= 6
    np.testing.assert_allclose(ratio, 1, atol=0.12)


def test_without_baryons_nothing_oscillates():
    slope = np.diff(np.log(linear_power(K, Cosmology(omega_b=0.0)))) / np.diff(np.log(K))
    assert (np.diff(slope) < 0).all()


def test_baryons_cannot_outweigh_matter():
    with pytest.raises(ConfigError, match=r"\[cosmology\]: omega_b = 0.4 exceeds omega_m = 0.3"):
        validate(Configuration, {"cosmology": {"omega_m": 0.3, "omega_b": 0.4}}, "u.toml")


def test_the_tophat_is_smooth_where_its_closed_form_is_not():
    x = np.linspace(0.005, 0.02, 101)
    np.testing.assert_allclose(tophat(x), 1 - x**2 / 10 + x**4 / 280, atol=2e-5)
    assert tophat(0.0) == 1


def write_table(path, k, power):
    np.savetxt(path, np.column_stack([k, power]), header="k P")
    return str(path)


def test_a_table_gives_back_the_spectrum_it_was_made_from(tmp_path):
    k = np.geomspace(1e-4, 20, 400)
    path = write_table(tmp_path / "camb.txt", k, 17 * linear_power(k, Cosmology()))
    between = np.geomspace(2e-4, 10, 333)
    table = linear_power(between, Cosmology(transfer=path))
    np.testing.assert_allclose(table, linear_power(between, Cosmology()), rtol=2e-4)


def bbks(k, gamma=0.2, n=0.96):
    """A cold dark matter spectrum of another author (Bardeen et al. 1986), and its transfer function."""
    q = k / gamma
    polynomial = 1 + 3.89 * q + (16.1 * q) ** 2 + (5.46 * q) ** 3 + (6.71 * q) ** 4
    t = np.log(1 + 2.34 * q) / (2.34 * q) * polynomial**-0.25
    return 2e6 * k**n * t**2, t


def ratio_beyond(path, k, whole):
    """P of a table over that of the whole table at k beyond its end, both with one sigma8."""
    short = linear_power(np.array([0.1, k]), Cosmology(transfer=path))
    full = linear_power(np.array([0.1, k]), Cosmology(transfer=whole))
    return short[1] / full[1] / (short[0] / full[0])


@pytest.mark.parametrize("digits", ["%.18e", "%.3E"])
def test_a_table_that_ends_early_is_continued_as_cold_dark_matter(tmp_path, digits):
    k = np.geomspace(1e-4, 50, 400)
    whole = write_table(tmp_path / "whole.dat", k, bbks(k)[0])
    dense = np.geomspace(1e-4, 1.2, 2000)
    np.savetxt(tmp_path / "short.dat", np.c_[dense, bbks(dense)[0]], fmt=["%.18e", digits])
    for wavenumber in (2, 10, 20):
        assert ratio_beyond(str(tmp_path / "short.dat"), wavenumber, whole) == pytest.approx(1, abs=0.1)
    steep = linear_power(np.array([1e-6, 1e-5]), Cosmology(transfer=whole, n_s=0.96))
    assert np.log10(steep[1] / steep[0]) == pytest.approx(0.96, abs=1e-3)


def test_what_is_no_spectrum_is_refused(tmp_path):
    k = np.geomspace(1e-4, 50, 400)
    power, transfer = bbks(k)
    for column in (2e7 * transfer, k**3 * power / 20):
        with pytest.raises(DataError, match="is it a transfer function or Delta"):
            linear_power(0.1, Cosmology(transfer=write_table(tmp_path / "t.dat", k, column)))


@pytest.mark.parametrize("header", ["k (1/Mpc)  P (Mpc^3)", "1:k [Mpc^-1] 2:P [Mpc^3]"])
def test_units_that_comments_name_are_converted(tmp_path, header):
    k, h = np.geomspace(1e-4, 50, 400), Cosmology().h
    np.savetxt(tmp_path / "mpc.dat", np.c_[k * h, bbks(k)[0] / h**3], header=header)
    right = linear_power([0.01, 1, 10], Cosmology(transfer=write_table(tmp_path / "h.dat", k, bbks(k)[0])))
    np.testing.assert_allclose(
        linear_power([0.01, 1, 10], Cosmology(transfer=str(tmp_path / "mpc.dat"))), right, rtol=1e-6
    )


@pytest.mark.parametrize("header", ["k/h    P", "1:k (h/Mpc)  2:P (Mpc/h)^3", "k [h Mpc^-1] P [h^-3 Mpc^3]"])
def test_units_with_h_are_as_we_want_them(tmp_path, header):
    k = np.geomspace(1e-4, 50, 400)
    np.savetxt(tmp_path / "h.dat", np.c_[k, bbks(k)[0]], header=header)
    assert spectrum_table.read_table(tmp_path / "h.dat").per_h


def test_units_that_contradict_each_other_are_refused(tmp_path):
    k = np.geomspace(1e-4, 50, 400)
    np.savetxt(tmp_path / "odd.dat", np.c_[k, bbks(k)[0]], header="k (1/Mpc) P (Mpc/h)^3")
    with pytest.raises(DataError, match="units with h and without"):
        spectrum_table.read_table(tmp_path / "odd.dat")


GOOD = np.geomspace(1e-3, 5, 30)


@pytest.mark.parametrize(
    ("k", "power", "complaint"),
    [
        (GOOD[::-1], GOOD, "row 2: .* k must increase"),
        (GOOD, -GOOD, "row 1: .* must be positive"),
        (np.where(GOOD > 1, np.nan, GOOD), GOOD, "finite"),
        (GOOD[:12], GOOD[:12], r"k from 0.001 to .* at least 0.01 to 0.3 is needed"),
        (GOOD[:3], GOOD[:3], "at least 4 rows"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path, k, power, complaint):
    path = write_table(tmp_path / "table.txt", k, power)
    with pytest.raises(DataError, match=complaint) as caught:
        linear_power(0.1, Cosmology(transfer=path))
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"k P\nfast slow\n", b"1.0\n2.0\n3.0\n4.0\n", b"", b"\x89HDF\r\n\x1a\n\xff\xfe"])
def test_a_file_that_is_no_table_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "table.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"table\.txt: ") as caught:
        linear_power(0.1, Cosmology(transfer=str(path)))
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_refused_naming_the_choices():
    with pytest.raises(DataError, match=r'eisenstien-hu: no such file; .* "no-wiggle"'):
        linear_power(0.1, Cosmology(transfer="eisenstien-hu"))
