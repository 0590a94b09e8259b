import dataclasses
import logging
from importlib.metadata import EntryPoint, entry_points

import h5py
import numpy as np
import pytest

from lss import stages
from lss.config import merge, validate
from lss.errors import ConfigError, DataError, Stopped
from lss.files.digest import digest
from lss.files.restart import Restart
from lss.files.universe_file import write_universe
from lss.grid import fourier
from lss.grid.fourier import wavenumber
from lss.halos.six_fields import NAMES
from lss.physics.random_field import white_noise
from lss.process import interrupt
from lss.universe import Group
from lss_recon.config import Config
from lss_recon.forward_settings import forward_settings
from lss_recon.halo_comparison import compared_fields
from lss_recon.lulo import network, run
from lss_recon.lulo.cheap import cheap_config
from lss_recon.lulo.loop import Evaluation, State, Trial
from lss_recon.lulo.loop_state import LoopState
from lss_recon.lulo.network import make_guidance
from lss_recon.lulo.orientation import orientation
from lss_recon.lulo.start import prior_draw
from lss_recon.lulo.truth import against_truth
from lss_recon.observation import put_on_scale_of


def reconstruct(observed, checkpoint, options=None, **recon):
    settings = merge(observed.config, {"recon": {"checkpoint": checkpoint, "max_simulations": 4, **recon}})
    return stages.run("recon", observed, settings, **(options or {}))


# Every part of an update that an estimator can take.
EVERY = {"rotate": True, "pull_to_estimate": 0.5, "match_halos": 1.0}


def with_update(config, checkpoint, **update):
    recon = config.recon
    changed = {"checkpoint": checkpoint, "update": recon.update.model_copy(update=update)}
    return config.model_copy(update={"recon": recon.model_copy(update=changed)})


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


def test_halos_of_cheap_simulations_stay_where_they_are(observed, estimator):
    free, placed = (
        reconstruct(observed, estimator, update={"match_halos": strength}, cheap=CHEAP) for strength in (0.0, 1.0)
    )
    first, later = ([one.group(name).data["loss"] for one in (free, placed)] for name in ("recon/early", "recon"))
    assert np.array_equal(*first)
    assert later[0][0] == later[1][0]
    assert later[0][1] != later[1][1]


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
        return make_guidance(asked, observed.halos, fields, settings, 0).direction(here, 1)

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
    direction = make_guidance(config, observed.halos, fields, settings, 0).direction(here, 1)
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


# --- resuming --------------------------------------------------------------------------------------------------------


class Death(BaseException):
    """What SIGKILL leaves behind: nothing runs after it."""


@pytest.mark.parametrize("changed", [{}, {"step": "line_search"}, {"update": EVERY}])
def test_death_between_any_two_writes_leaves_a_state_that_goes_on_to_the_same_bits(
    observed, estimator, tmp_path, monkeypatch, changed
):
    whole = digest(reconstruct(observed, estimator, **changed))
    save = Restart.save
    writes = 0

    def mortal_save(self, name, state):
        nonlocal writes
        if writes == survived:
            raise Death
        writes += 1
        save(self, name, state)

    for survived in (0, 1, 2, 3, 5):
        folder = tmp_path / str(survived)
        writes = 0
        monkeypatch.setattr(Restart, "save", mortal_save)
        with pytest.raises(Death):
            reconstruct(observed, estimator, {"restart": Restart(folder)}, **changed)
        monkeypatch.setattr(Restart, "save", save)
        resumed = reconstruct(observed, estimator, {"restart": Restart(folder, resume=True)}, **changed)
        assert digest(resumed) == whole


def test_nothing_is_simulated_again_after_a_resume(observed, estimator, tmp_path, monkeypatch):
    restart = Restart(tmp_path / "state", resume=True)
    reconstruct(observed, estimator, {"restart": restart})
    monkeypatch.setattr(stages, "run", run_only_recon(stages.run))
    reconstruct(observed, estimator, {"restart": restart})


def run_only_recon(run):
    def refuse(name, *arguments, **options):
        assert name == "recon", f"stage {name} was run again"
        return run(name, *arguments, **options)

    return refuse


