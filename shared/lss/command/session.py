"""One run of one command: input and configuration in, the stage, output and provenance out."""

import dataclasses
import hashlib
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lss import stages
from lss.command.console import Arguments, Command
from lss.config import Configuration, Settings, as_toml, complete, merge, parse_assignment, read_toml, validate
from lss.errors import ConfigError, Stopped
from lss.files import pipes
from lss.files.digest import digest
from lss.files.provenance import Moment, file_hash, log_cost, now, provenance_of, with_provenance
from lss.files.restart import Restart
from lss.files.universe_file import (
    ensemble_members,
    gathered_path,
    member_path,
    read_first,
    read_universe,
    write_universe,
)
from lss.process import interrupt, progress
from lss.process.slurm import slurm_number
from lss.process.threads import threads
from lss.universe import Universe

log = logging.getLogger("lss.session")

MEMBERS = 2**32  # of an ensemble: what the random streams are keyed by
LONGEST_NAME = 200  # of an output, in bytes: file systems take 255, and ".state" and temporary names are longer


@dataclass(frozen=True)
class Given:
    """What the user said: the TOML file (and its name, for messages), and `--set` over it."""

    source: str
    file: Settings
    overrides: Settings

    @property
    def settings(self) -> Settings:
        return merge(self.file, self.overrides)


def run(command: Command, arguments: Arguments) -> None:
    """Carry out a command line. Raises LssError with the one line that the user is to read."""
    started = now()
    progress.enable(not (arguments.quiet or arguments.log_json))
    tool = _tool(command)
    toml, data = _sort_inputs(command, arguments)
    given = _given_settings(toml, arguments)
    if command.reads != "paths":
        data = _picked(data, arguments)
    if any(group.strip("/").split("/")[0] == "provenance" for group in arguments.drop):
        raise ConfigError("--drop provenance: where a universe came from stays with it")
    for path in arguments.drop:
        if path.strip("/").count("/") == {"PartType1": 1, "snapshots": 2}.get(path.strip("/").split("/")[0]):
            raise ConfigError(f"--drop {path}: particles are dropped whole")
    if arguments.schema:
        print(json.dumps(tool.Config.model_json_schema(), indent=2))
    elif arguments.print_config:
        _print_settings(command, arguments, tool, data, given)
    elif command.reads == "paths":
        _run_on_paths(command, arguments, tool, data, given, started)
    else:
        universe, members = _subject(command, arguments, data, tool, given)
        if _wants_listing(command, arguments, given) and hasattr(tool, "listing"):
            print(tool.listing(universe, members))
        elif members:
            _run_directory(command, arguments, tool, members, given, started)
        else:
            _run_stage(command, arguments, tool, universe, data, given, started)


def _print_settings(command: Command, arguments: Arguments, tool: Any, data: list[Path], given: Given) -> None:
    """What the tool would use: of a named universe, the settings that it carries too."""
    named = command.reads != "paths" and bool(data)
    known = ["provenance"]  # enough to have the settings
    universe, members = _subject(command, arguments, data, tool, given, known) if named else (None, [])
    config, settings = _settle(tool, read_first(members, known) if members else universe, given)
    print(as_toml(complete(config, settings), tool.Config), end="")


@dataclass(frozen=True)
class Job:
    """What a stage is to do: its input, which may be none, and the settings over those of the input."""

    command: Command
    arguments: Arguments
    tool: Any
    universe: Universe | None
    config: Any
    settings: Settings
    data: list[Path]

    @property
    def takes(self) -> tuple[str, ...]:
        """What the stage's `run` is given beside the options of its command (lss.stages)."""
        return getattr(self.tool, "TAKES", ())

    @cached_property
    def identity(self) -> str:
        """What the work depends on: however the universe came, file, pipe or directory, it is told by its data."""
        return _identity(self.tool, self.settings, [digest(self.universe)] if self.universe else [])


def _run_stage(
    command: Command,
    arguments: Arguments,
    tool: Any,
    universe: Universe | None,
    data: list[Path],
    given: Given,
    started: Moment,
) -> None:
    config, settings = _settle(tool, universe, given)
    if universe is not None:
        universe = dataclasses.replace(universe, cosmology=config.cosmology)
    job = Job(command, arguments, tool, universe, config, settings, data)
    members = _members(job)
    if arguments.dry_run:
        _print_plan(tool.plan(universe, config), arguments.output or "standard output", members)
        return
    interrupt.install(deferred=command.resumable)
    if members > 1:
        _make_members(job, members)
    else:
        _make_one(job, _number(job), started)


