"""What a command is given: its configuration, and the universe or the universes that it works on."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lss import stages
from lss.command.definition import Arguments, Command
from lss.command.resuming import hashes_of
from lss.config import Settings, merge, parse_assignment, read_toml, tables, validate
from lss.errors import ConfigError
from lss.files import pipes
from lss.files.embedded import with_named
from lss.files.universe_file import ensemble_members, member_path, read_universe
from lss.physics import spectrum_table
from lss.process.slurm import slurm_number
from lss.trust import NAMES, unmarked
from lss.universe import Universe

MEMBERS = 2**32  # of an ensemble: what the random streams are keyed by


@dataclass(frozen=True)
class Given:
    """What the user said: the TOML file (and its name, for messages), and `--set` over it."""

    source: str
    file: Settings
    overrides: Settings

    @property
    def settings(self) -> Settings:
        return merge(self.file, self.overrides)


@dataclass(frozen=True)
class Request:
    """What a command line asks for: a tool (the module that does the work), settings, and the paths of data."""

    command: Command
    arguments: Arguments
    tool: Any
    given: Given
    data: list[Path]

    @property
    def takes(self) -> tuple[str, ...]:
        """What the tool is given beside the options of its command (lss.stages)."""
        return getattr(self.tool, "TAKES", ())


def understand(command: Command, arguments: Arguments) -> Request:
    """The request behind a command line. Raises ConfigError if it contradicts itself or names what is not there."""
    toml, data = _sort_inputs(command, arguments)
    overrides: Settings = {}
    for assignment in arguments.assignments:
        _refuse_bare_key(assignment)
        overrides = merge(overrides, parse_assignment(assignment))
    file = beside(read_toml(toml), toml) if toml else {}
    given = Given(str(toml or "configuration"), with_tables(file), with_tables(overrides))
    if command.reads != "paths":
        data = _pick(data, arguments)
    _check_dropped(arguments.drop)
    return Request(command, arguments, command.module(), given, data)


def _refuse_bare_key(assignment: str) -> None:
    """Raise ConfigError for `--set n=64`, with the tables that have such a key."""
    name, equals, value = assignment.partition("=")
    if equals and "." not in name:
        having = [f"{table}.{name}={value}" for table in tables() if name in stages.model_of(table).model_fields]
        near = f"; did you mean {' or '.join(having)}?" if having else ""
        raise ConfigError(f"--set {assignment}: expected table.key=value{near}")


def beside(settings: Settings, toml: Path) -> Settings:
    """The settings of a TOML file, with relative paths that begin where the file lies."""
    folder = "" if toml.parent == Path() else str(toml.parent)

    def from_here(value: Any, kind: str, key: str) -> Any:
        if isinstance(value, list):  # a command: its first word may be a path
            return [from_here(word, "program", key) for word in value[:1]] + value[1:]
        named = isinstance(value, str) and ("/" in value if kind == "program" else not NAMES[kind](value))
        return os.path.join(folder, value) if named else value

    known = {name: table for name, table in settings.items() if name in tables()}
    return settings | with_named(known, from_here)


def with_tables(settings: Settings) -> Settings:
    """The settings with a table of the spectrum by its hash. Raises DataError if it cannot be read."""
    transfer = settings.get("cosmology", {}).get("transfer")
    if not isinstance(transfer, str):
        return settings
    return merge(settings, {"cosmology": {"transfer": spectrum_table.adopted(transfer)}})


def subject(request: Request, groups: Sequence[str] | None = None) -> tuple[Universe | None, list[Path]]:
    """The universe to work on (or only these groups of it), or the members that a tool for whole ensembles takes."""
    command, tool, data = request.command, request.tool, request.data
    if data and data[0].is_dir():
        members = ensemble_members(data[0])
        if not hasattr(tool, "run_directory") and not is_folder(request.arguments.output):
            raise ConfigError(f"{data[0]}: a directory; --index picks a member, and -o DIR/ takes them all")
        return None, members
    if data:
        if hasattr(tool, "read_foreign") and _is_foreign(request):
            return tool.read_foreign(data[0], configuration(request)), []
        return read_universe(data[0], groups, length_unit_of(request)), []
    if command.reads == "optional":
        return None, []
    if not pipes.is_pipe_or_file(0):
        if request.arguments.dry_run:
            return None, []
        raise ConfigError(f"no input: name a universe, or pipe one in (`{command.program} --help` shows how)")
    return read_universe("-", None, length_unit_of(request)), []


def _is_foreign(request: Request) -> bool:
    """Whether the input is another program's file: told by its content, or by the table that describes it."""
    described = "catalogue" in request.given.settings.get(request.command.name, {})
    is_beside = request.arguments.own.get("catalogue") is not None
    return not is_beside and (described or request.tool.recognised(request.data[0]) is not None)


def length_unit_of(request: Request) -> str | None:
    """The unit of a snapshot that does not say its own: `[sim.snapshot] length_unit`."""
    model: Any = stages.config_of("sim")
    validate(model, request.given.file, request.given.source)  # or an error would not name the file
    length_unit: str | None = validate(model, request.given.settings, "--set").sim.snapshot.length_unit
    return length_unit


