"""Threads that really run: what a test does with two of them is done by two, also where there is one core."""

import os

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
