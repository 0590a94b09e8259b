"""lss-recon as a stage: what it writes, what its keys do, and stages of a user's own in its loop."""

import dataclasses
from importlib.metadata import EntryPoint, entry_points

import numpy as np
import pytest
from tests.reconstructing import reconstruct, whole_data, with_update

from lss import stages
from lss.config import merge, validate
from lss.errors import ConfigError
from lss.files.digest import digest
from lss.files.universe_file import write_universe
from lss.grid import fourier
from lss.grid.fourier import wavenumber
from lss.halos.six_fields import NAMES
from lss.physics.random_field import white_noise
from lss_recon.config import Config
from lss_recon.forward_settings import forward_settings
from lss_recon.halo_comparison import compared_fields
from lss_recon.lulo.loop import Evaluation
from lss_recon.lulo.network import make_guidance
from lss_recon.lulo.truth import against_truth


def test_result_is_a_universe_that_grows_again_from_its_white_noise(observed, estimator):
    result = reconstruct(observed, estimator)
    again = result
    for name in ("ic", "sim", "halo"):
        again = stages.run(name, again, result.config)
    assert np.array_equal(again.halos.position, result.halos.position)
    assert np.array_equal(again.particles.position, result.particles.position)
    assert result.noise.seed == -1
    assert result.noise.attrs["origin"] == "lss-recon"


def test_history_has_a_row_per_simulation_and_the_result_is_its_best(observed, estimator):
    result = reconstruct(observed, estimator)
    table = result.group("recon")
    assert table.data["simulation"].tolist() == [1, 2, 3, 4]
    assert table.data["update"].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(table.data["step"], [0, 1, 0.9, 0.81])
    assert table.attrs["best_simulation"] == 1 + np.argmin(table.data["loss"])
    assert len(table.attrs["seconds"]) == 4
    rms = float(np.sqrt(np.mean(result.noise.value**2, dtype=np.float64)))
    assert table.data["rms"][table.attrs["best_simulation"] - 1] == pytest.approx(rms, rel=1e-6)


def test_observed_catalogue_is_kept(observed, estimator):
    kept = reconstruct(observed, estimator, max_simulations=1).group("recon/observed")
    assert np.array_equal(kept.data["mass"], observed.halos.mass)
    assert kept.attrs["mass_definition"] == "fof"
    assert "members_index" not in kept.data


def test_only_the_halos_of_the_input_are_read(truth, observed, estimator):
    assert digest(reconstruct(truth, estimator)) == digest(reconstruct(observed, estimator))


def test_samples_differ_by_their_index_and_repeat_by_their_seed(observed, estimator):
    first, second = (reconstruct(observed, estimator, {"index": i}, start="prior") for i in (0, 1))
    assert np.corrcoef(first.noise.value.ravel(), second.noise.value.ravel())[0, 1] < 0.3
    assert second.index == 1
    assert digest(reconstruct(observed, estimator, start="prior")) == digest(first)


def test_truth_adds_columns_and_changes_nothing_else(truth, observed, estimator, tmp_path):
    write_universe(truth, tmp_path / "truth.h5")
    with_truth = reconstruct(observed, estimator, {"truth": tmp_path / "truth.h5"})
    data = with_truth.group("recon").data
    reached = {name: data.pop(f"k80_{name}") for name in NAMES}
    assert all(len(column) == 4 for column in reached.values())
    assert digest(with_truth) == digest(reconstruct(observed, estimator))


def test_truth_itself_is_recovered_in_all_six_fields_and_another_universe_in_none(truth, tmp_path):
    write_universe(truth, tmp_path / "truth.h5")
    figures = against_truth(tmp_path / "truth.h5", truth)
    highest = np.sqrt(3) * np.pi * truth.box.n / truth.box.size
    assert list(figures(Evaluation(truth.noise.value, truth)).values()) == pytest.approx([highest] * 6, rel=0.05)
    other = stages.run("ic", truth.without("ic"), merge(truth.config, {"ic": {"seed": 9}}))
    for name in ("sim", "halo"):
        other = stages.run(name, other, truth.config)
    assert max(figures(Evaluation(other.noise.value, other)).values()) < 0.3


def test_zero_start_has_no_halos_and_goes_on(observed, estimator):
    result = reconstruct(observed, estimator, start="zero", limits={"power": False})
    assert result.group("recon").data["rms"][0] == 0
    assert result.group("recon").data["rms"][1] > 0


def test_paper_settings_run_with_a_network_of_pairs(observed, optimizer):
    paper = {"direction": "pairs", "start": "zero", "step": "line_search", "limits": {"power": False}}
    tables = {"update": {"noise": [0.1, 0.9], "k_max": 10.0}, "loss": {"smoothing": 0.0}}
    result = reconstruct(observed, optimizer, **paper, **tables)
    assert len(result.group("recon").data["loss"]) == 4


def test_every_update_may_look_from_another_side(observed, estimator):
    fixed, turning = (
        reconstruct(observed, estimator, update={"rotate": rotate}, start="prior") for rotate in (False, True)
    )
    assert turning.group("recon").data["loss"][0] == fixed.group("recon").data["loss"][0]
    assert turning.group("recon").data["loss"][1] != fixed.group("recon").data["loss"][1]
    assert digest(reconstruct(observed, estimator, update={"rotate": True}, start="prior")) == digest(turning)


