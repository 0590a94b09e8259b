"""The parser is not trusted: what crashes it, holds it up or claims too much is one line."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lss.errors import DataError
from lss.files import guard
from lss.files.guard import open_hdf5
from lss.files.universe_file import read_universe

SEGFAULT = Path(__file__).parents[2] / "data" / "damaged" / "segfault.h5"


def _read(path: Path) -> Any:
    with open_hdf5(path, str(path)) as file:
        return list(file)


def test_a_file_that_crashes_the_library_is_one_line():
    with pytest.raises(DataError, match=r"segfault\.h5: damaged HDF5 file"):
        read_universe(SEGFAULT)


def test_a_file_that_the_library_never_finishes_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    h5py.File(tmp_path / "a.h5", "w").close()
    monkeypatch.setattr(guard, "CPU_SECONDS", 1)

    def forever(*_: Any) -> None:
        while True:
            pass

    monkeypatch.setattr(guard, "_inspect", forever)
    with pytest.raises(DataError, match="in the time"):
        _read(tmp_path / "a.h5")


def test_a_crash_of_the_inspection_leaves_this_process_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    h5py.File(tmp_path / "a.h5", "w").close()
    monkeypatch.setattr(guard, "_inspect", lambda *_: os.kill(os.getpid(), signal.SIGSEGV))
    with pytest.raises(DataError, match="crashes"):
        _read(tmp_path / "a.h5")


def test_two_names_of_one_object_are_refused_so_that_no_tree_doubles_or_turns_round(tmp_path: Path):
    for name, more in (("doubling", "x"), ("cycle", "/")):
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            file["x/data"] = np.zeros(3)
            file["x/more"] = file[more]
        with pytest.raises(DataError, match="another name"):
            _read(path)


def test_claims_are_added_up_over_the_whole_file(tmp_path: Path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for i in range(30):
            file.create_dataset(f"z{i}", (5_000_000,), "f8", chunks=(1000,), fillvalue=0.0)
    with pytest.raises(DataError, match="claims"):
        _read(tmp_path / "a.h5")


def test_nests_and_crowds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        file.create_group("/".join("a" * 40))
    with pytest.raises(DataError, match="deep"):
        _read(tmp_path / "deep.h5")
    with h5py.File(tmp_path / "many.h5", "w") as file:
        for i in range(20):
            file.create_group(f"g{i}")
    monkeypatch.setattr(guard, "MOST_OBJECTS", 10)
    with pytest.raises(DataError, match="more than 10"):
        _read(tmp_path / "many.h5")


def test_any_exception_of_the_library_is_one_line(tmp_path: Path):
    h5py.File(tmp_path / "a.h5", "w").close()
    for error in (RuntimeError("bad\nheap"), KeyError("x"), UnicodeDecodeError("utf-8", b"x", 0, 1, "bad")):
        with pytest.raises(DataError, match="damaged") as raised, open_hdf5(tmp_path / "a.h5", "a.h5"):
            raise error
        assert "\n" not in str(raised.value)


def test_gone_through_once_is_enough_and_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.h5"
    h5py.File(path, "w").close()
    _read(path)
    monkeypatch.setattr(guard, "_inspect_apart", lambda *_: pytest.fail("gone through again"))
    _read(path)


def test_no_child_and_no_descriptor_stays(tmp_path: Path):
    h5py.File(tmp_path / "a.h5", "w").close()
    before, processes = len(os.listdir("/proc/self/fd")), children()
    for i in range(3):
        os.utime(tmp_path / "a.h5", (i, time.time()))
        guard._seen.clear()
        _read(tmp_path / "a.h5")
    assert len(os.listdir("/proc/self/fd")) == before
    assert children() <= processes  # another test may have left some that end meanwhile


def children():
    """The processes that this one started, zombies included."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = status.read_text().rpartition(")")
            if int(rest.split()[1]) == os.getpid():
                found.add(int(name.split()[0]))
    return found