def _make_one(job: Job, number: int, started: Moment) -> None:
    """Run the stage, and write what it makes."""
    arguments, tool = job.arguments, job.tool
    options = dict(arguments.own)
    if "index" in job.takes:
        options["index"] = number
    target = _target(job.command, arguments, number, piped=job.data in ([], [Path("-")]))
    restart = Restart(None)
    if "restart" in job.takes:
        restart = options["restart"] = _restart(arguments, target, lambda: job.identity)
    result = tool.run(job.universe or Universe.create(job.config, job.settings), job.config, **options)
    if not isinstance(result, Universe):
        _print_text(result, arguments)
        return
    _finish(job, result, target, started, restart.identity)
    restart.clear()


def _finish(job: Job, result: Universe, target: Path | None, started: Moment, identity: str = "") -> None:
    """Give what was made its settings and provenance, and write it if anybody wants it."""
    result = stages.with_settings(result, job.config, job.settings)
    result = with_provenance(result, job.command.program, job.data, started, identity)
    for group in job.arguments.drop:
        result = _dropped(result, group)
    if target is not None:
        write_universe(result, target)


# --- ensembles -------------------------------------------------------------------------------------------------------


def _members(job: Job) -> int:
    """How many universes this call makes. A stage may declare `members(config)`; an index picks one of them.

    Raises ConfigError where there are several and no directory to put them in.
    """
    wanted = job.tool.members(job.config) if hasattr(job.tool, "members") else 1
    if wanted == 1 or _index(job.arguments) is not None:
        return 1
    if not job.arguments.dry_run and not _is_folder(job.arguments.output):
        raise ConfigError(f"{wanted} universes need a directory: -o DIR/ (or --index I for one of them)")
    return int(wanted)


def _make_members(job: Job, count: int) -> None:
    """Every universe of the ensemble, one after the other; then the one that the stage's `gather` makes of them.

    With --resume those that are finished stay as they are.
    """
    directory = Path(str(job.arguments.output))
    paths = [member_path(directory, number) for number in range(count)]
    finished = [job.arguments.resume and _is_finished(job, path) for path in paths]
    gathered_path(directory).unlink(missing_ok=True)  # it would be of other members
    with progress.progress(job.command.program, count, shows_inner=True) as bar:
        for number, path in enumerate(paths):
            if interrupt.requested():
                raise Stopped(f"stopped after {number} of {count} universes; --resume goes on from here")
            if finished[number]:
                Restart(Path(f"{path}.state")).clear()
            else:
                log.info("universe %d of %d: %s", number + 1, count, path)
                _make_one(job, number, now())
            bar.update(1, f"{number + 1} of {count} made")
    started = now()
    gathered = stages.with_settings(job.tool.gather(paths, job.config), job.config, job.settings)
    if job.universe is not None:
        gathered = dataclasses.replace(gathered, groups={**provenance_of(job.universe), **gathered.groups})
    gathered = with_provenance(gathered, job.command.program, [*job.data, *paths], started)
    write_universe(gathered, gathered_path(directory))
    log.info("%d universes gathered in %s", count, gathered_path(directory))


def _run_directory(
    command: Command, arguments: Arguments, tool: Any, members: list[Path], given: Given, started: Moment
) -> None:
    """A whole directory through a stage: what is to be read of it to standard output, the universe it gives to -o.

    Raises ConfigError before the work begins if the output would become a member itself.
    """
    first = read_first(members, ["provenance"])
    job = Job(command, arguments, tool, first, *_settle(tool, first, given), members)
    if arguments.dry_run:
        _print_plan(tool.plan(None, job.config), arguments.output or "standard output", len(members))
        return
    if _is_folder(arguments.output):
        raise ConfigError(f"-o {arguments.output}: a directory of universes gives one file: name it")
    target = _target(command, arguments, 0, piped=False)
    if target is not None and str(target) != "-" and target.parent.resolve() == members[0].parent.resolve():
        raise ConfigError(f"-o {target}: it would be a member of its own ensemble; write it elsewhere")
    universe, text = tool.run_directory(members, job.config, **arguments.own)
    if universe is None:
        _print_text(text, arguments)
        return
    if str(target) == "-":
        log.info("%s", text)
    elif text:
        print(text)
    if target is not None:  # or all members would be hashed for nobody
        _finish(job, universe, target, started)


