"""Where long work keeps its state, and how a state is known to be of the same work."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lss.command.definition import Arguments
from lss.config import Settings
from lss.errors import ConfigError
from lss.files.provenance import provenance_of
from lss.files.restart import Restart
from lss.files.universe_file import read_universe


def restart_of(arguments: Arguments, target: Path | None, identity: Callable[[], str]) -> Restart:
    """Where long work keeps its state; into a pipe none is kept, and its data are not hashed."""
    if target is None or str(target) == "-":
        if arguments.resume:
            raise ConfigError("--resume needs -o FILE: the state is kept in FILE.state/")
        return Restart(None)
    restart = Restart(Path(f"{target}.state"), arguments.resume, identity())
    if not arguments.resume:
        restart.clear()
    return restart


def identity_of(tool: Any, settings: Settings, data: list[str]) -> str:
    """A hash of what the work depends on: settings and the hashes of the data.

    A stage may declare EXTENDABLE, the keys that a resumed run may change.
    """
    frozen = settings
    for name in getattr(tool, "EXTENDABLE", ()):
        frozen = _without(frozen, name.split("."))
    words = [json.dumps(frozen, sort_keys=True), *data]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def is_finished(path: Path, identity: Callable[[], str]) -> bool:
    """Whether this member is there. Raises ConfigError if it was made from another input or configuration."""
    if not path.exists():
        return False
    made_by = list(provenance_of(read_universe(path, ["provenance"])).values())
    if not made_by or made_by[-1].attrs.get("identity") != identity():
        raise ConfigError(f"{path}: made from another input or configuration; remove it to begin anew")
    return True


def _without(settings: Settings, path: list[str]) -> Settings:
    """Settings without one key; a table that was not given is the same as an empty one."""
    name, *below = path
    if below:
        return {**settings, name: _without(settings.get(name, {}), below)}
    return {key: value for key, value in settings.items() if key != name}
