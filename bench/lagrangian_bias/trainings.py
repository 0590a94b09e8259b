"""The trainings of the benchmark, each a checkpoint that is kept, and the fields that they give."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.lagrangian_bias.universes import settings, universe_file
from lss.config import merge, validate
from lss.files.restart import Restart
from lss.files.universe_file import read_universe
from lss.grid.agreement import Agreement, agreement, bands
from lss.grid.mesh import overdensity
from lss.halos.weighted_field import tracer_field
from lss.learned.lagrangian_bias import LagrangianBias, load
from lss.physics.random_field import linear_overdensity
from lss_train.config import Config
from lss_train.train import train

LOWEST = 2.8e12  # Msun/h: halos of 20 particles


@dataclass(frozen=True)
class Judge:
    """A universe that models are judged on: its linear field, and its particles and halos at the output."""

    linear: np.ndarray
    position: np.ndarray
    halo_position: np.ndarray
    halo_mass: np.ndarray
    box_size: float

    def field(self, f: np.ndarray, position: np.ndarray | None = None) -> np.ndarray:
        """The halo field that f paints with these particles, or with others of the same lattice."""
        where = self.position if position is None else position
        return overdensity(where, len(self.linear), self.box_size, "cic", f)

    def truth(self, bias: LagrangianBias) -> np.ndarray:
        """The weighted halos that a model stands for."""
        return tracer_field(
            self.halo_position, self.halo_mass, bias.weight, bias.mass_range, len(self.linear), self.box_size
        )

    def agreement(self, bias: LagrangianBias, position: np.ndarray | None = None) -> Agreement:
        """The four ratios of a model in bands."""
        model = self.field(bias.ratios(self.linear, self.box_size), position)
        return agreement(model, self.truth(bias), self.box_size, bands(self.box_size))


@cache
def judge(folder: Path, index: int) -> Judge:
    """A universe of the ensemble, read once."""
    universe = read_universe(universe_file(folder, index), ["ic", "PartType1", "halos"])
    linear = linear_overdensity(universe.noise.value, universe.cosmology, universe.box.size)
    halos = universe.halos
    return Judge(linear, universe.particles.position, halos.position, halos.mass, universe.box.size)


def trained(folder: Path, name: str, universes: Sequence[int], seed: int = 1, **keys: Any) -> LagrangianBias:
    """The model of these keys of [train.lagrangian_bias], trained on universes if it is not kept already."""
    path = folder / "models" / f"{name}.safetensors"
    if not path.exists():
        tables = {"model": "lagrangian-bias", "seed": seed, "lagrangian_bias": {"lowest_mass": LOWEST} | keys}
        if "initial" in keys:
            tables["initial"] = tables["lagrangian_bias"].pop("initial")
        files = [universe_file(folder, index) for index in universes]
        path.parent.mkdir(parents=True, exist_ok=True)
        config = validate(Config, merge(settings(), {"train": tables}), "benchmark")
        start = time.process_time()
        train(files, config, path, restart=Restart(folder / "models" / f"{name}.state", True, name))
        path.with_suffix(".seconds").write_text(f"{time.process_time() - start:.2f}")
        Restart(folder / "models" / f"{name}.state").clear()
    return load(path)


def seconds(folder: Path, name: str) -> float:
    """CPU seconds that a training took, universes read included."""
    return float((folder / "models" / f"{name}.seconds").read_text())


def judged(folder: Path, bias: LagrangianBias, universes: Sequence[int]) -> list[Agreement]:
    """A model on each of these universes."""
    return [judge(folder, index).agreement(bias) for index in universes]


def mean(found: Sequence[Agreement], name: str) -> list[float]:
    """The mean of a ratio over universes, in each band."""
    return np.mean([getattr(one, name) for one in found], axis=0).round(5).tolist()


def paired(found: Sequence[Agreement], others: Sequence[Agreement], band: int) -> list[float]:
    """E over the E of another model: mean of one over mean of the other, and its error over universes (jackknife)."""
    a = np.array([one.error[band] for one in found])
    b = np.array([one.error[band] for one in others])
    left_out = [np.delete(a, i).mean() / np.delete(b, i).mean() for i in range(len(a))]
    error = np.sqrt((len(a) - 1) * np.var(left_out))
    return [round(float(a.mean() / b.mean()), 4), round(float(error), 4)]
