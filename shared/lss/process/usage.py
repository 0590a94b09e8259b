"""What a process has used: time, CPU time and memory, logged at the end of every command."""

import contextlib
import logging
import os
import resource
import sys
import time
from pathlib import Path

log = logging.getLogger("lss.usage")

Moment = tuple[float, float, float]  # the time of day, of a clock that never jumps, and of this process's CPU


def now() -> Moment:
    """This moment, by three clocks."""
    return time.time(), time.monotonic(), time.process_time()


def log_usage(started: Moment) -> tuple[float, float]:
    """Log what this process has used, and return its seconds of time and of CPU time."""
    wall, cpu = time.monotonic() - started[1], time.process_time() - started[2]
    log.info("%.1f s, %.1f CPU s, %.2f GB", wall, cpu, peak_memory() / 1e9)
    return wall, cpu


def memory_limit() -> int:
    """The memory this process may use, in bytes: of the machine, or less where its control group has less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
            limits.append(int(Path(name).read_text()))
    return min(limits)


def peak_memory() -> int:
    """The most memory this process has held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the parent held when it started us.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
