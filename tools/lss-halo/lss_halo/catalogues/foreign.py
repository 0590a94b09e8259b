"""What a reader of another code's catalogue hands over, in our units, before it is checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

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

    columns : name -> (m,) or (m, 3) float64; position, velocity and mass at least, in Mpc/h, peculiar km/s and Msun/h
    members : particles of the halos, if the code wrote them
    facts : what the file says of itself, by the key of the configuration that would say it (BOX, REDSHIFT, ...)
    """

    columns: dict[str, np.ndarray]
    members: Members | None = None
    facts: Mapping[str, float | str] = field(default_factory=dict)
