"""Files are written whole or not at all: failures, full disks and requests to stop leave what was there."""

import contextlib
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from lss.errors import DataError, Stopped
from lss.files.atomic import atomic, locked, new_hdf5


def write_numbers(path):
    with new_hdf5(path) as file:
        file.create_dataset("numbers", data=np.arange(2000.0))


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "u.h5"
    path.write_text("old")

    def fail():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@contextlib.contextmanager
def files_no_larger_than(size):
    """What a full disk does to whoever writes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_a_full_disk_is_one_error_and_leaves_no_file(tmp_path, size):
    path = tmp_path / "u.h5"
    with files_no_larger_than(size), pytest.raises(DataError, match=r"u\.h5: cannot be written: File too large$"):
        write_numbers(path)
    assert list(tmp_path.iterdir()) == []
    write_numbers(path)
    assert path.stat().st_size > 5000


def test_a_request_to_stop_while_writing_is_heard_and_leaves_no_file(tmp_path, monkeypatch):
    """A signal is raised wherever the interpreter is, and HDF5 calls it back to write."""

    def stop(data):
        raise Stopped("stopped by SIGTERM")

    monkeypatch.setattr("lss.files.atomic.memoryview", stop, raising=False)
    with pytest.raises(Stopped, match="stopped by SIGTERM"):
        write_numbers(tmp_path / "u.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_is_needed_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"folder/u\.h5: cannot be written: Not a directory"):
        write_numbers(tmp_path / "file" / "folder" / "u.h5")


def test_a_planted_link_of_the_former_name_is_not_written_through(tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "x.h5"
    victim.write_text("precious")
    (tmp_path / f".x.h5.{os.getpid()}.tmp").symlink_to(victim)
    write_numbers(path)
    assert victim.read_text() == "precious"
    assert not path.is_symlink()


def test_what_a_killed_run_left_goes_with_the_next_and_what_a_living_one_writes_stays(tmp_path):
    dead, other = tmp_path / f".u.h5.{'0' * 16}.tmp", tmp_path / f".v.h5.{'0' * 16}.tmp"
    dead.write_text("half")
    other.write_text("of another output")
    with atomic(tmp_path / "u.h5") as living:
        write_numbers(tmp_path / "u.h5")
        assert living.exists()
        assert not dead.exists()
        assert other.exists()


def test_a_link_is_written_through_and_stays_one(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "u.h5").symlink_to(tmp_path / "far" / "real.h5")
    write_numbers(tmp_path / "u.h5")
    assert (tmp_path / "u.h5").is_symlink()
    assert (tmp_path / "far" / "real.h5").stat().st_size > 16000


def test_a_fifo_or_a_link_to_one_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(DataError, match="not a regular file"):
            write_numbers(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()


HOLDER = """
import sys, time
from pathlib import Path
from lss.files.atomic import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_run_is_refused_while_the_first_lives_and_not_after_it_was_killed(tmp_path):
    path = tmp_path / "u.h5"
    first = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(DataError, match=r"u\.h5: another run is writing it"), locked(path):
            pass
    finally:
        first.kill()
        first.communicate()
    with locked(path):
        pass
    assert list(tmp_path.iterdir()) == []
