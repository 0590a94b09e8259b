"""What a command gives: the file or pipe that a universe goes to, and the text that a reader is shown."""

import logging
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeGuard

from lss import stages
from lss.command.definition import Arguments, Command
from lss.command.inputs import Request, is_folder
from lss.command.resuming import GATHERED, is_extended, recorded_work
from lss.errors import ConfigError, DataError
from lss.files import pipes
from lss.files.atomic import locked
from lss.files.guard import open_hdf5
from lss.files.integrity import verify_all
from lss.files.ownership import in_the_way, kind_of
from lss.files.restart import Restart
from lss.files.universe_file import member_path, write_universe
from lss.process.terminal import visible
from lss.process.threads import threads
from lss.process.usage import memory_limit
from lss.universe import Universe

log = logging.getLogger("lss.session")

FINISHED = " (finished: with --resume nothing would be done)"
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


def refuse_losses(request: Request, target: Path | None) -> None:
    """Raise ConfigError if an output would take the place of what it must not: two outputs of one name, an input in
    another role, or a file that none of our commands wrote as the same kind of thing."""
    command, arguments = request.command, request.arguments
    outputs = [("-o", target, kind_written(command))] if is_file(target) else []
    for option in command.options:
        path = arguments.own.get(option.keyword)
        if option.writes and path is not None:
            outputs.append((option.name, path, option.writes))
    named: dict[Path, str] = {}
    for option_name, path, kind in outputs:
        place = path.resolve()
        if place in named and path.suffix:  # figures and tables may share a folder
            raise ConfigError(f"{option_name} {path}: {named[place]} names the same file")
        named[place] = option_name
        if path.is_file():
            _refuse_loss(request, option_name, path, kind)


def _refuse_loss(request: Request, name: str, path: Path, kind: str) -> None:
    command, arguments = request.command, request.arguments
    inputs = [(path, "an input") for path in arguments.inputs if str(path) != "-"]
    for option in command.options:
        if option.must_exist and arguments.own.get(option.keyword) is not None:
            inputs.append((arguments.own[option.keyword], f"the input of {option.name}"))
    for other, role in inputs:
        if not other.is_file() or not path.samefile(other):
            continue
        if other.suffix == ".toml":
            raise ConfigError(f"{name} {path}: not written: it is the configuration; name another output")
        if role != "an input" or kind != "universe" or command.reads == "paths":
            raise ConfigError(f"{name} {path}: not written: it is {role}; name another output")
    if path.stat().st_size and (found := kind_of(path)) != kind:
        raise ConfigError(f"{name} {path}: not written: {in_the_way(found)}")


def kind_written(command: Command) -> str:
    """What -o of a command is (lss.files.ownership)."""
    return "checkpoint" if command.writes == "file" else "universe"


def is_file(target: Path | None) -> TypeGuard[Path]:
    """Whether an output is a file: neither a pipe, nor nothing."""
    return target is not None and str(target) != "-"


def is_finished(request: Request, target: Path | None, work: str) -> bool:
    """Whether all that is asked for is there and whole, made by this very work (lss.command.resuming).

    Raises ConfigError if other work made it, unless it is the input itself or --force is given; and for --resume
    without a file, by which what is finished is known, and beside which a state lies.
    """
    arguments = request.arguments
    if not is_file(target):
        if arguments.resume:
            raise ConfigError("--resume needs -o FILE: what is finished is known by it, and a state is kept beside it")
        return False
    if not target.is_file() or not target.stat().st_size:
        return False
    former = recorded_work(target)
    if former != work:
        is_input = any(given.is_file() and target.samefile(given) for given in request.data)
        if not arguments.force and not is_input and not is_extended(work, former):
            raise ConfigError(f"-o {target}: made from another input or configuration; --force replaces it")
        return False
    if target.suffix != ".safetensors" and not _is_whole(target):
        return False
    others = [arguments.own.get(option.keyword) for option in request.command.options if option.writes]
    return all(path.exists() for path in others if path is not None)


def _is_whole(path: Path) -> bool:
    """Whether every checksum of a finished output is right; the log says if not."""
    try:
        with open_hdf5(path, str(path)) as root:
            verify_all(root, str(path))
    except DataError as error:
        log.warning("%s; it is made again", error)
        return False
    return True


def is_gathered(path: Path, work: str) -> bool:
    """Whether this very work has gathered the members of an ensemble. Raises ConfigError if the file is no such."""
    found = recorded_work(path) if path.is_file() else GATHERED
    if found is None or not found.startswith(GATHERED):
        raise ConfigError(f"{path}: not what was gathered of an ensemble; move it, for it would be replaced")
    return found == work


def is_kept(request: Request, target: Path | None, work: str) -> bool:
    """Whether --resume finds the work done: the output stays as it is, but as new as `make` wants it.

    Raises ConfigError as `is_finished`.
    """
    if not is_finished(request, target, work) or not request.arguments.resume:
        return False
    path = Path(str(target))
    path.touch()
    Restart(Path(f"{path}.state")).clear()
    log.info("%s: finished already; nothing to do", path)
    return True


def held(target: Path | None) -> AbstractContextManager[None]:
    """The output locked against other runs, if it is a file. Raises DataError if one is writing it."""
    return locked(target) if is_file(target) else nullcontext()


def write(universe: Universe, target: Path | None, dropped: list[str]) -> None:
    """Write a universe without these groups, if anybody wants it."""
    for name in dropped:
        path = name.strip("/")
        if not universe.has(path):
            log.warning("--drop %s: no such group or dataset", path)
        universe = universe.without(path)
    if target is not None:
        write_universe(universe, target)
        log.debug("wrote %s", target)


def print_result(text: str, target: Path | None) -> None:
    """What a tool has found, on standard output; on standard error where that carries the universe on."""
    if text:
        print(visible(text), file=sys.stderr if str(target) == "-" else sys.stdout, flush=True)


def warn_of_no_output(arguments: Arguments) -> None:
    """Say that -o is not written, where a tool has made no universe."""
    if arguments.output is not None:
        log.warning("-o %s: not written; what was asked for is text on standard output", arguments.output)


def print_plan(plan: stages.Plan, target: str, members: int = 1) -> None:
    """What --dry-run says. Raises DataError if the memory of the machine does not suffice."""
    if members > 1:
        print(f"{members} universes, each:")
    for step in plan.steps:
        print(visible(step))
    print(visible(f"output: {target}"))
    print(f"memory: {plan.memory_bytes / 1e9:.2f} GB at the peak")
    seconds = plan.cpu_seconds * members
    on = f"{threads()} threads" if threads() > 1 else "one thread"
    print(f"cost:   {seconds:.0f} CPU seconds, about {seconds / threads():.0f} s on {on}", flush=True)
    held = memory_limit()
    if plan.memory_bytes > held:
        raise DataError(
            f"{plan.memory_bytes / 1e9:.1f} GB are needed, but this process may use {held / 1e9:.1f} GB of this machine"
        )
