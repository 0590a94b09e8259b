"""The whole of lss-stats: groups, tables, figures, report, ensembles, digest and listing."""

import csv
import dataclasses
import re

import numpy as np
import pytest

from lss.config import Box
from lss.errors import ConfigError, DataError
from lss.files.digest import digest
from lss.files.universe_file import read_universe, write_universe
from lss.physics.random_field import linear_overdensity
from lss.universe import Field, Group, Universe
from lss_stats import stage
from lss_stats.config import Config, Statistics
from lss_stats.ensemble import scatter
from lss_stats.measurements import measure
from lss_stats.output.listing import listing

ALL = Config(stats=Statistics(measure=["all"], triangle=(0.1, 0.3), angles=5, equilateral=4))


@pytest.fixture(scope="session")
def truth_file(truth, tmp_path_factory):
    path = tmp_path_factory.mktemp("truth") / "truth.h5"
    write_universe(truth, path)
    return path


def test_every_statistic_is_measured_of_a_universe_and_a_truth(universe, truth):
    measured = measure(universe, ALL.stats, truth)
    expected = {f"power/{n}" for n in ("initial", "matter", "momentum", "velocity", "halo_count", "halos")}
    expected |= {f"comparison/{n}" for n in ("initial", "matter", "momentum", "velocity", "halo_mass_weighted")}
    expected |= {"slices", "mass_function", "halo_velocities", "two_point", "multipoles/matter", "wedges/halos"}
    expected |= {"bispectrum/matter/angle", "bispectrum/halo_count/equilateral", "residuals/distribution"}
    assert expected <= measured.own.keys()
    assert {"power/matter", "mass_function", "bispectrum/matter/angle"} <= measured.truth.keys()
    for path, group in measured.own.items():
        if path.split("/")[0] in ("power", "comparison", "multipoles"):
            for name, column in group.data.items():
                assert np.isfinite(column).all(), f"{path}: {name}"


def test_statistics_are_groups_of_the_universe_and_survive_the_file(universe, truth_file, tmp_path):
    result = stage.run(universe, Config(), truth=truth_file)
    write_universe(result, tmp_path / "u.h5")
    back = read_universe(tmp_path / "u.h5")
    group = back.group("stats/comparison/matter")
    assert set(group.data) >= {"k", "n_modes", "correlation", "transfer", "propagator"}
    assert group.units["k"] == "h/Mpc"
    assert 0 <= group.attrs["k80"] <= group.data["k"][-1]
    again = stage.run(back, Config())
    assert not again.has("stats/comparison"), "statistics of an earlier run are replaced"


def test_without_a_truth_fields_are_held_against_the_initial_field(universe):
    measured = measure(universe, Statistics())
    assert measured.own["initial/matter"].attrs["with"] == "initial"
    assert measured.own["initial/matter"].data["correlation"][0] > 0.9


def test_a_truth_of_another_box_is_refused(universe, truth):
    other = dataclasses.replace(truth, box=Box(size=50.0, n=16))
    with pytest.raises(DataError, match=r"universe.h5: box of 100 Mpc/h, but truth.h5 has 50"):
        measure(universe, Statistics(), other)


def test_nothing_to_measure_is_an_error_that_names_the_universe(universe):
    empty = Universe(universe.cosmology, universe.box, {}, {}, "empty.h5")
    with pytest.raises(DataError, match=r"empty.h5: nothing to measure"):
        measure(empty, Statistics())


def test_tables_are_csv_with_units_and_one_hdf5_file(universe, truth_file, tmp_path):
    stage.run(universe, ALL, truth=truth_file, tables=tmp_path / "csv")
    with (tmp_path / "csv" / "comparison-matter.csv").open() as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))
    assert rows[0][:2] == ["k [h/Mpc]", "n_modes"]
    assert "power [(Mpc/h)^3]" in rows[0]
    assert len({len(row) for row in rows}) == 1
    assert (tmp_path / "csv" / "wedges-matter-power.csv").exists()
    stage.run(universe, Config(), tables=tmp_path / "tables.h5")
    assert set(read_universe(tmp_path / "tables.h5").groups) >= {"stats/power/matter", "stats/mass_function"}


