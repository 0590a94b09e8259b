"""Multipoles and wedges against plain sums over modes."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lss.grid.fourier import forward
from lss.halos.redshift_space import redshift_space
from lss_stats.config import Statistics
from lss_stats.fields import FieldModes
from lss_stats.measurements import measure
from lss_stats.measures.multipoles import multipoles
from lss_stats.measures.wedges import wedges

BOX, N = 100.0, 12


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return np.random.default_rng(6).standard_normal((N, N, N))


def frequencies() -> tuple[np.ndarray, np.ndarray]:
    m = np.abs(np.fft.fftfreq(N, 1 / N))
    vectors = np.stack(np.meshgrid(m, m, m, indexing="ij"), -1)
    return vectors, np.sqrt((vectors**2).sum(-1))


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_multipoles_equal_a_plain_sum_over_modes(field, axis):
    result = multipoles(FieldModes("matter", forward(field)[None], BOX), Statistics(line_of_sight=axis)).data
    vectors, length = frequencies()
    power = np.abs(np.fft.fftn(field)) ** 2 * BOX**3 / N**6
    mu = vectors[..., "xyz".index(axis)] / np.maximum(length, 1e-9)
    for order, name in ((0, "monopole"), (2, "quadrupole"), (4, "hexadecapole")):
        legendre = np.polynomial.legendre.Legendre.basis(order)(mu)
        for s in range(1, N // 2):
            inside = np.floor(length + 0.5) == s
            expected = (2 * order + 1) * (power * legendre)[inside].mean()
            assert_allclose(result[name][s - 1], expected, rtol=1e-9, atol=1e-9 * power.max())


def test_wedges_hold_every_mode_once_and_all_the_power(field):
    result = wedges(FieldModes("matter", forward(field)[None], BOX), Statistics()).data
    assert result["n_modes"].sum() == N**3
    total = np.nansum(result["power"] * result["n_modes"])
    power = np.abs(np.fft.fftn(field)) ** 2 * BOX**3 / N**6
    assert_allclose(total, power.sum() - power[0, 0, 0], rtol=1e-9)


def test_structure_across_the_line_of_sight_only_has_a_quadrupole_of_minus_five_halves():
    """mu = 0 for every mode with power: P_2 = 5 L_2(0) P_0 = -5/2 P_0."""
    field = np.repeat(np.random.default_rng(7).standard_normal((N, N, 1)), N, axis=2)
    result = multipoles(FieldModes("matter", forward(field)[None], BOX), Statistics(line_of_sight="z")).data
    below = slice(0, N // 2 - 1)
    assert_allclose(result["quadrupole"][below], -2.5 * result["monopole"][below], rtol=1e-6)


def test_halos_that_a_survey_moved_are_not_moved_again(universe):
    halos = universe.halos
    size, omega_m = universe.box.size, universe.cosmology.omega_m
    moved = redshift_space(halos.position, halos.velocity, 2, halos.redshift, omega_m, size)
    columns = halos.columns | {"position": moved, "position_real": halos.position}
    seen = universe.with_halos(dataclasses.replace(halos, columns=columns))
    config = Statistics(measure=["multipoles", "wedges"])
    expected, found = (measure(each, config).own for each in (universe, seen))
    assert expected.keys() == found.keys()
    for path in expected:
        for name, column in expected[path].data.items():
            np.testing.assert_array_equal(found[path].data[name], column)