def test_an_estimator_that_turns_sees_the_data_from_all_sides_before_it_starts(observed, estimator):
    fixed, turning = (
        reconstruct(observed, estimator, update={"rotate": rotate}, max_simulations=1) for rotate in (False, True)
    )
    assert turning.group("recon").data["loss"][0] != fixed.group("recon").data["loss"][0]


def test_every_update_may_be_pulled_to_the_estimate(observed, estimator):
    free, pulled = (
        reconstruct(observed, estimator, update={"pull_to_estimate": pull}, start="prior") for pull in (0.0, 0.5)
    )
    assert pulled.group("recon").data["loss"][0] == free.group("recon").data["loss"][0]
    assert pulled.group("recon").data["loss"][1] != free.group("recon").data["loss"][1]


def test_every_update_may_move_halos_to_their_places(observed, estimator):
    free, placed = (
        reconstruct(observed, estimator, update={"match_halos": strength}, start="prior") for strength in (0.0, 1.0)
    )
    assert placed.group("recon").data["loss"][0] == free.group("recon").data["loss"][0]
    assert placed.group("recon").data["loss"][1] != free.group("recon").data["loss"][1]


@pytest.mark.parametrize("rotate", [False, True])
def test_simulated_halos_within_the_margin_are_not_shown_to_the_estimator(observed, estimator, rotate):
    """With all halos simulated as they are observed, the direction asks for those that are not shown."""
    config = validate(Config, observed.config, "test")
    settings = forward_settings(observed, config)
    fields = compared_fields(observed.halos, observed.box, settings)
    mass = observed.halos.mass
    heavy = {name: column[mass >= 1.5 * mass.min()] for name, column in observed.halos.columns.items()}
    without = observed.with_halos(dataclasses.replace(observed.halos, columns=heavy, members=None))
    assert 0 < len(without.halos) < len(observed.halos)

    def direction(margin, outcome):
        asked = with_update(config, estimator, mass_margin=margin, rotate=rotate)
        here = Evaluation(white_noise(3, 0, observed.box.n), outcome)
        return make_guidance(asked, whole_data(observed, fields), settings, 0).direction(here, 1)

    assert not direction(1.0, observed).any()
    assert np.array_equal(direction(1.5, observed), direction(1.0, without))


def test_share_of_the_power_falls_from_update_to_update(observed, estimator):
    constant, falling = (
        reconstruct(observed, estimator, update={"pull_to_estimate": 0.5}, limits={"power_fraction": [0.8, factor]})
        .group("recon")
        .data["rms"]
        for factor in (1.0, 0.6)
    )
    assert falling[0] == constant[0]
    np.testing.assert_allclose(constant, constant[0], rtol=1e-3)
    assert (np.diff(falling) < -0.003).all()


@pytest.mark.parametrize("fraction", [[0.9, 0.0], [1.1, 1.0], [0.9, 1.01]])
def test_share_of_the_power_beyond_what_there_is_is_refused(observed, estimator, fraction):
    with pytest.raises(ConfigError, match="power_fraction: expected two numbers above 0 and at most 1"):
        reconstruct(observed, estimator, limits={"power_fraction": fraction})


def test_pull_ends_where_updates_end(observed, estimator):
    """The estimate is cut at k_max: beyond, a pull to it would be one to nothing."""
    config = validate(Config, observed.config, "test")
    settings = forward_settings(observed, config)
    config = with_update(config, estimator, pull_to_estimate=0.5, k_max=0.3)
    fields = compared_fields(observed.halos, observed.box, settings)
    here = Evaluation(white_noise(3, 0, observed.box.n), observed)  # its halos are the data: no residual
    direction = make_guidance(config, whole_data(observed, fields), settings, 0).direction(here, 1)
    k = wavenumber(observed.box.n, observed.box.size)
    modes = np.abs(fourier.forward(direction))
    assert modes[k >= 0.3].max() < 1e-3 * modes[(k > 0) & (k < 0.3)].max()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("rotate", True, "true"),
        ("pull_to_estimate", 0.5, "0.5"),
        ("match_halos", 1.0, "1.0"),
        ("mass_margin", 1.1, "1.1"),
    ],
)
def test_pairs_use_no_key_of_an_estimator(observed, optimizer, key, value, said):
    with pytest.raises(ConfigError, match=f'{key} = {said} needs direction = "estimate"'):
        reconstruct(observed, optimizer, direction="pairs", start="prior", update={key: value})


CRUDE = """
from lss import stages
from lss.config import merge, validate
from lss_sim.stage import Config, plan

def run(universe, config):
    return stages.run("sim", universe, merge(universe.config, {"sim": {"method": "1lpt"}}))
"""


def test_stage_of_a_users_own_package_takes_part_in_the_loop(observed, estimator, tmp_path, monkeypatch):
    (tmp_path / "users_package.py").write_text(CRUDE)
    monkeypatch.syspath_prepend(tmp_path)
    crude = EntryPoint("crude", "users_package", "lss.stages")
    monkeypatch.setattr(stages, "entry_points", lambda group: [*entry_points(group=group), crude])
    ours = reconstruct(observed, estimator, max_simulations=1)
    theirs = reconstruct(observed, estimator, max_simulations=1, forward={"stages": ["ic", "crude", "halo"]})
    assert np.array_equal(ours.noise.value, theirs.noise.value)
    assert not np.array_equal(ours.particles.position, theirs.particles.position)
