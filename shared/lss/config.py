"""Configuration: one TOML file, a table per tool, validated once at the edge.

Defaults < the configuration embedded in the input < the TOML file < `--set table.key=value`, key by key.
Every tool validates `[cosmology]`, `[box]` and its own table; unknown tables and keys are refused with the
nearest valid name. The whole configuration travels in the universe.
"""

import difflib
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
import tomli
from pydantic import BaseModel, ConfigDict
from pydantic_core import core_schema

from lss.errors import ConfigError, Unknown

TABLES = ("cosmology", "box", "ic", "sim", "halo", "inference", "train", "recon", "stats")
Settings = dict[str, Any]

# Keys and tables that once had another name. An old name is refused where it is written, with the new one; in the
# configuration of a file made before, it is read as the new one.
RENAMED = {
    "recon.k_max": "recon.update.k_max",
    "recon.k_hold": "recon.update.hold_below",
    "recon.pull": "recon.update.pull_to_estimate",
    "recon.place": "recon.update.match_halos",
    "recon.margin": "recon.update.mass_margin",
    "recon.turn": "recon.update.rotate",
    "recon.noise": "recon.update.noise",
    "recon.power_limit": "recon.limits.power",
    "recon.power_share": "recon.limits.power_fraction",
    "recon.one_point_limit": "recon.limits.one_point",
    "recon.loss_smoothing": "recon.loss.smoothing",
    "recon.mean_counts": "recon.loss.mean_counts",
    "recon.early": "recon.cheap",
}


