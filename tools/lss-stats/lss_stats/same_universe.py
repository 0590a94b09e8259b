"""What two universes say of themselves, where they are compared or averaged: said if it differs, refused for a box."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from lss.config import Cosmology
from lss.errors import DataError
from lss.universe import Universe

log = logging.getLogger("lss.stats")

Facts = Mapping[str, Any]
_RELATIVE, _REDSHIFT = 1e-4, 1e-3  # what a header's rounding leaves

_KNOWN: dict[str, Callable[[Universe], Any]] = {
    "particles at z": lambda u: u.particles.redshift if u.has("PartType1") else None,
    "halos at z": lambda u: u.halos.redshift if u.has("halos/mass") else None,
    "halos of mass definition": lambda u: u.halos.mass_definition if u.has("halos/mass") else None,
}


def facts_of(universe: Universe) -> Facts:
    """What a universe says: source, box, parameters of the cosmology that it knows, redshifts, mass definition."""
    cosmology = universe.cosmology
    keys = [key for key in Cosmology.model_fields if key not in {"unknown", "transfer", *cosmology.unknown}]
    found = {key: getattr(cosmology, key) for key in keys}
    found |= {name: of(universe) for name, of in _KNOWN.items()}
    return {"source": universe.source, "box": universe.box.size} | {k: v for k, v in found.items() if v is not None}


def hold_against(own: Facts, other: Facts) -> None:
    """Name in the log what both say and say differently. Raises DataError for boxes of two sizes."""
    if differing := differences(own, other):
        log.warning("%s and %s differ: %s", own["source"], other["source"], differing)


def differences(own: Facts, other: Facts) -> str:
    """What both say and say differently, "h 0.7, not 0.6711; ..."; empty if they agree, as far as both say anything.

    Raises DataError for boxes of two sizes.
    """
    if not _equal("box", own["box"], other["box"]):
        raise DataError(f"{own['source']}: box of {own['box']:g} Mpc/h, but {other['source']} has {other['box']:g}")
    return "; ".join(
        f"{key} {_shown(own[key])}, not {_shown(other[key])}"
        for key in own
        if key not in {"source", "box"} and key in other and not _equal(key, own[key], other[key])
    )


def _equal(key: str, own: Any, other: Any) -> bool:
    if isinstance(own, str):
        return bool(own == other)
    return math.isclose(own, other, rel_tol=_RELATIVE, abs_tol=_REDSHIFT if key.endswith(" z") else 0.0)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else f"{round(value, 9):.6g}"
