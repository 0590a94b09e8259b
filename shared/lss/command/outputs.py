"""What a command gives: the file or pipe that a universe goes to, and the text that a reader is shown."""

import logging
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from lss import stages
from lss.command.definition import Arguments, Command
from lss.errors import ConfigError
from lss.files import pipes
from lss.files.atomic import locked
from lss.files.universe_file import member_path, write_universe
from lss.process.threads import threads
from lss.universe import Universe

log = logging.getLogger("lss.session")

LONGEST_NAME = 200  # of an output, in bytes: file systems take 255, and ".state" and temporary names are longer


def target_of(command: Command, arguments: Arguments, number: int, *, piped: bool) -> Path | None:
    """Where the output goes: a file (in a folder: that of member `number`), "-", or None if nobody wants the data.

    piped : the input came through a pipe. A report on a named universe is no filter: the log of a batch job is a
    regular file too, and does not want 10 MB of HDF5.
    Raises ConfigError before the work begins if it could not be written there.
    """
    output = arguments.output
    if output is not None and output != "-":
        path = member_path(Path(output), number) if is_folder(output) else Path(output)
        if len(os.fsencode(path.name)) > LONGEST_NAME:
            raise ConfigError(f"-o {output}: a name of {len(path.name)} letters; at most {LONGEST_NAME} bytes")
        folder = path.parent
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ConfigError(f"-o {output}: {folder} cannot be written to")
        if path.exists() and not path.is_file():
            raise ConfigError(f"-o {output}: not a regular file; standard output may be any")
        return path
    if command.writes != "universe" and output is None and not (piped and pipes.is_pipe_or_file(1)):
        return None
    if sys.stdout.isatty():
        raise ConfigError("standard output is a terminal; give -o FILE, or pipe it into the next command")
    return Path("-")


def is_folder(output: str | None) -> bool:
    """Whether -o names a directory, which need not exist yet."""
    return output is not None and (output.endswith("/") or os.path.isdir(output))  # no error for names too long


def held(target: Path | None) -> AbstractContextManager[None]:
    """The output locked against other runs, if it is a file. Raises DataError if one is writing it."""
    return nullcontext() if target is None or str(target) == "-" else locked(target)


def write(universe: Universe, target: Path | None, dropped: list[str]) -> None:
    """Write a universe without these groups, if anybody wants it."""
    for name in dropped:
        path = name.strip("/")
        if not universe.has(path):
            log.warning("--drop %s: no such group or dataset", path)
        universe = universe.without(path)
    if target is not None:
        write_universe(universe, target)


def print_text(text: str, arguments: Arguments) -> None:
    """What a tool gives where there is no universe to write."""
    print(text)
    if arguments.output is not None:
        log.warning("-o %s: not written; what was asked for is text on standard output", arguments.output)


def print_plan(plan: stages.Plan, target: str, members: int = 1) -> None:
    """What --dry-run says."""
    if members > 1:
        print(f"{members} universes, each:")
    for step in plan.steps:
        print(step)
    print(f"output: {target}")
    print(f"memory: {plan.memory_bytes / 1e9:.2f} GB at the peak")
    seconds = plan.cpu_seconds * members
    on = f"{threads()} threads" if threads() > 1 else "one thread"
    print(f"cost:   {seconds:.0f} CPU seconds, about {seconds / threads():.0f} s on {on}")