def test_truth_may_be_named_from_the_second_half_on(truth, observed, estimator, tmp_path):
    write_universe(truth, tmp_path / "truth.h5")
    restart = Restart(tmp_path / "state", resume=True)
    reconstruct(observed, estimator, {"restart": restart}, max_simulations=2)
    result = reconstruct(observed, estimator, {"restart": restart, "truth": tmp_path / "truth.h5"}, max_simulations=3)
    assert np.isnan(result.group("recon").data["k80_ic"]).tolist() == [True, True, False]


def test_state_of_another_sample_or_catalogue_is_refused(observed, estimator, tmp_path):
    restart = Restart(tmp_path / "state", resume=True)
    reconstruct(observed, estimator, {"restart": restart}, max_simulations=1)
    moved = {**observed.halos.columns, "mass": observed.halos.mass * np.float32(1.1)}
    for other, index in [(observed, 1), (with_halos(observed, columns=moved), 0)]:
        with pytest.raises(ConfigError, match="made from another input or configuration"):
            reconstruct(other, estimator, {"restart": restart, "index": index}, max_simulations=1)


def test_request_to_stop_ends_after_the_simulation_under_way(observed, estimator, tmp_path, monkeypatch):
    monkeypatch.setattr(interrupt, "requested", lambda: (tmp_path / "state" / "history.h5").exists())
    restart = Restart(tmp_path / "state", resume=True)
    with pytest.raises(Stopped, match="--resume goes on"):
        reconstruct(observed, estimator, {"restart": restart})
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    resumed = reconstruct(observed, estimator, {"restart": restart})
    assert digest(resumed) == digest(reconstruct(observed, estimator))


@pytest.mark.parametrize("method", ["pm", "p3m"])
def test_simulation_stopped_in_the_middle_goes_on_in_the_middle_to_the_same_bits(
    observed, estimator, tmp_path, monkeypatch, method
):
    steps = 16
    gravity = {"sim": {"method": method, "steps": steps, "softening": 0.3}, "ic": {"redshift": 9.0}}
    observed = dataclasses.replace(observed, config=merge(observed.config, gravity))
    whole = digest(reconstruct(observed, estimator, max_simulations=2))
    restart = Restart(tmp_path / "state", resume=True)
    # After every step and every simulation; yes after the second step of the second simulation.
    asked = iter([False] * (steps + 2) + [True])
    monkeypatch.setattr(interrupt, "requested", lambda: next(asked))
    with pytest.raises(Stopped, match="--resume goes on"):
        reconstruct(observed, estimator, {"restart": restart}, max_simulations=2)
    (state,) = (tmp_path / "state").glob("simulation-*/sim/state.h5")
    with h5py.File(state) as file:
        assert file["attrs"].attrs["steps"] == 2
    answers = []
    monkeypatch.setattr(interrupt, "requested", lambda: answers.append(False))
    resumed = reconstruct(observed, estimator, {"restart": restart}, max_simulations=2)
    assert digest(resumed) == whole
    assert len(answers) == steps - 2 + 1
    assert not list((tmp_path / "state").glob("simulation-*"))


def test_state_on_disk_holds_no_more_universes_than_are_needed(observed, estimator, tmp_path):
    reconstruct(observed, estimator, {"restart": Restart(tmp_path / "state")}, max_simulations=9)
    assert len(list((tmp_path / "state").glob("universe-*.h5"))) <= 4


def test_memory_gives_back_every_group_attribute_and_unit(truth, tmp_path):
    universe = truth.with_group(
        "stats/power", Group({"k": np.arange(3.0)}, {"window": "cic", "done": True}, {"k": "h/Mpc"})
    )
    evaluation = Evaluation(truth.noise.value, universe)
    state = State((Trial(1, 0, 0.0, np.inf, 1 / 3, 0.5, {"k80_ic": 0.1}),), {1: evaluation})
    LoopState(Restart(tmp_path / "s"), truth).save(state)
    back = LoopState(Restart(tmp_path / "s", resume=True), truth).load()
    assert back.history == state.history
    for path, group in universe.groups.items():
        other = back.kept[1].outcome.groups[path]
        assert other.attrs == group.attrs
        assert other.units == group.units
        assert all(np.array_equal(other.data[name], group.data[name]) for name in group.data)


# --- forward models --------------------------------------------------------------------------------------------------


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


# --- a cheap forward model -------------------------------------------------------------------------------------------


CHEAP = {"simulations": 2, "sim": {"method": "2lpt"}, "halo": {"mass_definition": "fof", "min_particles": 10}}


