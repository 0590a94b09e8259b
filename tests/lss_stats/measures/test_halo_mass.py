"""Predicted halo masses judged: divergences with known values, errors over groups, places in halos, the statistic."""

import numpy as np
import pytest

from lss.halos.lagrangian import particle_halo_mass
from lss.universe import Group, Halos, Members
from lss_stats.config import Statistics
from lss_stats.fields import Fields
from lss_stats.figures.halo_mass import figure
from lss_stats.figures.shown import Shown
from lss_stats.measures.halo_mass import (
    STATISTIC,
    by_true_mass,
    divergence,
    places,
    residual_table,
    sampling_floor,
    thirds,
)
from lss_stats.resampling import grouped_error
from lss_stats.statistic import Measured, Subject


def test_the_divergence_of_two_normal_distributions_is_the_analytic_one():
    random = np.random.default_rng(1)
    one, other = random.normal(0.1, 0.3, 400_000), random.normal(0.0, 0.4, 400_000)
    expected = np.log(0.4 / 0.3) + (0.3**2 + 0.1**2) / (2 * 0.4**2) - 0.5
    assert divergence(one, other) == pytest.approx(expected, abs=0.003)


def test_two_halves_of_halos_differ_by_more_than_two_halves_of_particles():
    random = np.random.default_rng(2)
    halo = np.repeat(np.arange(300), 40)
    residual = random.normal(0, 0.3, 300)[halo] + random.normal(0, 0.1, len(halo))
    by_halo, by_particle = (sampling_floor(residual, groups) for groups in (halo, np.arange(len(halo))))
    assert by_halo > 2 * by_particle > 0


def test_errors_over_groups_are_those_of_the_mean_of_independent_groups():
    random = np.random.default_rng(3)
    group = np.repeat(np.arange(400), 5)
    value = random.normal(0, 1, 400)[group]  # all rows of a group are alike: five times fewer are independent
    error = grouped_error(group, lambda rows: float(value[rows].mean()), 400)
    assert error == pytest.approx(1 / np.sqrt(400), rel=0.12)


def test_thirds_are_of_the_range_of_masses():
    assert thirds(np.array([12.0, 12.9, 13.1, 13.9, 14.1, 15.0])).tolist() == [0, 0, 1, 1, 2, 2]


def test_places_are_thirds_of_the_particles_by_distance_across_the_faces_of_the_box():
    centre, box = np.array([[0.5, 5, 5], [5, 5, 5]], np.float32), 10.0
    distance = np.array([0.1, 0.9, 0.2, 0.8, 0.5, 0.6])
    position = np.concatenate([c - [[d, 0, 0] for d in distance] for c in centre]) % box
    columns = {"position": centre, "velocity": 0 * centre, "mass": np.ones(2, np.float32)}
    halos = Halos(columns, "fof", "test", 0.0, Members(np.array([0, 6, 12]), np.arange(12)))
    found = places(halos, np.concatenate([position, [[9, 9, 9]]]), box)
    assert found.tolist() == [0, 2, 0, 2, 1, 1] * 2 + [-1]


def test_violins_hold_the_distribution_of_predictions_in_each_bin_of_true_mass():
    random = np.random.default_rng(4)
    true = random.uniform(12, 14, 50_000)
    predicted = 13 + 0.5 * (true - 13) + random.normal(0, 0.1, len(true))
    table = by_true_mass(predicted, true)
    np.testing.assert_allclose(table["q50"], 13 + 0.5 * (table["mass_true"] - 13), atol=0.02)
    assert table["particles"].sum() == len(true)
    width = table["found"][1] - table["found"][0]
    np.testing.assert_allclose(table["density"].sum(1) * width, 1)


def test_residuals_of_thirds_and_places_add_up_to_all():
    random = np.random.default_rng(5)
    true, place = random.uniform(12, 14, 999), random.integers(3, size=999)
    table = residual_table(true + random.normal(0, 0.3, 999), true, place)
    whole = table["count"]
    assert whole.sum() == 999
    np.testing.assert_array_equal(sum(table[f"count_{third}"] for third in ("light", "medium", "heavy")), whole)
    light = sum(table[f"count_light_{where}"] for where in ("inner", "middle", "outer"))
    np.testing.assert_array_equal(light, table["count_light"])


def predicted(universe, offset):
    """The universe with predictions that are its own labels, moved by some dex."""
    mass = particle_halo_mass(universe.halos, universe.box.n) * np.float32(10**offset)
    attrs = {"mass_low": 1e13, "mass_high": 1e15, "network": "toy"}
    return universe.with_group("fields/predicted_halo_mass", Group({"value": mass}, attrs, {"value": "Msun/h"}))


def subject(universe, truth=None):
    config = Statistics()
    other = None if truth is None else Subject(truth, Fields(truth, config), config)
    return Subject(universe, Fields(universe, config), config, truth=other)


def test_the_statistic_of_perfect_predictions_is_perfect_and_is_drawn(universe):
    groups = STATISTIC.of_universe(subject(predicted(universe, 0.2)))
    attrs = groups["halo_mass/by_mass"].attrs
    assert attrs["r"] == pytest.approx(1, abs=1e-6)
    assert attrs["rms_dex"] == pytest.approx(0.2, abs=1e-5)
    assert figure(Shown(own=groups)) is not None
    (_, row), *_ = STATISTIC.tables(Measured(groups)).values()
    assert row[1:] == ("1.000", "0.200")


def test_predictions_are_held_against_the_truth_where_there_is_one(universe, truth):
    groups = STATISTIC.of_universe(subject(predicted(universe, 0.0), truth))
    assert groups["halo_mass/by_mass"].attrs["r"] < 0.9999
