"""The configuration that a file carries: read, checked, and its paths and commands marked as not to be used."""

import logging
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from lss import stages
from lss.config import Settings, parse_toml, refuse_unknown_tables, table_of, tables, with_current_names
from lss.trust import marked

log = logging.getLogger("lss.files")


def read_embedded(text: str, source: str) -> Settings:
    """The settings of an embedded configuration. Raises ConfigError saying what is wrong with it.

    A table of a package that is not installed here is left out, and the log says so; /provenance keeps it.
    """
    settings = with_current_names(parse_toml(text))
    for name in settings.keys() - set(tables()):
        log.warning(
            "%s: [%s] of its configuration is left out: no package that has this table is installed", source, name
        )
        settings = {key: table for key, table in settings.items() if key != name}
    refuse_unknown_tables(settings, source)
    return with_named(settings, marked)


def with_named(settings: Settings, change: Callable[[Any, str, str], Any]) -> Settings:
    """The settings with every value that names a path or a command changed.

    change : of the value, what it names (lss.trust.NAMES) and its key, "table.key"; returns the new value
    """
    return {
        name: _changed(table, stages.model_of(name), name, change) if isinstance(table, dict) else table
        for name, table in settings.items()
    }


def _changed(table: Settings, model: type[BaseModel], path: str, change: Callable[[Any, str, str], Any]) -> Settings:
    found: Settings = {}
    for key, value in table.items():
        field = model.model_fields.get(key)
        extra = field.json_schema_extra if field else None
        kind = extra.get("names") if isinstance(extra, dict) else None
        if kind:
            value = change(value, str(kind), f"{path}.{key}")
        elif isinstance(value, dict) and field is not None:
            below: Any = table_of(field) or (stages.model_of(key) if key in tables() else None)
            value = _changed(value, below, f"{path}.{key}", change) if below else value
        found[key] = value
    return found
