"""Mass functions, velocities, pair counts, divergences and residuals."""

import dataclasses
import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lss.config import Cosmology
from lss.errors import DataError
from lss.universe import Halos, Members
from lss_stats.config import Statistics
from lss_stats.divergence import kl_divergence
from lss_stats.fields import resolved
from lss_stats.figures import halos as figure_halos
from lss_stats.figures.shown import Shown
from lss_stats.measures.halo_velocities import halo_velocities
from lss_stats.measures.mass_function import mass_function, predicted
from lss_stats.measures.residuals import residuals
from lss_stats.measures.two_point import pair_counts, two_point


def test_every_halo_in_range_is_counted_with_a_poisson_error(universe):
    data = mass_function(universe, Statistics()).data
    mass = universe.halos.mass
    assert data["count"].sum() == ((mass >= 1e13) & (mass <= 2e15)).sum()
    width = np.log(data["mass_high"] / data["mass_low"])
    assert_allclose(data["density"] * universe.box.size**3 * width, data["count"])
    assert_allclose(data["error"] * universe.box.size**3 * width, np.sqrt(data["count"]))


@pytest.mark.parametrize("redshift", [0.0, 1.0])
@pytest.mark.parametrize(("model", "definition"), [("tinker08", "200c"), ("tinker08", "200m"), ("sheth99", "fof")])
def test_models_agree_with_colossus_within_one_percent(model, definition, redshift):
    """Its own spectrum and ours, its growth (with radiation switched off) and ours."""
    from colossus.lss import mass_function as fits

    cosmology = Cosmology(transfer="eisenstein-hu")
    mass = np.geomspace(1e13, 1e15, 12)
    ours = predicted(mass, cosmology, redshift, model, definition)
    theirs = fits.massFunction(mass, redshift, mdef=definition, model=model, q_out="dndlnM")
    assert_allclose(ours, theirs, rtol=0.01)


def test_models_are_averaged_over_the_bins_that_halos_are_counted_in(universe):
    """Bins that are halved hold the mean of their halves, however steep the model is."""
    coarse, fine = (mass_function(universe, Statistics(mass_bins=bins)).data["tinker08"] for bins in (4, 8))
    assert_allclose(coarse, fine.reshape(4, 2).mean(axis=1), rtol=0.005)


def test_a_model_is_left_out_where_it_is_not_calibrated():
    mass = np.array([1e14])
    assert predicted(mass, Cosmology(), 0.0, "tinker08", "fof") is None
    assert predicted(mass, Cosmology(), 0.0, "sheth99", "200c") is None


def test_masses_that_are_missing_or_not_positive_are_refused(universe):
    halos = universe.halos
    wrong = Halos(halos.columns | {"mass": np.zeros(len(halos), np.float32)}, "200c", "test", 0.0)
    with pytest.raises(DataError, match="masses are not positive"):
        mass_function(universe.with_halos(wrong), Statistics())
    columns = {name: column for name, column in halos.columns.items() if name != "mass"}
    without = universe.with_halos(Halos(columns, "200c", "test", 0.0))
    with pytest.raises(DataError, match="no dataset 'mass'"):
        mass_function(without, Statistics())


def test_unresolved_halos_are_left_out_by_particles_or_else_by_mass(universe):
    halos = universe.halos
    assert resolved(universe, 1000).sum() == (halos.n_particles >= 1000).sum()
    columns = {name: column for name, column in halos.columns.items() if name != "n_particles"}
    bare = universe.with_halos(Halos(columns, "200c", "test", 0.0))
    kept = resolved(bare, 20)
    assert 0 < kept.sum() < len(halos)
    assert halos.mass[kept].min() > halos.mass[~kept].max()


def test_halo_speeds_are_those_of_the_catalogue(universe):
    data = halo_velocities(universe, Statistics(resolved=0)).data
    speed = np.linalg.norm(universe.halos.velocity, axis=1)
    assert data["speed_count"].sum() == (speed <= 2400).sum()
    mean = (data["speed"] * data["speed_count"]).sum() / data["speed_count"].sum()
    assert mean == pytest.approx(speed[speed <= 2400].mean(), abs=30)
    assert data["dispersion_count"].sum() == len(speed)


def test_velocities_are_drawn_against_a_truth_without_dispersions(universe):
    config, halos = Statistics(resolved=0), universe.halos
    columns = {name: column for name, column in halos.columns.items() if name != "velocity_dispersion"}
    bare = universe.with_halos(dataclasses.replace(halos, columns=columns))
    own, truth = ({"halo_velocities": halo_velocities(each, config)} for each in (universe, bare))
    figure = figure_halos.velocities(Shown(own, truth))
    drawn = {axis.get_xlabel(): len(axis.get_legend_handles_labels()[1]) for axis in figure.axes}
    assert drawn == {r"$\sigma_v$ [km/s]": 1, "$|v|$ [km/s]": 2}