def test_later_simulations_begin_at_the_best_of_the_cheap_ones_and_never_compete_with_them(observed, estimator):
    result = reconstruct(observed, estimator, cheap=CHEAP)
    alone = merge(observed.config, {"sim": {"method": "2lpt", "steps": None}})
    alone = dataclasses.replace(observed, config={**alone, "sim": CHEAP["sim"], "halo": CHEAP["halo"]})
    first = reconstruct(alone, estimator, max_simulations=2)
    early, later = result.group("recon/early"), result.group("recon")
    assert np.array_equal(early.data["loss"], first.group("recon").data["loss"])
    assert later.attrs["simulations"] == 4
    assert len(later.data["loss"]) == 2
    assert later.data["rms"][0] == pytest.approx(float(np.sqrt(np.mean(first.noise.value**2, dtype=np.float64))))
    assert later.attrs["loss"] == later.data["loss"].min()


def test_run_with_a_cheap_model_goes_on_to_the_same_bits(observed, estimator, tmp_path, monkeypatch):
    whole = digest(reconstruct(observed, estimator, cheap=CHEAP))
    restart = Restart(tmp_path / "state", resume=True)
    for stop in ("early/history.h5", "history.h5"):
        monkeypatch.setattr(interrupt, "requested", lambda stop=stop: (tmp_path / "state" / stop).exists())
        with pytest.raises(Stopped):
            reconstruct(observed, estimator, {"restart": restart}, cheap=CHEAP)
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    assert digest(reconstruct(observed, estimator, {"restart": restart}, cheap=CHEAP)) == whole


def test_cheap_model_with_a_network_of_its_own_sees_masses_matched_by_abundance(truth):
    heavier = {**truth.halos.columns, "mass": truth.halos.mass * np.float32(3)}
    other = with_halos(truth, columns=heavier, mass_definition="200c")
    matched, of_truth = (put_on_scale_of(universe, "estimator-64-pm").halos for universe in (other, with_halos(truth)))
    assert matched.mass_definition == "fof"
    assert np.array_equal(matched.mass, of_truth.mass)
    assert (np.diff(matched.mass) <= 0).all()
    assert np.array_equal(matched.position, truth.halos.position)


def test_what_does_not_fit_the_later_model_is_refused_before_the_cheap_simulations(observed, estimator, monkeypatch):
    monkeypatch.setattr(stages, "run", run_only_recon(stages.run))
    other = with_halos(observed, mass_definition="200c")
    other = dataclasses.replace(other, config=merge(other.config, {"halo": {"mass_definition": "200c"}}))
    with pytest.raises(ConfigError, match=r'trained on "fof" halos; \[halo\] mass_definition = "200c"'):
        reconstruct(other, estimator, cheap={**CHEAP, "checkpoint": "estimator-64-pm"})


def test_cheap_updates_draw_and_look_as_no_later_one_does(observed, estimator, monkeypatch):
    drawn, seen = [], []
    monkeypatch.setattr(run, "update_draw", lambda *key: drawn.append(key) or prior_draw(*key[:3]))
    monkeypatch.setattr(network, "orientation", lambda *key: seen.append(key) or orientation(*key))
    reconstruct(observed, estimator, cheap=CHEAP, update={"noise": [0.1, 0.9], "rotate": True})
    updates = [key for key in seen if len(key) == 4]  # the others are of the sides of the data
    assert len(set(updates)) == len(updates) == 2
    assert len(set(drawn)) == len(drawn) == 2


def test_cheap_models_survey_what_was_surveyed(observed):
    surveyed = merge(observed.config, {"halo": {"survey": {"redshift_space": "z"}}, "recon": {"cheap": CHEAP}})
    cheap = cheap_config(validate(Config, surveyed, "test"))
    assert cheap.halo == {**CHEAP["halo"], "survey": {"redshift_space": "z"}}


@pytest.mark.parametrize("table", [{"schedule": [0.0, 0.9]}, {"cheap": {**CHEAP, "schedule": [-1.0, 0.9]}}])
def test_steps_backwards_or_none_are_refused(observed, estimator, table):
    with pytest.raises(ConfigError, match="schedule: expected two positive numbers"):
        reconstruct(observed, estimator, **table)