def test_overview_and_report_are_written(universe, truth_file, tmp_path):
    """The report is one file that needs no network."""
    stage.run(universe, Config(), truth=truth_file, plot=tmp_path / "all.png", report=tmp_path / "report.html")
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") >= 4
    assert "k [h/Mpc]" in page
    assert "<b>Halo mass function (LULO Fig. 7).</b> Halos per volume" in page
    assert "[stats] mass_range = [1e+13, 2e+15] Msun/h, mass_bins = 20, resolved = 130" in page
    assert "mesh = 16, assignment = tsc, interlace = true, deconvolve = true" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_a_figure_of_unknown_format_is_refused_before_the_work(universe, tmp_path):
    with pytest.raises(ConfigError, match=r"\.png, \.pdf, \.svg"):
        stage.run(universe, Config(), plot=tmp_path / "all.jpeg2")


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("figures", "all.png", "--plot writes one of them"),
        ("tables", "all.csv", "--tables all/"),
        ("report", "report.pdf", r"ends in \.html"),
    ],
)
def test_a_name_that_promises_something_else_is_refused_before_the_work(universe, tmp_path, option, name, words):
    with pytest.raises(ConfigError, match=words):
        stage.run(universe, Config(), **{option: tmp_path / name})
    assert not (tmp_path / name).exists()


def test_a_field_on_another_grid_than_the_truths_is_refused(universe, truth):
    coarse = truth.with_field("halo_count", Field(np.ones((8, 8, 8), np.float32), "cic"))
    with pytest.raises(
        DataError, match=r"universe.h5: halo_count on a grid of 16\^3, but truth.h5 has halo_count on 8\^3"
    ):
        measure(universe, Statistics(), coarse)


@pytest.mark.parametrize("measure", ["multipoles", "bispectrum"])
def test_a_truth_whose_statistics_stand_at_other_k_is_refused(universe, universe_on, measure, tmp_path):
    write_universe(universe_on(n=24), tmp_path / "fine.h5")
    config = Config(stats=Statistics(measure=[measure], triangle=(0.1, 0.3)))
    with pytest.raises(DataError, match=rf"universe.h5: {measure}/.* values of k from .*, but .*fine.h5 has .* values"):
        stage.run(universe, config, truth=tmp_path / "fine.h5")


@pytest.mark.parametrize("box", [{"box_size": 200.0}, {"n": 24}])
def test_an_ensemble_on_another_grid_or_in_another_box_is_refused(universe, universe_on, box, tmp_path):
    for folder, members in (("others", [box, box]), ("mixed", [{}, box])):
        for i, member in enumerate(members):
            write_universe(universe_on(**member), tmp_path / folder / f"{i:06d}.h5")
    config = Config(stats=Statistics(measure=["power"]))
    with pytest.raises(DataError, match=r"universe.h5: power/initial has .* but .*others has"):
        stage.run(universe, config, ensemble=tmp_path / "others")
    with pytest.raises(DataError, match=r"000001.h5: (box of 200 Mpc.h|power/initial has .* but the first member has)"):
        stage.run_directory(sorted((tmp_path / "mixed").glob("*.h5")), config)


def test_a_truth_with_more_particles_is_compared_on_one_mesh(universe, universe_on, tmp_path):
    fine = universe_on(n=24).without("ic").without("fields")
    write_universe(fine, tmp_path / "fine.h5")
    config = Config(stats=Statistics(measure=["power", "multipoles"], mesh=16))
    result = stage.run(universe, config, truth=tmp_path / "fine.h5")
    assert result.has("stats/comparison/matter")


def test_a_directory_of_truths_holds_the_one_of_the_universes_name(universe, truth, tmp_path):
    write_universe(truth, tmp_path / "truths/universe.h5")
    result = stage.run(universe, Config(), truth=tmp_path / "truths")
    assert result.group("stats/comparison/matter").attrs["with_source"] == str(tmp_path / "truths/universe.h5")


@pytest.mark.slow
def test_every_figure_is_drawn(universe, truth_file, tmp_path):
    ensemble = tmp_path / "ensemble"
    for i in range(3):
        write_universe(universe, ensemble / f"{i:06d}.h5")
    stage.run(universe, ALL, truth=truth_file, ensemble=ensemble, figures=tmp_path / "figures")
    stage.run_directory(sorted(ensemble.glob("*.h5")), ALL, truth=truth_file, figures=tmp_path / "figures")
    from lss_stats.figures.catalogue import figures

    drawn_elsewhere = {"random-field", "posterior", "estimates", "coverage"}  # test_posterior.py, test_learned.py
    for suffix in ("png", "pdf"):
        drawn = {path.stem for path in (tmp_path / "figures").glob(f"*.{suffix}")}
        assert drawn == set(figures()) - drawn_elsewhere


