"""What a reader of another code's catalogue hands over, in our units, before it is checked."""

from dataclasses import dataclass

import numpy as np

from lss.universe import Members


@dataclass(frozen=True)
class Foreign:
    """A catalogue as its file gives it.

    columns : name -> (m,) or (m, 3) float64; position, velocity and mass at least, in Mpc/h, peculiar km/s and Msun/h
    members : particles of the halos, if the code wrote them; box_size, redshift : what the file says, None if nothing
    """

    columns: dict[str, np.ndarray]
    members: Members | None = None
    box_size: float | None = None
    redshift: float | None = None
