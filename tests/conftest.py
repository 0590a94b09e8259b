"""Threads that really run: what a test does with two of them is done by two, also where there is one core."""

import os
from contextlib import contextmanager

import h5py
import pytest

from lss.process import threads as process

# Read when numba is imported, which no conftest does.
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, process.available_cores())))


@pytest.fixture
def threads():
    """`threads(n)`: from here to the end of the test n threads are used, however few the cores."""
    before = process.threads()
    yield process.use_threads
    process.use_threads(before)


@pytest.fixture
def edited():
    """`with edited(path) as file`: a file of ours changed as another program would write it, without checksums."""

    @contextmanager
    def opened(path):
        with h5py.File(path, "r+") as file:
            names = ["/"]
            file.visit(names.append)
            for name in names:
                file[name].attrs.pop("checksum", None)
            yield file

    return opened
