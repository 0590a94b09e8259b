"""The particles that every model is judged on, the same for all, and what models say of them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bench.halo_mass.networks import FOLDER
from bench.halo_mass.universes import universe_path
from lss.files.provenance import file_hash
from lss.files.universe_file import read_universe
from lss.learned.halo_mass import HaloMass
from lss_stats.measures.halo_mass import places
from lss_train.data.labelled import Labelled, labelled

EACH = 3000
SEED = 77
SYMMETRIES = tuple(range(0, 48, 6))  # of a dense network, whose predictions are averaged over them


@dataclass(frozen=True)
class Sample:
    """Particles of several universes, one after the other.

    points : flat indices; universe, halo : numbers, halo counted through all universes; true : log10 Msun/h
    place : third of the halo by distance from its centre
    """

    points: np.ndarray
    universe: np.ndarray
    halo: np.ndarray
    true: np.ndarray
    place: np.ndarray


@cache
def read(name: str, index: int) -> Labelled:
    """One universe, with its particles."""
    return labelled(read_universe(universe_path(name, index)), late=True)


@cache
def sample(name: str, indices: tuple[int, ...], mass_range: tuple[float, float]) -> Sample:
    """The particles of these universes that are judged: drawn from those in halos of the range."""
    parts, halos_before = [], 0
    for index in indices:
        universe, one = read_universe(universe_path(name, index)), read(name, index)
        inside = one.in_range(mass_range)
        points = np.sort(np.random.default_rng([SEED, index]).choice(inside, min(EACH, len(inside)), replace=False))
        halos = universe.halos
        assert halos.members is not None
        halo = np.full(universe.box.n**3, -1)
        halo[halos.members.index] = np.repeat(np.arange(len(halos)), np.diff(halos.members.offset))
        place = places(halos, universe.particles.position, universe.box.size)
        number = np.full(len(points), index)
        parts.append((points, number, halo[points] + halos_before, one.log_mass[points], place[points]))
        halos_before += len(halos)
    return Sample(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def predicted(model: HaloMass, name: str, chosen: Sample, box_size: float = 50.0) -> np.ndarray:
    """log10 masses that a network predicts for a sample, kept beside its checkpoint."""
    checkpoint = Path(model.source)
    key = f"{checkpoint.stem}-{file_hash(checkpoint)[:10]}-{name}-{chosen.universe.min()}-{chosen.universe.max()}"
    path = FOLDER.parent / "predictions" / f"{key}.npy"
    if path.exists():
        return np.load(path)
    symmetries = SYMMETRIES if model.inputs.network == "dense" else (0,)
    mass = np.empty(len(chosen.points), np.float32)
    for index in np.unique(chosen.universe):
        one, rows = read(name, int(index)), chosen.universe == index
        mass[rows] = model.predict(one.linear, box_size, chosen.points[rows], one.position, symmetries)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, mass)
    return mass