def test_scatter_of_an_ensemble_is_mean_and_standard_deviation():
    k = np.array([1.0, 2.0])
    groups = [{"power/matter": Group({"k": k, "power": np.array([a, 2 * a])})} for a in (1.0, 2.0, 6.0)]
    data = scatter(groups)["power/matter"].data
    np.testing.assert_array_equal(data["k"], k)
    np.testing.assert_allclose(data["power_mean"], [3, 6])
    np.testing.assert_allclose(data["power_std"], np.std([1, 2, 6], ddof=1) * np.array([1, 2]))


def test_members_with_a_truth_each_are_averaged_particle_by_particle_too(universe, truth, tmp_path):
    """Bins of true mass are each truth's own: the violins are drawn of one universe, and not averaged."""
    for folder, pair in (("members", (universe, truth)), ("truths", (truth, universe))):
        for i, member in enumerate(pair):
            write_universe(member, tmp_path / folder / f"{i:06d}.h5")
    config = Config(stats={"measure": ["residuals"]})
    paths = sorted((tmp_path / "members").glob("*.h5"))
    result, _ = stage.run_directory(paths, config, truth=tmp_path / "truths")
    distribution = result.group("stats/ensemble/residuals/distribution")
    one = stage.run(universe, config, truth=tmp_path / "truths" / "000000.h5").group("stats/residuals/distribution")
    np.testing.assert_array_equal(distribution.data["residual"], one.data["residual"])
    assert distribution.attrs["members"] == 2
    assert not result.has("stats/ensemble/residuals/by_mass")


@pytest.mark.parametrize("bad", [0, 2])
def test_a_bad_member_is_named_and_left_out_only_on_request(universe, truth, tmp_path, bad):
    paths = [tmp_path / f"{i:06d}.h5" for i in range(3)]
    for path, member in zip((p for i, p in enumerate(paths) if i != bad), (universe, truth), strict=True):
        write_universe(member, path)
    paths[bad].write_bytes(b"not HDF5")
    with pytest.raises(DataError, match=rf"{paths[bad].name}.*--keep-going"):
        stage.run_directory(paths, Config())
    result, text = stage.run_directory(paths, Config(), keep_going=True)
    assert re.search(r"matter +its own initial field +2 ", text)
    assert result.group("stats/ensemble/power/matter").attrs["members"] == 2


def test_what_was_gathered_of_samples_is_measured_with_its_mean_initial_field(universe, truth_file):
    linear = linear_overdensity(universe.noise.value, universe.cosmology, universe.box.size)
    gathered = universe.without("ic").without("PartType1").with_field("linear_mean", Field(linear))
    result = stage.run(gathered, Config(), truth=truth_file)
    of_universe = stage.run(universe, Config(), truth=truth_file)
    for path, column in (("slices", "initial"), ("comparison/initial", "correlation")):
        here, there = (one.group(f"stats/{path}").data[column] for one in (result, of_universe))
        np.testing.assert_array_equal(here, there)


def test_digest_is_of_the_data_and_not_of_provenance(universe):
    same = universe.with_group("provenance/00-lss-ic", Group({}, {"host": "elsewhere"}))
    assert digest(same) == digest(universe)
    field = universe.field("halo_count")
    value = field.value.copy()
    value[0, 0, 0] += 1e-3
    assert digest(universe.with_field("halo_count", dataclasses.replace(field, value=value))) != digest(universe)


def test_listing_shows_groups_shapes_units_and_provenance(universe, tmp_path):
    shown = listing(
        universe.with_group("provenance/00-lss-ic", Group({}, {"command": "lss-ic u.toml", "version": "0.1.0"}))
    )
    assert re.search(r"white_noise +16 x 16 x 16 +float32 +1", shown)
    assert re.search(r"mass +103 +float32 +Msun/h", shown)
    assert "lss-ic u.toml" in shown
    write_universe(universe, tmp_path / "000000.h5")
    (tmp_path / "000001.h5").write_bytes(b"")
    ensemble = listing(None, sorted(tmp_path.glob("*.h5")))
    assert "2 universes" in ensemble
    assert "unreadable" in ensemble


def test_same_bits_for_any_number_of_threads(universe, truth, threads):
    digests = set()
    for count in (1, 2):
        threads(count)
        measured = measure(universe, ALL.stats, truth)
        digests.add(digest(Universe(universe.cosmology, universe.box, {}, measured.own)))
    assert len(digests) == 1


def test_the_plan_names_what_is_measured(universe):
    plan = stage.plan(universe, Config())
    assert "power" in plan.steps[0]
    fine = stage.plan(universe, Config(stats=Statistics(mesh=64)))
    modes = 4 * 64**2 * 66
    assert fine.memory_bytes - plan.memory_bytes > 4 * modes, "grids of 64^3 need more than those of 16^3"