@pytest.mark.parametrize("largest", [8.0, 20.0, 45.0])
def test_pair_counts_equal_a_loop_over_all_pairs(largest):
    """On many cells, on 5, and on a box too small for cells."""
    rng = np.random.default_rng(3)
    box_size, edges = 100.0, np.linspace(1.0, largest, 7)
    position = rng.uniform(0, box_size, (300, 3))
    position[:100] = position[100:200] + rng.normal(0, 2, (100, 3))
    position %= box_size
    difference = np.abs(position[:, None] - position)
    difference = np.minimum(difference, box_size - difference)
    distance = np.sqrt((difference**2).sum(-1))[np.triu_indices(300, 1)]
    expected = [((distance >= a) & (distance < b)).sum() for a, b in itertools.pairwise(edges)]
    np.testing.assert_array_equal(pair_counts(position, box_size, edges), expected)


def test_unclustered_halos_have_no_correlation(universe):
    rng = np.random.default_rng(4)
    columns = {
        "position": rng.uniform(0, 100, (3000, 3)).astype(np.float32),
        "velocity": np.zeros((3000, 3), np.float32),
        "mass": np.ones(3000, np.float32),
    }
    data = two_point(universe.with_halos(Halos(columns, "200c", "test", 0.0)), Statistics(separations=(5, 40))).data
    assert np.all(np.abs(data["xi"]) < 4 * data["error"])


def test_separations_beyond_half_the_box_are_refused(universe):
    with pytest.raises(DataError, match=r"universe.h5: .* begin at 55 Mpc/h, but half the box is 50"):
        two_point(universe, Statistics(separations=(55, 60)))
    assert two_point(universe, Statistics(separations=(5, 60))).data["r_high"][-1] == pytest.approx(50)


def test_divergence_of_two_gaussians_is_half_the_squared_shift():
    rng, shift = np.random.default_rng(5), 0.5
    edges = np.linspace(-5, 5, 41)
    value, error = kl_divergence(rng.normal(size=100_000), rng.normal(shift, size=100_000), edges)
    assert value == pytest.approx(shift**2 / 2, abs=4 * error + 0.005)
    assert 0 < error < 0.01
    same, error = kl_divergence(rng.normal(size=50_000), rng.normal(size=50_000), edges)
    assert same < 5 * error


def test_a_catalogue_held_against_itself_has_no_residuals(universe):
    distribution, by_mass = residuals(universe, universe).values()
    centre = np.argmax(distribution.data["count"])
    assert distribution.data["count"][centre] == distribution.data["count"].sum()
    assert distribution.attrs["kl_divergence"] > 1
    found = ~np.isnan(by_mass.data["q50"])
    assert np.all(np.abs(by_mass.data["q50"][found] - by_mass.data["mass_true"][found]) < 0.2)


def test_a_particle_of_a_subhalo_has_the_mass_of_its_host(universe):
    halos = universe.halos
    first, second = np.arange(8), np.arange(4)
    members = Members(np.array([0, 8, 12]), np.concatenate([first, second]))
    columns = {name: column[:2] for name, column in halos.columns.items()} | {"host": np.array([-1, 0], np.int32)}
    with_subhalo = universe.with_halos(Halos(columns, "200c", "test", 0.0, members))
    alone = {name: column[:1] for name, column in columns.items()}
    host = universe.with_halos(Halos(alone, "200c", "test", 0.0, Members(np.array([0, 8]), first)))
    assert residuals(with_subhalo, host)["residuals/distribution"].attrs["median"] == 0


def test_residuals_are_left_out_without_halos_in_both_and_members_must_be_particles(universe, truth):
    halos = universe.halos
    none = {name: column[:0] for name, column in halos.columns.items()}
    nothing = Halos(none, "200c", "test", 0.0, Members(np.zeros(1, np.int64), np.zeros(0, np.int64)))
    assert residuals(universe.with_halos(nothing), truth) == {}
    assert residuals(universe.with_halos(dataclasses.replace(halos, members=None)), truth) == {}
    beyond = Members(halos.members.offset, halos.members.index + universe.box.n**3)
    with pytest.raises(DataError, match=r"universe.h5: members of halos up to particle"):
        residuals(universe.with_halos(dataclasses.replace(halos, members=beyond)), truth)
