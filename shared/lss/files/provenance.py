"""Where an output came from and what it cost: kept in every universe, and said at the end of every command."""

import hashlib
import logging
import resource
import shlex
import socket
import sys
import time
from pathlib import Path

import lss
from lss.config import as_toml
from lss.process.threads import threads
from lss.universe import Group, Universe

log = logging.getLogger("lss.provenance")

Moment = tuple[float, float, float]  # the time of day, of a clock that never jumps, and of this process's CPU


def with_provenance(
    universe: Universe, program: str, data: list[Path], started: Moment, identity: str = ""
) -> Universe:
    """The universe with one more group under /provenance: who made it, how, from what and at what cost.

    data : the input files, whose hashes are kept; started : when the work began, from `now`; identity : of work that
    can be resumed
    """
    number = len(provenance_of(universe))
    wall, cpu = log_cost(started)
    attrs = {
        "program": program,
        "version": lss.__version__,
        "command": shlex.join([program, *sys.argv[1:]]),
        "config": as_toml(universe.config),
        "host": socket.gethostname(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started[0])),
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "peak_memory_bytes": peak_memory(),
        "threads": threads(),
        "inputs": "\n".join(f"{file_hash(path)}  {path}" for path in data if path.is_file()),
    }
    if identity:
        attrs["identity"] = identity
    return universe.with_group(f"provenance/{number:02d}-{program}", Group({}, attrs))


def log_cost(started: Moment) -> tuple[float, float]:
    """Say what this process has used, and return its seconds of time and of CPU time."""
    wall, cpu = time.monotonic() - started[1], time.process_time() - started[2]
    log.info("%.1f s, %.1f CPU s, %.2f GB", wall, cpu, peak_memory() / 1e9)
    return wall, cpu


def provenance_of(universe: Universe) -> dict[str, Group]:
    """The groups that tell where a universe came from, oldest first, by path."""
    return {path: group for path, group in sorted(universe.groups.items()) if path.startswith("provenance/")}


def now() -> Moment:
    """This moment, by three clocks."""
    return time.time(), time.monotonic(), time.process_time()


def peak_memory() -> int:
    """The most memory this process has held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the parent held when it started us.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
