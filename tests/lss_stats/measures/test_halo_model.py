"""The halo field of a Lagrangian bias, against the halos it stands for."""

import numpy as np
import pytest
from tests.biased_universes import BOX_SIZE, biased_universe

from lss.errors import DataError
from lss.grid.agreement import agreement, bands
from lss.halos.weighted_field import tracer_field
from lss.universe import Group
from lss_stats.measures.halo_model import STATISTIC, against_halos
from lss_stats.statistic import Measured


def with_model(universe, field, **attrs):
    about = {"weight": "mass", "mass_range": np.array([1e13, np.inf]), "assignment": "cic"} | attrs
    return universe.with_group("fields/halo_model", Group({"value": field}, about))


def halo_field(universe):
    halos = universe.halos
    return tracer_field(halos.position, halos.mass, "mass", (1e13, np.inf), 32, BOX_SIZE)


def test_the_halos_themselves_agree_with_themselves():
    universe, _ = biased_universe(1)
    found = against_halos(with_model(universe, halo_field(universe)), universe)
    np.testing.assert_allclose(found.data["power_ratio"], 1, rtol=1e-5)
    assert np.abs(found.data["error"]).max() < 1e-5


def test_half_the_field_has_a_quarter_of_the_power_and_no_uncorrelated_part():
    universe, _ = biased_universe(1)
    found = against_halos(with_model(universe, 0.5 * halo_field(universe)), universe).data
    for name, value in {"power_ratio": 0.25, "inverse_r2": 1, "error": 0.25, "uncorrelated": 0}.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)


def test_noise_without_correlation_adds_its_power_to_the_error():
    universe, _ = biased_universe(1)
    truth = halo_field(universe)
    noise = np.random.default_rng(5).normal(0, 0.4 * truth.std(), truth.shape).astype(np.float32)
    found = agreement(truth + noise, truth, BOX_SIZE, bands(BOX_SIZE, (0.2, 0.9)), "none")
    alone = agreement(noise, truth, BOX_SIZE, bands(BOX_SIZE, (0.2, 0.9)), "none").power_ratio
    np.testing.assert_allclose(found.error, alone, rtol=1e-3)
    np.testing.assert_allclose(found.uncorrelated, alone, rtol=0.05)


def test_the_summary_gives_the_bands():
    universe, _ = biased_universe(1)
    group = against_halos(with_model(universe, halo_field(universe)), universe)
    (title, rows), *_ = STATISTIC.tables(Measured({"halo_model": group})).items()
    assert title == "Halo field of a Lagrangian bias"
    assert [row[0] for row in rows[1:]] == ["0 - 0.15", "0.15 - 0.3", "0.3 - 0.5"]
    assert rows[1][1] == "1.0000"


def test_what_a_field_does_not_say_is_asked_for():
    universe, _ = biased_universe(1)
    silent = universe.with_group("fields/halo_model", Group({"value": halo_field(universe)}, {"weight": "mass"}))
    with pytest.raises(DataError, match="does not say its mass_range"):
        against_halos(silent, universe)
    with pytest.raises(DataError, match=r"no halo above 1e\+15"):
        against_halos(with_model(universe, halo_field(universe), mass_range=np.array([1e15, np.inf])), universe)
