"""Where an output came from and what it cost, kept in every universe."""

import hashlib
import shlex
import socket
import sys
import time
from pathlib import Path

import lss
from lss.files import pipes
from lss.files.steady import is_as_read
from lss.process.threads import threads
from lss.process.usage import Moment, log_usage, peak_memory
from lss.toml import as_toml
from lss.universe import Group, Universe


def with_provenance(
    universe: Universe, program: str, data: list[Path], started: Moment, identity: str = "", called: str = ""
) -> Universe:
    """The universe with one more group under /provenance: who made it, how, from what and at what cost.

    data : the input files, whose hashes are kept; started : when the work began (lss.process.usage.now); identity : of
    the work (lss.command.resuming); called : the program that was called, if it is another
    """
    number = len(provenance_of(universe))
    wall, cpu = log_usage(started)
    attrs = {
        "program": program,
        "version": lss.__version__,
        "command": shlex.join([called or program, *sys.argv[1:]]),
        "config": as_toml(universe.config),
        "host": socket.gethostname(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started[0])),
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "peak_memory_bytes": peak_memory(),
        "threads": threads(),
        "inputs": "\n".join(f"{hashed}  {path}" for path in data or [Path("-")] if (hashed := _hash_of(path))),
    }
    if identity:
        attrs["identity"] = identity
    return universe.with_group(f"provenance/{number:02d}-{program}", Group({}, attrs))


def _hash_of(path: Path) -> str | None:
    """SHA-256 of an input: a file that is still what was read, or what came through a pipe; None if nothing did."""
    if path.is_file():
        return file_hash(path) if is_as_read(path) else None
    return pipes.received.get("standard input" if str(path) == "-" else str(path))


def provenance_of(universe: Universe) -> dict[str, Group]:
    """The groups that tell where a universe came from, oldest first, by path."""
    return {path: group for path, group in sorted(universe.groups.items()) if path.startswith("provenance/")}


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
