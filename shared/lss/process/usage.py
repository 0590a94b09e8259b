"""What a process has used: time, CPU time and memory, logged at the end of every command."""

import logging
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


def peak_memory() -> int:
    """The most memory this process has held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the parent held when it started us.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
