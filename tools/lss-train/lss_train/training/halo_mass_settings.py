"""The table [train.halo_mass]."""

from typing import Literal

from pydantic import field_validator, model_validator

from lss.config import Table, quantity


class Settings(Table):
    """[train.halo_mass]: the network of `model = "halo-mass"`, what it is shown and how it is trained."""

    network: Literal["dense", "subbox", "perceptron"] = quantity(
        "dense",
        '"dense": a U-Net, all particles of a universe at once; "subbox": the paper\'s, a cube about one particle; '
        '"perceptron": spherical averages, dipoles and tides; without widths a straight line',
    )
    input: Literal["raw", "averaged", "late"] = quantity(
        "raw", 'of a "subbox": the initial density; averaged over shells; the density at z = 0 about its last place'
    )
    channels: tuple[Literal["potential", "displacement", "gradient", "tide"], ...] = quantity(
        (), "linear fields shown beside the initial density"
    )
    mass_range: tuple[float, float] = quantity((3.7e12, 1.25e14), "of the halos learned from", "Msun/h")
    side: int = quantity(19, "of a sub-box, odd", "voxels", ge=3, le=255)
    filters: tuple[int, ...] = quantity((16, 32, 64), "of each convolution of a sub-box; paper: 32 ... 128")
    pooled: int = quantity(3, "convolutions, the last ones, followed by pooling; paper: 5", ge=1)
    pooling: Literal["max", "mean"] = quantity("max", "over 2^3 voxels")
    widths: tuple[int, ...] = quantity((128, 64), "of the dense layers before the last; paper: 256, 128")
    shells: int = quantity(19, 'of input = "averaged", evenly spaced in radius', ge=1)
    shell_range: tuple[float, float] = quantity((0.0, 9.5), "inner and outer radius of the shells", "voxels")
    refinement: int = quantity(4, 'cells of the grid of input = "late" per voxel and side', ge=1, le=32)
    unet_channels: int = quantity(16, "filters of the first level of a dense network", gt=0, multiple_of=4)
    levels: int = quantity(3, "resolutions of a dense network", ge=1, le=6)
    radii: tuple[float, ...] = quantity(
        (0.8, 1.2, 1.6, 2.0, 2.5, 3.0, 3.7, 4.5, 5.5, 6.6, 8.0, 10.0, 13.0), "of a perceptron's spheres", "Mpc/h"
    )
    multipoles: tuple[Literal[0, 1, 2], ...] = quantity((0, 1, 2), "of a perceptron: averages, dipoles, tides")
    loss: Literal["cauchy", "mse"] = quantity("cauchy", "likelihood of the truth: truncated Cauchy, or Gaussian")
    prior: float = quantity(0.0, "alpha of the priors on the weights; paper: 10^-2.5 raw, 10^-4.3 averaged", ge=0)
    learning_rate: float = quantity(1e-3, "of AMSGrad; paper: 5e-5", gt=0)
    schedule: Literal["cosine", "constant"] = quantity("cosine", "of the learning rate; paper: constant")
    batch: int = quantity(64, "particles of an update; whole universes of a dense network", ge=1)
    updates: int = quantity(500, "of the weights, at most", ge=1)
    every: int = quantity(100, "updates between validations", ge=1)
    patience: int = quantity(10, "validations without a better one that end the training", ge=1)
    particles: int = quantity(0, "distinct particles to train on; 0: all of the mass range", ge=0)
    validation: int = quantity(4, "universes kept back, the last ones", ge=1)
    validation_particles: int = quantity(500, "of each universe kept back (not of a dense network)", ge=10)
    precision: Literal["float32", "bfloat16"] = quantity("float32", "of the convolutions; bfloat16 for GPUs")

    @field_validator("mass_range", "shell_range", "radii")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or min(value) < 0 or list(value) != sorted(set(value)):
            raise ValueError("expected ascending numbers, none negative")
        return value

    @model_validator(mode="after")
    def _parts_fit(self) -> "Settings":
        if self.mass_range[0] <= 0:
            raise ValueError("mass_range must be positive")
        if self.side % 2 == 0:
            raise ValueError(f"side = {self.side}: an odd number has a middle voxel")
        if self.network != "subbox" and self.input != "raw":
            raise ValueError(f'input = "{self.input}" is for network = "subbox"')
        if self.input == "late" and self.channels:
            raise ValueError('input = "late" is the density at z = 0 alone; channels are linear fields')
        if self.network == "subbox" and self.pooled > len(self.filters):
            raise ValueError(f"pooled = {self.pooled} of {len(self.filters)} convolutions")
        return self
