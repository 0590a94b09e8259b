"""The models behind the figures: each one call of lss-train, made once and kept."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lss.config import read_toml
from lss.files.universe_file import read_universe
from lss.grid.agreement import Agreement, agreement
from lss.grid.mesh import overdensity
from lss.halos.weighted_field import tracer_field
from lss.learned.lagrangian_bias import LagrangianBias, load
from lss.physics.random_field import linear_overdensity

TABLE_1 = {
    "1R": [2.83],
    "3R": [1.41, 2.83, 5.66],
    "3R + 11.3": [1.41, 2.83, 5.66, 11.3],
    "3R coarse": [1.0, 2.83, 8.0],
    "3R fine": [2.0, 2.83, 4.0],
    "5R fine": [1.41, 2.0, 2.83, 4.0, 5.66],
}
SMALLEST = 1.16  # voxels: where the paper's radius is too small for the grid


@dataclass(frozen=True)
class Judge:
    """The held-out universe."""

    linear: np.ndarray
    position: np.ndarray
    halo_position: np.ndarray
    halo_mass: np.ndarray
    box_size: float

    def field(self, bias: LagrangianBias) -> np.ndarray:
        """The halo field of a model."""
        f = bias.ratios(self.linear, self.box_size)
        return overdensity(self.position, len(self.linear), self.box_size, "cic", f)

    def truth(self, bias: LagrangianBias) -> np.ndarray:
        """The halos that it stands for."""
        n = len(self.linear)
        return tracer_field(self.halo_position, self.halo_mass, bias.weight, bias.mass_range, n, self.box_size)

    def agreement(self, bias: LagrangianBias) -> Agreement:
        """The four ratios in shells."""
        return agreement(self.field(bias), self.truth(bias), self.box_size)


def read_judge(path: Path) -> Judge:
    """The held-out universe of a file."""
    universe = read_universe(path, ["ic", "PartType1", "halos"])
    linear = linear_overdensity(universe.noise.value, universe.cosmology, universe.box.size)
    halos = universe.halos
    return Judge(linear, universe.particles.position, halos.position, halos.mass, universe.box.size)


@dataclass(frozen=True)
class Models:
    """What is trained, and where it is kept. scale : of the paper's radii"""

    config: Path
    output: Path
    scale: float

    @property
    def voxel(self) -> float:
        box = read_toml(self.config)["box"]
        return float(box["size"] / box["n"])

    def radii(self, name: str) -> list[float]:
        """A set of Table 1 for these voxels, Mpc/h."""
        smallest = SMALLEST * self.voxel
        return [round(max(self.scale * radius, smallest), 3) for radius in TABLE_1[name]]

    def trained(self, name: str, universes: list[int], initial: str | None = None, **keys: Any) -> LagrangianBias:
        """The model of these keys of [train.lagrangian_bias]."""
        path = self.output / "models" / f"{name}.safetensors"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            sets = {f"train.lagrangian_bias.{key}": value for key, value in keys.items()}
            sets["train.model"] = "lagrangian-bias"
            if initial is not None:
                sets["train.initial"] = str((self.output / "models" / f"{initial}.safetensors").resolve())
            named = [part for key, value in sets.items() for part in ("--set", f"{key}={json.dumps(value)}")]
            files = [str(self.output / "universes" / f"{index:06d}.h5") for index in universes]
            command = [Path(sys.executable).parent / "lss-train", self.config, *files, "-o", path, "--resume", *named]
            subprocess.run(command, check=True)
        return load(path)