def test_cheap_simulations_must_leave_some(observed, estimator):
    with pytest.raises(ConfigError, match=r"cheap.simulations = 4: with max_simulations = 4 no simulation is left"):
        reconstruct(observed, estimator, cheap={**CHEAP, "simulations": 4})


# --- what must agree -------------------------------------------------------------------------------------------------


def with_halos(observed, **changes):
    return observed.with_halos(dataclasses.replace(observed.halos, members=None, **changes))


def test_empty_observed_catalogue_is_refused(observed, estimator):
    none = {name: column[:0] for name, column in observed.halos.columns.items()}
    with pytest.raises(DataError, match=r"observed.h5: /halos is empty"):
        reconstruct(with_halos(observed, columns=none), estimator)


def test_halos_outside_the_box_are_refused(observed, estimator):
    moved = {**observed.halos.columns, "position": observed.halos.position + np.float32(20)}
    with pytest.raises(DataError, match=r"halos lie outside the box of 31.25 Mpc/h"):
        reconstruct(with_halos(observed, columns=moved), estimator)


def test_masses_of_another_definition_than_the_forward_models_are_refused(observed, estimator):
    with pytest.raises(ConfigError, match=r'the observed masses are "200c", those of the forward model "fof"'):
        reconstruct(with_halos(observed, mass_definition="200c"), estimator)


def test_halos_of_another_redshift_are_refused(observed, estimator):
    with pytest.raises(ConfigError, match=r"observed halos are at z = 0.5, the forward model ends at z = 0"):
        reconstruct(with_halos(observed, redshift=0.5), estimator)


def test_catalogue_outside_the_mass_range_is_refused(observed, estimator):
    light = {**observed.halos.columns, "mass": observed.halos.mass * np.float32(1e-6)}
    with pytest.raises(DataError, match=r"none of the \d+ observed halos is within \[halo\] mass_range"):
        reconstruct(with_halos(observed, columns=light), estimator)


def test_checkpoint_of_another_mass_definition_is_refused(observed, estimator):
    other = with_halos(observed, mass_definition="200c")
    other = dataclasses.replace(other, config=merge(other.config, {"halo": {"mass_definition": "200c"}}))
    with pytest.raises(ConfigError, match=r'trained on "fof" halos; \[halo\] mass_definition = "200c": change one'):
        reconstruct(other, estimator)


def test_checkpoint_of_other_voxels_is_refused(observed, estimator):
    wide = observed.box.model_copy(update={"size": 62.5})
    other = dataclasses.replace(observed, box=wide, config=merge(observed.config, {"box": {"size": 62.5}}))
    with pytest.raises(ConfigError, match=r"trained on voxels of 1.953 Mpc/h; \[box\] size / n = 3.906 Mpc/h"):
        reconstruct(other, estimator)


def test_deconvolving_further_than_the_estimator_sees_is_refused(observed, estimator):
    with pytest.raises(ConfigError, match=r"k_max = 3: .* has no information beyond k = 2.4 h/Mpc"):
        reconstruct(observed, estimator, update={"k_max": 3.0})


def test_checkpoint_that_does_not_exist_is_named_with_those_that_ship(observed):
    with pytest.raises(DataError, match=r"checkpoint 'none-such': no such name; shipped are: .*estimator-64"):
        reconstruct(observed, "none-such")


def test_estimator_cannot_stand_in_for_a_network_of_pairs(observed, estimator):
    with pytest.raises(ConfigError, match=r'of model "estimator"; \[recon\] direction = "pairs" needs "optimizer"'):
        reconstruct(observed, estimator, direction="pairs", start="prior")


def test_network_trained_on_another_simulator_is_warned_of(observed, estimator, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("lss"), "propagate", True)
    changed = dataclasses.replace(observed, config=merge(observed.config, {"sim": {"steps": 5}}))
    reconstruct(changed, estimator, max_simulations=1)
    assert "trained on another forward model: [sim] steps = 10, here 5" in caplog.text
    caplog.clear()
    reconstruct(observed, estimator, max_simulations=1)
    assert "another forward model" not in caplog.text


def test_unknown_key_of_the_forward_model_is_refused_before_the_first_simulation(observed, estimator):
    with pytest.raises(ConfigError, match=r"\[sim\] stepps = 3: unknown key; did you mean 'steps'"):
        reconstruct(dataclasses.replace(observed, config=merge(observed.config, {"sim": {"stepps": 3}})), estimator)