class Table(BaseModel):
    """One table of the configuration: frozen, known keys, finite numbers, a description and a unit for each."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def quantity(default: Any, description: str, unit: str = "", names: str = "", **constraints: Any) -> Any:
    """A key of a table: its default, what it means, its unit, and what pydantic shall check (gt, ge, le, ...).

    names : for a key that names a file or a program, what it names (lss.trust.NAMES)
    """
    extra = {name: value for name, value in (("unit", unit), ("names", names)) if value}
    constraints["json_schema_extra"] = extra or None
    return pydantic.Field(default, description=description, validate_default=True, **constraints)


@dataclass(frozen=True, eq=False)  # registries are not hashable
class OneOf:
    """`Annotated[str, OneOf(REGISTRY)]`: a name of a registry, looked up when a value is checked.

    also : names that are accepted beside those of the registry
    """

    registry: Collection[str]
    also: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return [*self.registry, *self.also]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(schema), "enum": self.names}

    def _check(self, name: str) -> str:
        if name not in self.names:
            raise ValueError(f"expected one of {', '.join(self.names)}{_nearest(name, self.names)}")
        return name


class Cosmology(Table):
    """A flat LCDM universe."""

    omega_m: float = quantity(0.3175, "matter density today over critical", gt=0, le=1)
    omega_b: float = quantity(0.049, "baryon density today over critical", ge=0, lt=1)
    h: float = quantity(0.6711, "Hubble constant", "100 km/s/Mpc", gt=0.1, lt=2)
    n_s: float = quantity(0.9624, "spectral index of the primordial fluctuations")
    sigma8: float = quantity(0.834, "rms linear overdensity in spheres of 8 Mpc/h at z = 0", gt=0)
    transfer: str = quantity(
        "eisenstein-hu",
        '"eisenstein-hu", "no-wiggle", or the path of a table of k [h/Mpc] and P [(Mpc/h)^3]',
        names="spectrum",
    )

    unknown: tuple[str, ...] = quantity(
        (), "keys of this table of which another code's file says nothing: set them where they are needed"
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _what_is_given_is_known(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("unknown"), list | tuple):
            return data
        return data | {"unknown": tuple(key for key in data["unknown"] if key not in data)}

    @pydantic.model_serializer(mode="wrap")
    def _without_what_is_unknown(self, serialize: Any) -> dict[str, Any]:
        known = {key: value for key, value in serialize(self).items() if key not in self.unknown}
        return known if self.unknown else {key: value for key, value in known.items() if key != "unknown"}

    def need(self, *keys: str) -> None:
        """Raise Unknown if nobody has said one of these: its value here would be a default."""
        lacking = [key for key in keys if key in self.unknown]
        if lacking:
            raise Unknown(f"unknown {', '.join(lacking)}: set {', '.join(f'cosmology.{key}' for key in lacking)}")

    def shown(self, key: str) -> str:
        """A number as a reader sees it."""
        return "unknown" if key in self.unknown else f"{getattr(self, key):g}"

    @pydantic.model_validator(mode="after")
    def _baryons_are_part_of_matter(self) -> "Cosmology":
        if "omega_b" not in self.unknown and self.omega_b > self.omega_m:
            raise ValueError(f"omega_b = {self.omega_b:g} exceeds omega_m = {self.omega_m:g}, of which it is a part")
        return self


class Box(Table):
    """The periodic cube."""

    size: float = quantity(125.0, "side of the box", "Mpc/h", gt=0)
    n: int = quantity(64, "particles and grid points per side", ge=4, multiple_of=2)


class FieldModel(Table):
    """The keys of [ic] that say which field white noise stands for."""

    field: Literal["linear", "power-law", "lognormal", "normal"] = quantity(
        "linear",
        '"linear": of [cosmology], and particles; else a field alone: docs/inference.md',
    )
    dimensions: Literal[2, 3] = quantity(3, "of a field alone")
    amplitude: float = quantity(1.0, "A of P = A k^-B, k in h/Mpc", "(Mpc/h)^dimensions", gt=0)
    slope: float = quantity(0.5, "B of P = A k^-B")
    mean: float = quantity(0.0, "of normal numbers, independent in every voxel")
    variance: float = quantity(1.0, "of normal numbers", gt=0)

    @pydantic.model_validator(mode="after")
    def _particles_have_three_dimensions(self) -> "FieldModel":
        if self.field == "linear" and self.dimensions != 3:
            raise ValueError('field = "linear" has dimensions = 3; the other fields may have 2')
        return self


class Configuration(Table):
    """What every tool reads; each adds its own table."""

    cosmology: Cosmology = quantity(Cosmology(), "the background and the linear spectrum")
    box: Box = quantity(Box(), "the periodic cube")


ConfigurationT = TypeVar("ConfigurationT", bound=Configuration)


def parse_toml(text: str) -> Settings:
    """The tables of a TOML text. Raises ConfigError saying what is wrong at which line."""
    try:
        return tomli.loads(text)
    except (tomli.TOMLDecodeError, ValueError) as error:  # a whole number of 5000 digits is no TOMLDecodeError
        raise ConfigError(str(error)) from None
    except RecursionError:
        raise ConfigError("tables or lists are nested too deeply") from None


def read_toml(path: Path) -> Settings:
    """The tables of a TOML file. Raises ConfigError naming file and line."""
    try:
        settings = parse_toml(path.read_bytes().decode("utf-8-sig"))  # editors of Windows put a mark before it
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    refuse_unknown_tables(settings, str(path))
    return _located(settings, path.parent)


def _located(settings: Settings, folder: Path) -> Settings:
    """Settings whose table of the spectrum is found from everywhere; it was named as seen from `folder`."""
    transfer = settings.get("cosmology", {}).get("transfer")
    if isinstance(transfer, str) and (folder / transfer).is_file():
        return merge(settings, {"cosmology": {"transfer": str((folder / transfer).resolve())}})
    return settings


@cache  # to find them, the metadata of every installed package are read
def entry_points(group: str) -> tuple[metadata.EntryPoint, ...]:
    """What the installed packages declare under this name."""
    return tuple(metadata.entry_points(group=group))


@cache
def tables() -> tuple[str, ...]:
    """The tables there are: `TABLES`, and those that other packages declare (entry points "lss.tables")."""
    declared = {entry.name for entry in entry_points(group="lss.tables")}
    return (*TABLES, *sorted(declared - set(TABLES)))


def refuse_unknown_tables(settings: Settings, source: str) -> None:
    """Every table must be one of `tables()`, and a table; no key may have one of the old names of `RENAMED`."""
    for name, table in settings.items():
        if name not in TABLES and name not in tables():
            near = _nearest(name, tables())
            raise ConfigError(f"{source}: [{name}]: unknown table{near}; tables are {', '.join(tables())}")
        if not isinstance(table, dict):
            raise ConfigError(f"{source}: {name} = {table!r}: expected a table [{name}]")
    for old, new in RENAMED.items():
        found = _at(settings, old)
        if isinstance(found, dict):
            raise ConfigError(f"{source}: [{old}]: renamed; use [{new}]")
        if found is not None:
            table, _, key = old.rpartition(".")
            raise ConfigError(f"{source}: [{table}] {key} = {found!r}: renamed; use {new}")


def with_current_names(settings: Settings) -> Settings:
    """Settings of a file that exists, with the present names of keys that it has under an old one."""
    for old, new in RENAMED.items():
        found = _at(settings, old)
        if found is not None:
            settings = merge(_without(settings, old), _nested(new, found))
    return settings


def _at(settings: Settings, path: str) -> Any:
    """What stands at a dotted key; None if nothing does."""
    found: Any = settings
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _without(settings: Settings, path: str) -> Settings:
    name, _, below = path.partition(".")
    if below:
        return {**settings, name: _without(settings[name], below)}
    return {key: value for key, value in settings.items() if key != name}


def _nested(path: str, value: Any) -> Settings:
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def parse_assignment(text: str) -> Settings:
    """`sim.steps=40` as nested tables; the value is TOML, or a plain word taken as a string."""
    name, equals, value = text.partition("=")
    keys = name.strip().split(".")
    if not equals or len(keys) < 2 or not all(keys):
        raise ConfigError(f"--set {text}: expected table.key=value")
    try:
        parsed: Any = parse_toml(f"value = {value}")["value"]
    except ConfigError:
        parsed = value
    for key in reversed(keys):
        parsed = {key: parsed}
    refuse_unknown_tables(parsed, "--set")
    return _located(parsed, Path())


def merge(below: Settings, above: Settings) -> Settings:
    """Settings of `above` over those of `below`, key by key."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def validate(model: type[ConfigurationT], settings: Settings, source: str) -> ConfigurationT:
    """The tables that `model` reads, checked.

    Raises ConfigError naming the source, table and key, what was found and what is accepted.
    """
    refuse_unknown_tables(settings, source)
    own = {name: table for name, table in settings.items() if name in model.model_fields}
    try:
        config = model.model_validate(own)
    except pydantic.ValidationError as error:
        raise ConfigError(f"{source}: " + "; ".join(_explain(model, entry) for entry in error.errors())) from None
    _refuse_conversions(own, config, model, (), source)
    return config


