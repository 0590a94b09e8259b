"""How much memory a process may use: of the machine, of its control groups, of `ulimit -v`."""

import os
import resource
import subprocess
import sys
import time

import pytest

from lss.process import usage

GB = 10**9


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """`machine(files)`: files of /proc and of control groups, by name, in the place of those of this machine."""
    monkeypatch.setattr(usage, "PROC", tmp_path / "proc")
    monkeypatch.setattr(usage, "CONTROL_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(usage, "_machine", lambda: 64 * GB)

    def made(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return made


def test_without_limits_it_is_the_memory_of_the_machine(machine):
    machine({"proc/meminfo": "MemTotal: 62500000 kB\nMemAvailable: 31250000 kB"})
    assert usage.memory_limit() == 64 * GB
    assert usage.available_memory() == 32 * GB


@pytest.mark.parametrize("top", ["cgroup", "cgroup/unified"])
def test_the_lowest_limit_of_the_nested_groups_of_version_2_counts(machine, top):
    machine(
        {
            "proc/self/cgroup": "0::/slurm/job_7/step_0",
            f"{top}/slurm/job_7/step_0/memory.max": "max",
            f"{top}/slurm/job_7/memory.max": 4 * GB,
            f"{top}/slurm/job_7/memory.current": 3 * GB,
            f"{top}/slurm/job_7/memory.stat": f"anon {GB}\ninactive_file {2 * GB}\nslab 5",
            f"{top}/slurm/memory.max": 16 * GB,
        }
    )
    assert usage.memory_limit() == 4 * GB
    assert usage.available_memory() == 3 * GB, "files that were read are forgotten when memory runs short"


def test_limits_of_version_1_count(machine):
    machine(
        {
            "proc/self/cgroup": "9:name=systemd:/a\n4:cpu,memory:/slurm/job_7\n0::/",
            "cgroup/memory/slurm/job_7/memory.limit_in_bytes": 2 * GB,
            "cgroup/memory/slurm/job_7/memory.usage_in_bytes": GB,
            "cgroup/memory/memory.limit_in_bytes": 9223372036854771712,
        }
    )
    assert usage.memory_limit() == 2 * GB
    assert usage.available_memory() == GB


def test_in_a_container_that_sees_only_its_own_group_the_topmost_counts(machine):
    machine({"proc/self/cgroup": "0::/docker/0123abc", "cgroup/memory.max": 3 * GB, "cgroup/memory.current": GB})
    assert usage.memory_limit() == 3 * GB
    assert usage.available_memory() == 2 * GB


def test_what_the_process_holds_is_its_own(machine):
    machine({"proc/self/status": "VmRSS: 500000 kB", "proc/self/cgroup": "0::/", "cgroup/memory.max": GB})
    machine({"cgroup/memory.current": 7 * GB // 10})
    assert usage.available_memory() == 512_000_000 + 3 * GB // 10
    machine({"cgroup/memory.current": 2 * GB})
    assert usage.available_memory() == 512_000_000, "where others use more than is allowed nothing more is to be had"


def test_the_limit_of_the_shell_counts():
    code = "from lss.process.usage import *; print(memory_limit(), available_memory())"
    most = 3 * GB
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),  # as `ulimit -v` does
        capture_output=True,
        text=True,
        check=True,
    )
    limit, available = map(int, done.stdout.split())
    assert limit == min(most, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    assert 0 < available < limit


def test_a_clock_that_is_set_back_does_not_change_what_took_how_long(monkeypatch, caplog):
    started = usage.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with caplog.at_level("INFO", "lss.usage"):
        wall, cpu = usage.log_usage(started)
    assert 0 <= wall < 60
    assert cpu >= 0
