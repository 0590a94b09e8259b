"""Stages: the steps a universe goes through, found by name.

A stage is a module with

    Config                       a pydantic model: Configuration with the stage's own table
    run(universe, config)        -> Universe
    plan(universe, config)       -> Plan: what `--dry-run` says (universe is None where the stage needs none)

and, for the command line, whichever of these it has a use for (lss.command.session):

    listing(universe, members, json)   -> str: what a file or directory holds (--list)
    run_directory(paths, config) -> (universe or None, str): what a whole directory gives, and what is said of it
    recognised(path), read_foreign(path, config)   whether a file is another program's; -> Universe, of such a file
    check(paths)                 -> bool: whether these files are whole, each said in a line (--check)
    members(config), gather(paths, config)   how many universes one call makes, and the one they make together
    CHANGES, EXTENDABLE          keys that may differ from those of the data; from those of a run that is resumed
    INDIFFERENT                  keys that change nothing in what is made: how many others there are, how long one waits
    TAKES                        what `run` takes beside these as keyword arguments: "index", the number of the member
                                 that is made, and "restart", where long work keeps its state (lss.files.restart)

registered under the entry point group "lss.stages"; one in a user's own package takes part in every loop.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any, Protocol

from pydantic import BaseModel, create_model

from lss.config import Configuration, Settings, Table, complete, entry_points, refuse_unknown_tables, table_of, validate
from lss.config import tables as config_tables
from lss.errors import ConfigError
from lss.universe import Universe

# What an idle process with numpy, scipy, h5py and compiled kernels loaded holds, and what torch adds to it, before
# anything is computed: plans count them in.
IMPORTS_BYTES = 200_000_000
TORCH_BYTES = 200_000_000


class Stage(Protocol):
    """What the rest of the program knows of a stage."""

    Config: type[Configuration]
    run: Callable[..., Universe]
    plan: "Callable[[Universe | None, Any], Plan]"


@dataclass(frozen=True)
class Plan:
    """What a run would cost: peak memory of the whole process, CPU time, and its steps in words.

    start_seconds : the part of the CPU time that a process spends once, however many universes it makes
    """

    memory_bytes: int
    cpu_seconds: float
    steps: list[str] = field(default_factory=list)
    start_seconds: float = 0.0


def find(name: str) -> Stage:
    """The stage of this name. Raises ConfigError naming those there are."""
    found = {entry.name: entry for entry in entry_points(group="lss.stages")}
    if name not in found:
        raise ConfigError(f"no stage '{name}'; stages are {', '.join(sorted(found))}")
    stage: Any = found[name].load() if ":" in found[name].value else importlib.import_module(found[name].value)
    missing = [part for part in ("Config", "run", "plan") if not hasattr(stage, part)]
    if missing:
        raise ConfigError(f"stage '{name}' ({_place(stage)}) has no {', '.join(missing)}")
    return stage


def table(name: str, settings: Settings, source: str = "configuration") -> Any:
    """The table `[name]` of the settings as its stage reads it: validated, with the defaults that the stage gives.

    For a stage that needs what another will use: `stages.table("sim", settings).redshifts`. The other tables that the
    stage reads are validated with it.
    Raises ConfigError, naming the source, if the settings do not suit the stage, or there is none of this name.
    """
    model = find(name).Config
    if name not in model.model_fields:
        raise ConfigError(f"stage '{name}' reads no table [{name}]")
    return getattr(validate(model, settings, source), name)


@cache
def config_of(table: str) -> type[Configuration]:
    """The model that has a table, whichever tool it belongs to (entry points "lss.tables")."""
    if table in Configuration.model_fields:
        return Configuration
    for entry in entry_points(group="lss.tables"):
        if entry.name == table:
            found: type[Configuration] = entry.load()
            return found
    raise ConfigError(f"no tool that is installed has a table [{table}]; install the package again (make setup)")


def model_of(table: str) -> type[BaseModel]:
    """What a table of the configuration may hold, whichever tool it belongs to."""
    return table_of(config_of(table).model_fields[table]) or Configuration


def check_tables(names: Iterable[str], settings: Settings, source: str, own: type[Configuration]) -> None:
    """Raise ConfigError, naming the source, for what the tool that has one of these tables would refuse in it.

    own : the model of the tool that asks; its tables are its own to check
    """
    refuse_unknown_tables(settings, source)
    for name in names:
        model = table_of(own.model_fields[name]) if name in own.model_fields else None
        if model is None:
            validate(config_of(name), {name: settings[name]}, source)
            model = model_of(name)
        _check_below(settings[name], model, name, source)


def _check_below(table: Settings, model: type[BaseModel], path: str, source: str) -> None:
    """The same for what a table says for another tool, as [recon.cheap.sim] does."""
    for key, value in table.items():
        inner = table_of(model.model_fields[key]) if key in model.model_fields else None
        if inner is not None:
            _check_below(value, inner, f"{path}.{key}", source)
        elif isinstance(value, dict) and key in config_tables():
            validate(config_of(key), {key: value}, f"{source}: in [{path}]")


def schema(own: type[Configuration]) -> dict[str, Any]:
    """The JSON Schema of a whole configuration: every table of every tool that is installed, and of who asks."""
    models = {name: config_of(name) for name in config_tables()}
    for name, one in own.model_fields.items():
        if table_of(one) not in (None, model_of(name)):  # a tool that is not installed has tables all the same
            models[name] = own
    fields: Any = {}
    for name, model in models.items():
        field = model.model_fields[name]
        fields[name] = (field.annotation, field)
    whole = create_model("Configuration", __base__=Table, __doc__="The configuration of lss.", **fields)
    found = whole.model_json_schema()
    for inner in found["$defs"].values():
        for key in fields.keys() & inner.get("properties", {}).keys():
            about = inner["properties"][key]
            if about.get("type") == "object":  # what is said for another tool, as [recon.cheap.sim]
                inner["properties"][key] = {"$ref": found["properties"][key]["$ref"], **about}
                del inner["properties"][key]["additionalProperties"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def takes(name: str, option: str) -> bool:
    """Whether the stage declares that its `run` takes this option: "index" or "restart"."""
    return option in getattr(find(name), "TAKES", ())


def check(names: Iterable[str], settings: Settings) -> None:
    """Raise ConfigError if the settings do not suit one of these stages, or there is none of a name."""
    for name in names:
        validate(find(name).Config, settings, "configuration")


def run(name: str, universe: Universe, settings: Settings, **options: Any) -> Universe:
    """Send a universe through a stage with these settings, in this process.

    Raises ConfigError if the settings do not suit it, DataError if the data does not.
    """
    stage = find(name)
    config = validate(stage.Config, settings, "configuration")
    return with_settings(stage.run(universe, config, **options), config, settings)


def with_settings(universe: Universe, config: Configuration, settings: Settings) -> Universe:
    """The universe carrying the settings it was last treated with."""
    return Universe(config.cosmology, config.box, complete(config, settings), universe.groups, universe.source)


def _place(stage: Stage) -> str:
    return stage.__name__ if isinstance(stage, ModuleType) else repr(stage)