def _is_finished(job: Job, path: Path) -> bool:
    """Whether this member is there. Raises ConfigError if it was made from another input or configuration."""
    if not path.exists():
        return False
    made_by = list(provenance_of(read_universe(path, ["provenance"])).values())
    if not made_by or made_by[-1].attrs.get("identity") != job.identity:
        raise ConfigError(f"{path}: made from another input or configuration; remove it to begin anew")
    return True


def _number(job: Job) -> int:
    """The number of the member that is made: the one that was asked for, or the input's own."""
    index = _index(job.arguments) if "index" in job.takes else None
    if index is not None:
        return index
    return job.universe.index if job.universe else 0


# --- input -----------------------------------------------------------------------------------------------------------


def _tool(command: Command) -> Any:
    """The module that does the work: the stage of this name, or for lss-train the trainer."""
    if command.reads == "paths":
        return importlib.import_module(f"lss_{command.name}.{command.name}")
    return stages.find(command.name)


def _sort_inputs(command: Command, arguments: Arguments) -> tuple[Path | None, list[Path]]:
    """The configuration and the data among the positional arguments."""
    tomls = [path for path in arguments.inputs if path.suffix == ".toml"]
    data = [path for path in arguments.inputs if path.suffix != ".toml"]
    if len(tomls) > 1:
        raise ConfigError(f"{tomls[1]}: a second configuration; at most one .toml is read")
    if len(data) > 1 and command.reads != "paths":
        raise ConfigError(f"{data[1]}: a second input; {command.program} reads one universe")
    for path in data:
        if str(path) != "-" and not path.exists():
            raise ConfigError(f"{path}: no such file or directory")
    for option in command.options:
        named = arguments.own.get(option.keyword)
        if option.must_exist and named is not None and not named.exists():
            raise ConfigError(f"{option.name} {named}: no such file or directory")
    return (tomls[0] if tomls else None), data


def _given_settings(toml: Path | None, arguments: Arguments) -> Given:
    """What the user said on this command line."""
    overrides: Settings = {}
    for assignment in arguments.assignments:
        overrides = merge(overrides, parse_assignment(assignment))
    return Given(str(toml or "configuration"), read_toml(toml) if toml else {}, overrides)


def _picked(data: list[Path], arguments: Arguments) -> list[Path]:
    """The data; for a directory with an index, that member of it."""
    index = _index(arguments)
    if index is None or not data or not data[0].is_dir():
        return data
    path, members = member_path(data[0], index), ensemble_members(data[0])
    if path not in members:
        raise ConfigError(f"{path}: no such member; the directory holds {len(members)}")
    return [path]


def _subject(
    command: Command,
    arguments: Arguments,
    data: list[Path],
    tool: Any,
    given: Given,
    groups: Sequence[str] | None = None,
) -> tuple[Universe | None, list[Path]]:
    """The universe to work on (or only these groups of it), or the members that a tool for whole ensembles takes."""
    if data and data[0].is_dir():
        members = ensemble_members(data[0])
        if not hasattr(tool, "run_directory"):
            raise ConfigError(f"{data[0]}: a directory; --index picks a member")
        return None, members
    if data:
        if hasattr(tool, "read_foreign") and "catalogue" in given.settings.get(command.name, {}):
            return tool.read_foreign(data[0], _validated(tool, {}, given)), []
        return read_universe(data[0], groups), []
    if command.reads == "optional":
        return None, []
    if not pipes.is_pipe_or_file(0):
        if arguments.dry_run:
            return None, []
        raise ConfigError(f"no input: name a universe, or pipe one in (`{command.program} --help` shows how)")
    return read_universe("-"), []


def _index(arguments: Arguments) -> int | None:
    name, index = "--index", arguments.index
    if index is None:
        name, index = "SLURM_ARRAY_TASK_ID", slurm_number("SLURM_ARRAY_TASK_ID")
    if index is not None and not 0 <= index < MEMBERS:
        raise ConfigError(f"{name} {index}: expected 0 to {MEMBERS - 1}")
    return index


# --- configuration ---------------------------------------------------------------------------------------------------


def _validated(tool: Any, embedded: Settings, given: Given) -> Any:
    """The tool's configuration; an error names where the offending key was written."""
    below = merge(embedded, given.file)
    validate(tool.Config, below, given.source)
    return validate(tool.Config, merge(below, given.overrides), "--set")


