"""A signal is a request to stop, and is never taken for anything else or lost."""

import os
import signal

import h5py
import pytest

from lss.errors import Stopped
from lss.files.guard import open_hdf5
from lss.process import interrupt


@pytest.fixture
def signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield interrupt.install
    interrupt.install(deferred=False)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_within_a_library_that_makes_another_error_of_it_is_no_damage_of_the_file(signals, tmp_path):
    h5py.File(tmp_path / "a.h5", "w").close()
    signals(deferred=False)

    def read():
        with open_hdf5(tmp_path / "a.h5", "a.h5"):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            except Stopped as error:
                raise SystemError("FastRLock.__exit__ returned a result with an exception set") from error

    with pytest.raises(Stopped):
        read()


def test_a_signal_that_a_library_swallowed_is_still_a_request(signals):
    signals(deferred=False)
    with pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGTERM)
    assert interrupt.requested()
    with pytest.raises(Stopped):
        interrupt.again()


def test_work_that_can_resume_is_asked_first_and_ended_by_the_second_signal(signals):
    signals(deferred=True)
    os.kill(os.getpid(), signal.SIGTERM)
    assert interrupt.requested()
    interrupt.again()
    with pytest.raises(Stopped, match="SIGTERM"):
        os.kill(os.getpid(), signal.SIGTERM)
