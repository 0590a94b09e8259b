"""How work is told from other work: where a long run keeps its state, and what made an output that exists."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lss import stages
from lss.command.definition import Arguments
from lss.config import Settings, table_of, tables
from lss.errors import DataError
from lss.files.ownership import safetensors_metadata
from lss.files.provenance import file_hash, provenance_of
from lss.files.restart import Restart
from lss.files.universe_file import read_universe, universe_files
from lss.nets.checkpoint import resolve
from lss.process.ranks import rank
from lss.trust import is_marked

GATHERED = "gathered "  # how the identity of what was made of all members begins


def restart_of(arguments: Arguments, target: Path | None, identity: Callable[[], str]) -> Restart:
    """Where long work keeps its state; into a pipe none is kept, and its data are not hashed.

    Without --resume the work begins anew; with --force also where the state is of other work.
    """
    if target is None or str(target) == "-":
        return Restart(None)
    restart = Restart(Path(f"{target}.state"), arguments.resume, identity(), arguments.force, writes=not rank())
    if not arguments.resume:
        restart.clear()
    return restart


def identity_of(tool: Any, settings: Settings, data: list[str]) -> str:
    """A hash of what a state depends on: settings and the hashes of the data.

    A stage may declare EXTENDABLE, the keys that a resumed run may change.
    """
    return _hash(_without_keys(settings, getattr(tool, "EXTENDABLE", ())), *data)


def work_of(tool: Any, settings: Settings, *words: Any) -> str:
    """Two hashes of what an output depends on, settings and words that say the rest: of all, and without EXTENDABLE.

    A stage may declare INDIFFERENT, the keys that change nothing in what it makes.
    """
    left_out = getattr(tool, "INDIFFERENT", ()), getattr(tool, "EXTENDABLE", ())
    return " ".join(_hash(_without_keys(settings, keys), json.dumps(words)) for keys in left_out)


def is_extended(work: str, former: str | None) -> bool:
    """Whether work differs from former work by keys of EXTENDABLE alone: it goes further."""
    return former is not None and former.split(" ")[-1] == work.split(" ")[-1]


def recorded_work(path: Path) -> str | None:
    """The identity of the work that made a universe, a training set or a checkpoint; None if it does not say."""
    if path.suffix == ".safetensors":
        return safetensors_metadata(path).get("identity")
    try:
        made_by = list(provenance_of(read_universe(path, ["provenance"])).values())
    except DataError:
        return None
    return str(made_by[-1].attrs.get("identity")) if made_by else None


def hashes_of(paths: Iterable[Path]) -> list[str]:
    """SHA-256 of files, and of the universes in directories."""
    return [file_hash(file) for file in universe_files(list(paths)) if file.is_file()]


def files_named(settings: Settings, model: type[BaseModel]) -> Iterator[Path]:
    """The files that keys of the tables of a model name: checkpoints, those that ship too, and paths."""
    for key, value in settings.items():
        field = model.model_fields.get(key)
        if field is None or not value or is_marked(value):
            continue
        extra = field.json_schema_extra
        names = extra.get("names") if isinstance(extra, dict) else None
        if names == "checkpoint" and isinstance(value, str):
            with contextlib.suppress(DataError):  # it may not be needed; what needs it says that it is not there
                yield resolve(value)
        elif names == "path" and isinstance(value, str) and Path(value).is_file():
            yield Path(value)
        elif isinstance(value, dict):
            below = table_of(field) or (stages.model_of(key) if key in tables() else None)
            yield from files_named(value, below) if below else ()


def _hash(settings: Settings, *words: str) -> str:
    return hashlib.sha256("\n".join([json.dumps(settings, sort_keys=True), *words]).encode()).hexdigest()


def _without_keys(settings: Settings, names: Iterable[str]) -> Settings:
    for name in names:
        settings = _without(settings, name.split("."))
    return settings


def _without(settings: Settings, path: list[str]) -> Settings:
    """Settings without one key; a table that was not given is the same as an empty one."""
    name, *below = path
    if below:
        return {**settings, name: _without(settings.get(name, {}), below)}
    return {key: value for key, value in settings.items() if key != name}
