"""The forward models by name: phases to density, differentiable."""

from typing import Protocol

import torch

from lss.config import Cosmology
from lss.differentiable.lpt import lpt_density
from lss.differentiable.particle_mesh import particle_mesh_density
from lss.errors import ConfigError

FORWARD = ("1lpt", "2lpt", "pm")


class Forward(Protocol):
    """n : points a side; called with Hartley coefficients (n, n, n) it gives rho / mean (n, n, n)."""

    @property
    def n(self) -> int: ...

    def __call__(self, h: torch.Tensor) -> torch.Tensor: ...


def forward_model(
    name: str,
    cosmology: Cosmology,
    n: int,
    box_size: float,
    redshift: float = 0.0,
    line_of_sight: str = "none",
    *,
    steps: int = 5,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Forward:
    """A model of FORWARD at a redshift; line_of_sight : "x", "y", "z" in redshift space. Raises ConfigError."""
    if name not in FORWARD:
        raise ConfigError(f"forward model {name!r}: unknown; one of {', '.join(FORWARD)}")
    if name == "pm":
        return particle_mesh_density(cosmology, n, box_size, redshift, steps, line_of_sight, dtype, device)
    return lpt_density(cosmology, n, box_size, redshift, int(name[0]), line_of_sight, dtype, device)
