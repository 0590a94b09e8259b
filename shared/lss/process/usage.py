"""What a process has used: time, CPU time and memory, logged at the end of every command."""

import logging
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("lss.usage")

PROC = Path("/proc")
CONTROL_GROUPS = Path("/sys/fs/cgroup")

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
    """The memory this process may use, in bytes: of the machine, or less where a limit on it (`ulimit -v`, a control
    group of SLURM or of a container) is lower."""
    return min([_machine(), *(most for most, _ in _limits())])


def available_memory() -> int:
    """Bytes that this process may come to hold: with what it holds now, what the machine has free, or less where a
    limit leaves less."""
    held = _number(PROC / "self/status", "VmRSS:", 1024) or 0
    free = _number(PROC / "meminfo", "MemAvailable:", 1024)
    left = min([_machine() if free is None else free, *(most - used for most, used in _limits())])
    return held + max(0, left)


def _machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _limits() -> Iterator[tuple[int, int]]:
    """Every limit on the memory of this process and what counts against it by now, in bytes."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        yield most, _number(PROC / "self/status", "VmSize:", 1024) or 0
    for folder in _control_groups():
        for limit, usage, cache in (
            ("memory.max", "memory.current", "inactive_file"),  # version 2
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            bound = _number(folder / limit)
            if bound is not None:
                # Files that were read are forgotten before anything is refused.
                used = (_number(folder / usage) or 0) - (_number(folder / "memory.stat", cache) or 0)
                yield bound, max(0, used)


def _control_groups() -> Iterator[Path]:
    """The folders of the control groups that this process is in, up to the topmost. In a container the path may be
    that of the host, of which only the top is there."""
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            tops = [CONTROL_GROUPS, CONTROL_GROUPS / "unified"]
        elif "memory" in controllers.split(","):
            tops = [CONTROL_GROUPS / "memory"]
        else:
            continue
        group = Path(path.lstrip("/"))
        for top in tops:
            yield from (top / part for part in (group, *group.parents))


def _number(file: Path, name: str = "", unit: int = 1) -> int | None:
    """The number that a file holds, or that follows a name in it; None where there is none ("max")."""
    try:
        lines = [line.split() for line in file.read_text().splitlines()]
        (words,) = (line for line in lines if not name or line[0] == name)
        return int(words[1 if name else 0]) * unit
    except (OSError, ValueError, IndexError):
        return None


def peak_memory() -> int:
    """The most memory this process has held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the parent held when it started us.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
