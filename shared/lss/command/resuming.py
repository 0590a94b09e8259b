"""How work is told from other work: where a long run keeps its state, and what made an output that exists."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lss.command.definition import Arguments
from lss.config import Settings
from lss.errors import DataError
from lss.files.ownership import safetensors_metadata
from lss.files.provenance import file_hash, provenance_of
from lss.files.restart import Restart
from lss.files.universe_file import read_universe, universe_files

GATHERED = "gathered "  # how the identity of what was made of all members begins


def restart_of(arguments: Arguments, target: Path | None, identity: Callable[[], str]) -> Restart:
    """Where long work keeps its state; into a pipe none is kept, and its data are not hashed.

    Without --resume the work begins anew; with --force also where the state is of other work.
    """
    if target is None or str(target) == "-":
        return Restart(None)
    restart = Restart(Path(f"{target}.state"), arguments.resume, identity(), arguments.force)
    if not arguments.resume:
        restart.clear()
    return restart


def identity_of(tool: Any, settings: Settings, data: list[str]) -> str:
    """A hash of what a state depends on: settings and the hashes of the data.

    A stage may declare EXTENDABLE, the keys that a resumed run may change.
    """
    return _hash(_without_keys(settings, getattr(tool, "EXTENDABLE", ())), *data)


def work_of(tool: Any, settings: Settings, *words: Any) -> str:
    """A hash of what an output depends on: settings, and words that say the rest.

    A stage may declare INDIFFERENT, the keys that change nothing in what it makes.
    """
    return _hash(_without_keys(settings, getattr(tool, "INDIFFERENT", ())), json.dumps(words))


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
