"""The facts of a catalogue: from its file or from the user, who must agree; never from defaults."""

import math
from collections.abc import Mapping
from typing import Any

from lss.config import Cosmology
from lss.errors import ConfigError
from lss_halo.catalogues.foreign import BOX, OMEGA_M, REDSHIFT
from lss_halo.config import Catalogue, Config

NEEDED = (BOX, REDSHIFT, OMEGA_M)
"""Without these no number of a catalogue means anything."""

_AGREE = {REDSHIFT: 1e-3, "cosmology.omega_m": 1e-3, "cosmology.h": 1e-3}  # absolute
_AGREE_RELATIVE = 1e-4


def settled(config: Config, facts: Mapping[str, float | str], source: str, needed: tuple[str, ...] = NEEDED) -> Config:
    """The configuration with what the file says; parameters of the cosmology that nobody has said are unknown.

    facts : by key; needed : keys that somebody must say
    Raises ConfigError where user and file contradict each other, or neither says what is needed.
    """
    given = _given(config)
    for key, said in facts.items():
        if key in given and not _agree(key, said, given[key]):
            table, _, name = key.rpartition(".")
            raise ConfigError(f"{source}: the file says {_shown(said)}, but [{table}] {name} = {_shown(given[key])}")
    lacking = [key for key in needed if key not in given and key not in facts]
    if lacking:
        keys = ", ".join(f"[{key.rpartition('.')[0]}] {key.rpartition('.')[2]}" for key in lacking)
        raise ConfigError(f"{source}: the file does not say, and so you must: {keys}")
    known = {**facts, **given}
    return config.model_copy(
        update={
            "cosmology": _cosmology(known),
            "box": config.box.model_copy(update={"size": known[BOX]}),
            "halo": config.halo.model_copy(
                update={"catalogue": _catalogue(config).model_copy(update={"redshift": known[REDSHIFT]})}
            ),
        }
    )


def _catalogue(config: Config) -> Catalogue:
    return config.halo.catalogue or Catalogue()


def _given(config: Config) -> dict[str, Any]:
    """What the user has said, by key: defaults are no statements."""
    catalogue = _catalogue(config)
    tables = {"cosmology": config.cosmology, "box": config.box, "halo": config.halo, "halo.catalogue": catalogue}
    return {
        f"{path}.{name}": getattr(table, name)
        for path, table in tables.items()
        for name in table.model_fields_set
        if not (path == "cosmology" and name in {"unknown", *config.cosmology.unknown})
    }


def _cosmology(known: dict[str, Any]) -> Cosmology:
    said = {key.removeprefix("cosmology."): value for key, value in known.items() if key.startswith("cosmology.")}
    unknown = [name for name in Cosmology.model_fields if name not in {"unknown", *said}]
    return Cosmology.model_validate(said | {"unknown": unknown})


def _agree(key: str, said: Any, given: Any) -> bool:
    if isinstance(said, str):
        return bool(said == given)
    return math.isclose(said, given, rel_tol=_AGREE_RELATIVE, abs_tol=_AGREE.get(key, 0.0))


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{round(value, 9):.6g}"
