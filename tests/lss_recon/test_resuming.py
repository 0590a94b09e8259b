"""Interrupted at any moment, and gone on to the same bits."""

import dataclasses

import h5py
import numpy as np
import pytest
from tests.reconstructing import EVERY, reconstruct, run_only_recon, with_halos

from lss import stages
from lss.config import merge
from lss.errors import ConfigError, Stopped
from lss.files.digest import digest
from lss.files.restart import Restart
from lss.files.universe_file import write_universe
from lss.process import interrupt
from lss.universe import Group
from lss_recon.lulo.loop import Evaluation, State, Trial
from lss_recon.lulo.loop_state import LoopState


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
