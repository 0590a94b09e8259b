"""What a reader of another code's catalogue hands over, in our units, before it is checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lss.errors import DataError
from lss.universe import Members

BOX, REDSHIFT, OMEGA_M, H, DEFINITION = (
    "box.size",
    "halo.catalogue.redshift",
    "cosmology.omega_m",
    "cosmology.h",
    "halo.mass_definition",
)


@dataclass(frozen=True)
class Foreign:
    """A catalogue as its file gives it.

    columns : name -> (m,) or (m, 3) float64; position and mass at least, in Mpc/h and Msun/h; velocity, where
    the file has it, in peculiar km/s
    members : particles of the halos, if the code wrote them
    facts : what the file says of itself, by the key of the configuration that would say it (BOX, REDSHIFT, ...)
    """

    columns: dict[str, np.ndarray]
    members: Members | None = None
    facts: Mapping[str, float | str] = field(default_factory=dict)


def check_shapes(columns: Mapping[str, np.ndarray], path: Path) -> None:
    """Raise DataError unless positions and velocities have three components, and all columns as many rows."""
    for name, column in columns.items():
        vector = name in {"position", "velocity"}
        if column.shape[1:] != ((3,) if vector else ()):
            raise DataError(f"{path}: {name} has shape {column.shape}; expected {'(m, 3)' if vector else '(m,)'}")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{path}: the columns differ in length: {lengths}")