def _settle(tool: Any, universe: Universe | None, given: Given) -> tuple[Any, Settings]:
    """Configuration and settings; cosmology and box must be those of the data.

    A stage may declare CHANGES, the keys ("box.n") that it is there to change.
    """
    embedded = universe.config if universe else {}
    config = _validated(tool, embedded, given)
    settings = merge(embedded, given.settings)
    if universe is not None and universe.groups:
        for table in ("cosmology", "box"):
            for key, held in embedded.get(table, {}).items():
                wanted = getattr(getattr(config, table), key)
                if wanted != held and f"{table}.{key}" not in getattr(tool, "CHANGES", ()):
                    raise ConfigError(
                        f"[{table}] {key} = {wanted!r} disagrees with {universe.source}, made with {held!r}"
                    )
    return config, settings


def _wants_listing(command: Command, arguments: Arguments, given: Given) -> bool:
    asked = bool(given.settings) or any(arguments.own.values()) or arguments.output is not None
    return command.writes == "report" and not asked and sys.stdout.isatty()


# --- output ----------------------------------------------------------------------------------------------------------


def _target(command: Command, arguments: Arguments, number: int, *, piped: bool) -> Path | None:
    """Where the output goes: a file (in a folder: that of member `number`), "-", or None if nobody wants the data.

    piped : the input came through a pipe. A report on a named universe is no filter: the log of a batch job is a
    regular file too, and does not want 10 MB of HDF5.
    Raises ConfigError before the work begins if it could not be written there.
    """
    output = arguments.output
    if output is not None and output != "-":
        path = member_path(Path(output), number) if _is_folder(output) else Path(output)
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


def _is_folder(output: str | None) -> bool:
    return output is not None and (output.endswith("/") or os.path.isdir(output))  # no error for names too long


def _dropped(universe: Universe, path: str) -> Universe:
    path = path.strip("/")
    if not universe.has(path):
        log.warning("--drop %s: no such group or dataset", path)
    return universe.without(path)


def _print_text(text: str, arguments: Arguments) -> None:
    """What a tool gives where there is no universe to write."""
    print(text)
    if arguments.output is not None:
        log.warning("-o %s: not written; what was asked for is text on standard output", arguments.output)


def _print_plan(plan: stages.Plan, target: str, members: int = 1) -> None:
    if members > 1:
        print(f"{members} universes, each:")
    for step in plan.steps:
        print(step)
    print(f"output: {target}")
    print(f"memory: {plan.memory_bytes / 1e9:.2f} GB at the peak")
    seconds = plan.cpu_seconds * members
    on = f"{threads()} threads" if threads() > 1 else "one thread"
    print(f"cost:   {seconds:.0f} CPU seconds, about {seconds / threads():.0f} s on {on}")


# --- resuming --------------------------------------------------------------------------------------------------------


def _restart(arguments: Arguments, target: Path | None, identity: Callable[[], str]) -> Restart:
    """Where long work keeps its state; into a pipe none is kept, and its data are not hashed."""
    if target is None or str(target) == "-":
        if arguments.resume:
            raise ConfigError("--resume needs -o FILE: the state is kept in FILE.state/")
        return Restart(None)
    restart = Restart(Path(f"{target}.state"), arguments.resume, identity())
    if not arguments.resume:
        restart.clear()
    return restart


def _identity(tool: Any, settings: Settings, data: list[str]) -> str:
    """A hash of what the work depends on: settings and the hashes of the data.

    A stage may declare EXTENDABLE, the keys that a resumed run may change.
    """
    frozen = settings
    for name in getattr(tool, "EXTENDABLE", ()):
        frozen = _without(frozen, name.split("."))
    words = [json.dumps(frozen, sort_keys=True), *data]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _without(settings: Settings, path: list[str]) -> Settings:
    """Settings without one key; a table that was not given is the same as an empty one."""
    name, *below = path
    if below:
        return {**settings, name: _without(settings.get(name, {}), below)}
    return {key: value for key, value in settings.items() if key != name}


# --- tools that read paths -------------------------------------------------------------------------------------------


def _run_on_paths(
    command: Command, arguments: Arguments, tool: Any, data: list[Path], given: Given, started: Moment
) -> None:
    """lss-train: files and directories in, one file out."""
    config: Configuration = _validated(tool, {}, given)
    if arguments.dry_run:
        _print_plan(tool.plan(data, config), arguments.output or "nothing")
        return
    target = _target(command, arguments, 0, piped=False)
    settings = complete(config, given.settings)
    restart = _restart(
        arguments,
        target,
        lambda: _identity(tool, settings, [file_hash(path) for path in data if path.is_file()]),
    )
    interrupt.install(deferred=command.resumable)
    getattr(tool, command.name)(data, config, target, settings=settings, restart=restart, **arguments.own)
    restart.clear()
    log_cost(started)
