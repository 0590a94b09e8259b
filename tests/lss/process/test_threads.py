import threading

import numba
import pytest

from lss.errors import ConfigError
from lss.process.threads import available_cores, set_threads, spread
from lss.process.threads import threads as in_use


def test_tasks_of_two_threads_run_at_the_same_time(threads):
    threads(2)
    meeting = threading.Barrier(2, timeout=20)  # broken unless both are there
    assert sorted(spread(lambda _: meeting.wait(), [(0,), (1,)])) == [0, 1]


def test_results_come_in_the_order_of_the_tasks(threads):
    for count in (1, 2, 3):
        threads(count)
        assert spread(lambda a, b: 10 * a + b, [(a, a % 3) for a in range(20)]) == [10 * a + a % 3 for a in range(20)]


def test_numba_uses_as_many_threads(threads):
    for count in (2, 1):
        threads(count)
        assert (in_use(), numba.get_num_threads()) == (count, count)


def test_no_more_threads_than_cores_are_given_to_who_asks(threads, caplog):
    assert set_threads(available_cores() + 1) == available_cores()
    assert "asked for" in caplog.text
    with pytest.raises(ConfigError, match="0 threads: at least one is needed"):
        set_threads(0)


def test_a_job_of_slurm_uses_the_cores_of_its_task(threads, monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert set_threads(None) == 1