def _refuse_conversions(given: Any, taken: Any, model: type[BaseModel], path: tuple[str, ...], source: str) -> None:
    """Raise ConfigError where a text was taken for a number, or a truth value and a number for each other."""
    if isinstance(given, dict) and isinstance(taken, dict | BaseModel):
        for key, value in given.items():
            found = getattr(taken, key, None) if isinstance(taken, BaseModel) else taken.get(key)
            _refuse_conversions(value, found, model, (*path, key), source)
    elif isinstance(given, list | tuple) and isinstance(taken, list | tuple):
        for value, found in zip(given, taken, strict=False):
            _refuse_conversions(value, found, model, path, source)
    elif isinstance(given, str) != isinstance(taken, str) or isinstance(given, bool) != isinstance(taken, bool):
        wanted = {bool: "true or false", str: "a text in quotes"}.get(type(taken), "a number without quotes")
        about = describe(_field(model, path))
        place = f"{source}: [{'.'.join(path[:-1])}] {path[-1]} = {given!r}: expected {wanted}"
        raise ConfigError(place + (f" ({about})" if about else ""))


def complete(config: Configuration, settings: Settings) -> Settings:
    """The settings that travel on: every key of the tables that were read, the other tables as they were given."""
    completed = merge(settings, json.loads(config.model_dump_json(exclude_none=True)))
    if not config.cosmology.unknown:
        completed["cosmology"].pop("unknown", None)
    return completed


def describe(field: pydantic.fields.FieldInfo | None) -> str:
    """What a key means, with its unit."""
    if field is None or not field.description:
        return ""
    unit = (field.json_schema_extra or {}).get("unit", "") if isinstance(field.json_schema_extra, dict) else ""
    return f"{field.description} [{unit}]" if unit else field.description


def _field(model: type[BaseModel], path: tuple[str, ...]) -> pydantic.fields.FieldInfo | None:
    field = None
    current: type[BaseModel] | None = model
    for name in path:
        field = current.model_fields.get(name) if current else None
        if field is None:
            return None
        current = table_of(field)
    return field


def table_of(field: pydantic.fields.FieldInfo) -> type[BaseModel] | None:
    """The table a field holds, through `Table | None`."""
    candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _explain(model: type[BaseModel], entry: Any) -> str:
    """One pydantic complaint as a user reads it: `[sim] step = 40: unknown key; did you mean 'steps'?`"""
    path = tuple(part for part in entry["loc"] if isinstance(part, str))
    if path[-1] == "[key]":  # of a table whose keys are words of a list
        known = entry.get("ctx", {}).get("expected", "")
        near = _nearest(path[-2], known.split("'"))
        return f"[{'.'.join(path[:-2])}] {path[-2]}: unknown key{near}; keys are {known}"
    *tables, key = path if len(path) > 1 else (*path, "")
    place = f"[{'.'.join(tables)}]" + (f" {key}" if key else "")
    found = entry.get("input")
    if entry["type"] == "extra_forbidden":
        parent = _field(model, tuple(tables))
        table = table_of(parent) if parent else None
        known = list(table.model_fields) if table else []
        shown = "" if isinstance(found, dict) else f" = {found!r}"
        return f"{place}{shown}: unknown key{_nearest(key, known)}; keys are {', '.join(known)}"
    message = entry["msg"].removeprefix("Value error, ")
    message = (message[0].lower() + message[1:]).replace("a valid tuple", "a list")  # the words of TOML
    if entry["type"] == "list_type":
        message = f"expected a list, as {_as_list(found)}"
    field = _field(model, path)
    about = f" ({describe(field)})" if field is not None and field.description else ""
    shown = "" if isinstance(found, dict) else f" = {found!r}"
    return f"{place}{shown}: {message}{about}"


def _as_list(value: Any) -> str:
    """What was probably meant, in TOML: a word alone, or a list whose quotes the shell has taken away."""
    words = re.findall(r"[^\s,\[\]'\"]+", value) if isinstance(value, str) else [value]
    quoted = isinstance(value, str) and value.startswith("[")
    return json.dumps(words) + (" (in a shell within single quotes)" if quoted else "")


def _nearest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


Assignment = Literal["ngp", "cic", "tsc", "pcs"]


@dataclass(frozen=True)
class Painting:
    """How points become the field of a statistic: an assignment; interlaced, twice, half a cell apart.

    The default leaves 0.05 to 0.13% of aliased power in the last bands below Nyquist; plain CIC leaves tens of percent.
    """

    assignment: Assignment = "tsc"
    interlaced: bool = True
