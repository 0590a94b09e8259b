"""Restart files: whole or not at all, and only for the work they were made in."""

import numpy as np
import pytest

from lss.errors import ConfigError
from lss.files.restart import Restart
from lss.universe import Group


def test_a_state_comes_back_with_the_same_bits(tmp_path):
    state = Group({"x": np.arange(5.0), "empty": np.zeros((0, 3), np.float32)}, {"step": 3, "loss": 0.1, "word": "a"})
    Restart(tmp_path / "o.state", identity="me").save("loop", state)
    back = Restart(tmp_path / "o.state", resume=True, identity="me").load("loop")
    assert np.array_equal(back.data["x"], state.data["x"])
    assert back.data["empty"].shape == (0, 3)
    assert back.attrs == state.attrs


def test_a_state_of_other_work_is_refused(tmp_path):
    Restart(tmp_path, identity="me").save("loop", Group())
    with pytest.raises(ConfigError, match="another input"):
        Restart(tmp_path, resume=True, identity="you").load("loop")


def test_nothing_is_loaded_without_resume_or_without_a_folder(tmp_path):
    Restart(tmp_path, identity="me").save("loop", Group())
    assert Restart(tmp_path, identity="me").load("loop") is None
    Restart(None).save("loop", Group())
    assert Restart(None, resume=True).load("loop") is None


def test_a_truncated_state_counts_as_none_and_is_named(tmp_path, caplog):
    restart = Restart(tmp_path, resume=True)
    restart.save("loop", Group({"x": np.zeros(1000)}))
    path = tmp_path / "loop.h5"
    path.write_bytes(path.read_bytes()[:500])
    assert restart.load("loop") is None
    assert "loop.h5: damaged" in caplog.text


def test_a_state_bound_to_other_data_is_refused(tmp_path):
    restart = Restart(tmp_path / "state", True, "settings")
    restart.bound_to("a", "3").save("step", Group({"x": np.arange(3)}))
    assert restart.bound_to("a", "3").load("step").data["x"].tolist() == [0, 1, 2]
    for other in (restart, restart.bound_to("a", "4"), restart.bound_to("b", "3")):
        with pytest.raises(ConfigError, match="made from another input"):
            other.load("step")


def test_a_stop_says_whether_the_work_can_go_on(tmp_path):
    assert str(Restart(tmp_path).stopped("stopped at 3")) == "stopped at 3; --resume goes on from here"
    assert str(Restart(None).stopped("stopped")) == "stopped; nothing was kept: that needs -o FILE"


def test_what_is_not_ours_in_the_folder_of_states_stays(tmp_path, caplog):
    restart = Restart(tmp_path / "o.h5.state", resume=True)
    restart.save("loop", Group({"x": np.arange(3)}))
    restart.within("part").save("loop", Group())
    damaged = tmp_path / "o.h5.state" / "half.h5"
    damaged.write_bytes((tmp_path / "o.h5.state" / "loop.h5").read_bytes()[:1500])
    notes = tmp_path / "o.h5.state" / "notes.h5"
    notes.write_text("mine")
    restart.clear()
    assert list((tmp_path / "o.h5.state").iterdir()) == [notes]
    assert "notes.h5" in caplog.text
    notes.unlink()
    restart.clear()
    assert not (tmp_path / "o.h5.state").exists()
