"""Files are written whole or not at all: failures, full disks and requests to stop leave what was there."""

import contextlib
import resource

import numpy as np
import pytest

from lss.errors import DataError, Stopped
from lss.files.atomic import atomic, new_hdf5


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
