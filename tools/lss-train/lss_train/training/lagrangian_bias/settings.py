"""The table [train.lagrangian_bias]."""

from typing import Literal

import numpy as np
from pydantic import model_validator

from lss.config import Table, quantity

Loss = Literal["labels", "cells", "modes"]
Function = Literal["network", "one", "linear", "polynomial", "least-squares", "binned"]


class Settings(Table):
    """[train.lagrangian_bias]: the halo field that is learned, the network, and its losses."""

    function: Function = quantity(
        "network", '"network", or what it is held against: a polynomial or bins of the operators at one radius'
    )
    radii: tuple[float, ...] = quantity(
        (1.41, 2.83, 5.66), "Gaussian R of delta, its Laplacian and G2, of at least 1.15 voxels", "Mpc/h", min_length=1
    )
    weight: Literal["mass", "count", "mass_weighted"] = quantity(
        "mass", 'of halos: M, 1, or "mass_weighted", M / (1 + sqrt M) with M in 1e14 Msun/h (LULO Eq. 15)'
    )
    lowest_mass: float = quantity(0.0, "of the halos", "Msun/h", ge=0)
    highest_mass: float | None = quantity(None, "of the halos: a thin range instead of a threshold", "Msun/h", gt=0)
    width: int = quantity(64, "of the hidden layers", ge=1, le=4096)
    layers: int = quantity(5, "hidden layers", ge=1, le=64)
    members: int = quantity(5, "trainings whose f is averaged", ge=1, le=64)
    losses: tuple[Loss, ...] = quantity(
        ("labels",), '"labels", "cells" and "modes", one after the other on the same network', min_length=1
    )
    label_epochs: int = quantity(4, "passes of the label loss over all particles", ge=1)
    label_rate: float = quantity(3e-3, "learning rate of the label loss", gt=0)
    label_batch: int = quantity(8192, "particles an update of the label loss", ge=1)
    cell: float = quantity(5.0, "side of the cells, to the nearest that fills the box", "Mpc/h", gt=0)
    assignment: Literal["ngp", "cic"] = quantity("ngp", "of particles and halos to cells")
    constraint: Literal["printed", "sample", "divide", "none"] = quantity(
        "divide", "that holds the mean of f to one in the cell loss (docs/lagrangian-bias.md)"
    )
    cell_epochs: int = quantity(50, "passes of the cell loss over all cells", ge=1)
    cell_rate: float = quantity(0.02, "learning rate of the cell loss at its start; it ends at 0.9^50 of it", gt=0)
    cell_batch: int = quantity(100_000, "particles an update of the cell loss", ge=1)
    k_max: float = quantity(0.3, "of the mode loss, and of the least squares of polynomials", "h/Mpc", gt=0)
    mode_updates: int = quantity(24, "of the mode loss", ge=1)
    mode_rate: float = quantity(1e-3, "learning rate of the mode loss", gt=0)
    distil: tuple[int, int] | None = quantity(
        None, "width and layers of a smaller network that learns the averaged f; the mode loss then comes after it"
    )
    fitted_on: Literal["labels", "cells", "modes"] = quantity("modes", "what polynomials are fitted to")
    components: int = quantity(
        0, "train on so many principal components of grad f of [train] initial; 0: on all inputs", ge=0
    )
    held_out: int = quantity(0, "universes kept back, the last ones, for the figures of the card", ge=0)

    @model_validator(mode="after")
    def _keys_fit_the_function(self) -> "Settings":
        if self.highest_mass is not None and self.highest_mass <= self.lowest_mass:
            raise ValueError(f"highest_mass = {self.highest_mass:g} is not above lowest_mass = {self.lowest_mass:g}")
        if self.function != "network" and len(self.radii) != 1:
            raise ValueError(f'function = "{self.function}" takes operators at one radius; radii has {len(self.radii)}')
        return self

    @property
    def mass_range(self) -> tuple[float, float]:
        """Lowest and first excluded mass, Msun/h."""
        return self.lowest_mass, np.inf if self.highest_mass is None else self.highest_mass
