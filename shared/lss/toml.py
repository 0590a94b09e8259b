"""Settings as TOML text: as they travel in a file, and as a user reads them, with every key and what it means."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from lss.config import Settings, describe, table_of
from lss.trust import is_marked, unmarked

_WIDTH = 44  # comments stand to the right of it


def as_toml(settings: Settings) -> str:
    """TOML text of the settings, with nothing beside them."""
    import tomli_w

    return tomli_w.dumps(unmarked(settings))


def commented_toml(settings: Settings, model: type[BaseModel]) -> str:
    """TOML text of complete settings: each key with its description and unit as a comment.

    Keys and tables of `model` that have neither a value nor a default are there as comments; so are embedded paths and
    commands, which do not count.
    """
    lines: list[str] = []
    for name, table in settings.items():
        field = model.model_fields.get(name)
        inner = table_of(field) if field else None
        if table or inner:
            lines += _table(name, table, inner)
    return "\n".join(lines).lstrip("\n") + "\n"


def _table(path: str, values: Settings, model: type[BaseModel] | None, mark: str = "") -> Iterator[str]:
    """The lines of a table and of those below it; mark : "# " before each, where the table itself is not there."""
    yield ""
    yield f"{mark}[{path}]"
    fields = model.model_fields if model else {}
    below: list[tuple[str, Any]] = []
    for key in dict.fromkeys([*fields, *values]):
        value, field = values.get(key), fields.get(key)
        inner = table_of(field) if field else None
        if inner is not None or isinstance(value, dict):
            below.append((key, value))
            continue
        comment = f"# {describe(field)}" if field else ""
        if value is None:
            yield f"{f'# {key} =':<{_WIDTH}} {comment}".rstrip()
        elif is_marked(value):
            yield f"# {key} = {json.dumps(unmarked(value))}  # from the input, not used: a path or command"
        else:
            yield f"{f'{mark}{key} = {_written(value)}':<{_WIDTH}} {comment}".rstrip()
    for key, value in below:
        field = fields.get(key)
        inner = table_of(field) if field else None
        if value is None:
            assert inner is not None  # or it would be a key
            defaults = {name: one.get_default() for name, one in inner.model_fields.items()}
            yield from _table(f"{path}.{key}", _plain(defaults), inner, "# ")
        else:
            yield from _table(f"{path}.{key}", value, inner, mark)


def _plain(values: dict[str, Any]) -> Settings:
    return {key: one.model_dump(mode="json") if isinstance(one, BaseModel) else one for key, one in values.items()}


def _written(value: Any) -> str:
    """A value in one line."""
    import tomli_w

    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, float) and float(f"{value:g}") == value and abs(value) >= 1e6:
        return f"{value:g}".replace("e+", "e")
    return tomli_w.dumps({"": value}).partition(" = ")[2].strip()
