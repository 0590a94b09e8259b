"""Paths and commands count only where the user wrote them: in a TOML of their own, or by `--set`.

A universe carries a configuration, and whoever made it wrote that: it may name any program and any file of the
reader's. Such values are marked when a file is read (lss.files.embedded). A marked value begins with a NUL, which no
path and no argument of a program can hold: even where the mark is not looked at nothing is opened and nothing runs.
"""

from collections.abc import Callable
from typing import Any

from lss.errors import ConfigError

MARK = "\0"

# What a key may name (`quantity(..., names=...)`) -> whether this value of it counts all the same.
NAMES: dict[str, Callable[[str], bool]] = {
    "command": lambda value: False,
    "path": lambda value: not value,
    # A table counts by the hash of its numbers, which the input carries.
    "spectrum": lambda value: value in ("eisenstein-hu", "no-wiggle") or value.startswith("sha256:"),
    "checkpoint": lambda value: not is_checkpoint_path(value),  # the name of one that ships with the package
}


def is_checkpoint_path(name: str) -> bool:
    """Whether a checkpoint is named by its path; else by the name of one that ships with the package."""
    return "/" in name or name.endswith(".safetensors")


def marked(value: Any, kind: str, key: str) -> Any:
    """A value of an embedded configuration, a string or a list of them; marked with its key, unless it counts.

    kind : of NAMES; key : "table.key"
    """
    if isinstance(value, list):
        return [marked(one, kind, key) for one in value]
    if not isinstance(value, str) or NAMES[kind](value):
        return value
    return f"{MARK}{key}{MARK}{value}"


def is_marked(value: Any) -> bool:
    """Whether a value is an embedded path or command, or a list that holds one."""
    if isinstance(value, list | tuple):
        return any(map(is_marked, value))
    return isinstance(value, str) and value.startswith(MARK)


def unmarked(value: Any) -> Any:
    """A value, or all values of tables, as they were written."""
    if isinstance(value, dict):
        return {key: unmarked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(unmarked, value))
    return value[1:].partition(MARK)[2] if is_marked(value) else value


def stated(value: Any) -> Any:
    """A path or command that is about to be used. Raises ConfigError if it is not the user's own."""
    if not is_marked(value):
        return value
    first = value if isinstance(value, str) else next(filter(is_marked, value))
    table, _, key = first[1:].partition(MARK)[0].rpartition(".")
    shown = unmarked(value if isinstance(value, str) else list(value))
    raise ConfigError(
        f"[{table}] {key} = {shown!r}: from the configuration inside the input, where no path and no command is "
        f"trusted; to use it, write it into your own TOML or give --set {table}.{key}=..."
    )