def configuration(request: Request, embedded: Settings | None = None) -> Any:
    """The tool's configuration, what was given over what is embedded in the input; the tables of other tools are
    checked as they would.

    Raises ConfigError naming where the offending key was written.
    """
    given, model = request.given, request.tool.Config
    below = merge(embedded or {}, given.file)
    validate(model, below, given.source)
    stages.check_tables(given.file, below, given.source, model)
    whole = merge(below, given.overrides)
    config = validate(model, whole, "--set")
    stages.check_tables(given.overrides, whole, "--set", model)
    return config


def settle(request: Request, universe: Universe | None) -> tuple[Any, Settings]:
    """Configuration and settings; cosmology and box must be those of the data.

    A stage may declare CHANGES, the keys ("box.n") that it is there to change.
    """
    embedded = universe.config if universe else {}
    config = configuration(request, embedded)
    settings = merge(embedded, request.given.settings)
    if universe is not None:
        _refuse_open(embedded, settings, universe.source)
    if universe is not None and universe.groups:
        for table in ("cosmology", "box"):
            for key, held in embedded.get(table, {}).items():
                if key == "unknown":
                    continue
                wanted = getattr(getattr(config, table), key)
                if unmarked(wanted) != unmarked(held) and f"{table}.{key}" not in getattr(request.tool, "CHANGES", ()):
                    raise ConfigError(
                        f"[{table}] {key} = {wanted!r} disagrees with {universe.source}, made with {unmarked(held)!r}"
                    )
    return config, settings


def _refuse_open(embedded: Settings, settings: Settings, source: str) -> None:
    """Raise ConfigError for what another code's file does not say, though no number means anything without it."""
    lacking = []
    if "omega_m" in embedded.get("cosmology", {}).get("unknown", ()) and "omega_m" not in settings["cosmology"]:
        lacking.append("[cosmology] omega_m")
    if "n" in embedded.get("box", {}) and "size" not in settings["box"]:
        lacking.append("[box] size")
    if lacking:
        raise ConfigError(f"{source}: the file does not say, and so you must: {', '.join(lacking)}")


def options_of(request: Request) -> dict[str, Any]:
    """What the tool's own options say of the work: of paths that are read, the hashes of the files."""
    found: dict[str, Any] = {}
    for option in request.command.options:
        value = request.arguments.own.get(option.keyword)
        if value and not option.writes:
            found[option.name] = hashes_of([value]) if option.must_exist else str(value)
    return found


def is_folder(output: str | None) -> bool:
    """Whether -o names a directory, which need not exist yet."""
    return output is not None and (output.endswith("/") or os.path.isdir(output))  # no error for names too long


def index_of(arguments: Arguments) -> int | None:
    """The member of an ensemble that was asked for, by option or as a task of a job array."""
    name, index = "--index", arguments.index
    if index is None:
        name, index = "SLURM_ARRAY_TASK_ID", slurm_number("SLURM_ARRAY_TASK_ID")
    if index is not None and not 0 <= index < MEMBERS:
        raise ConfigError(f"{name} {index}: expected 0 to {MEMBERS - 1}")
    return index


def _sort_inputs(command: Command, arguments: Arguments) -> tuple[Path | None, list[Path]]:
    """The configuration and the data among the positional arguments."""
    tomls = [path for path in arguments.inputs if path.suffix == ".toml"]
    data = [path for path in arguments.inputs if path.suffix != ".toml"]
    if len(tomls) > 1:
        raise ConfigError(f"{tomls[1]}: a second configuration; at most one .toml is read")
    if len(data) > 1 and command.reads != "paths":
        remedy = "".join(
            f"; to compare with it, give --truth {data[1]}" for o in command.options if o.name == "--truth"
        )
        raise ConfigError(f"{data[1]}: a second input; {command.program} reads one universe{remedy}")
    for path in data:
        if str(path) != "-" and not path.exists():
            raise ConfigError(f"{path}: no such file or directory")
        if path.suffix in (".yaml", ".yml", ".ini", ".cfg", ".conf", ".param", ".json"):
            raise ConfigError(f"{path}: a configuration is TOML, and its name ends in .toml")
    for option in command.options:
        named = arguments.own.get(option.keyword)
        if option.must_exist and named is not None and not named.exists():
            raise ConfigError(f"{option.name} {named}: no such file or directory")
    return (tomls[0] if tomls else None), data


def _pick(data: list[Path], arguments: Arguments) -> list[Path]:
    """The data; for a directory with an index, that member of it."""
    index = index_of(arguments)
    if index is None or not data or not data[0].is_dir():
        return data
    path, members = member_path(data[0], index), ensemble_members(data[0])
    if path not in members:
        raise ConfigError(f"{path}: no such member; the directory holds {len(members)}")
    return [path]


def _check_dropped(groups: Sequence[str]) -> None:
    for group in groups:
        first, *below = group.strip("/").split("/")
        if first == "provenance":
            raise ConfigError("--drop provenance: where a universe came from stays with it")
        if len(below) == {"PartType1": 1, "snapshots": 2}.get(first):
            raise ConfigError(f"--drop {group}: particles are dropped whole")
