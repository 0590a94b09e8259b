"""Universes whose particles know the halo that they end in: what a halo-mass network learns from.

linear      the linear overdensity at z = 0, (n, n, n) float32, of the white noise
log_mass    log10 of the mass of each particle's halo, (n^3,) float32, Msun/h; 0 for particles in none
position    (n^3, 3) float32 Mpc/h at the last output, where it is asked for
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lss.config import Box, Cosmology, Settings
from lss.errors import DataError
from lss.files.universe_file import read_universe, universe_files
from lss.learned.halo_mass import late_position
from lss.physics.random_field import linear_overdensity
from lss.process.progress import progress
from lss.universe import Universe

LABELS = "fields/halo_particle_mass"


@dataclass(frozen=True)
class Labelled:
    """One universe; `order` is its seed, index and partner."""

    linear: np.ndarray
    log_mass: np.ndarray
    position: np.ndarray | None
    order: tuple[int, int, int]

    def in_range(self, mass_range: tuple[float, float]) -> np.ndarray:
        """Flat indices of the particles in halos of a range of masses, Msun/h."""
        low, high = np.log10(mass_range)
        return np.flatnonzero((self.log_mass >= low) & (self.log_mass <= high))


@dataclass(frozen=True)
class LabelledSet:
    """Universes of one cosmology, box, simulator and halo finder, sorted by seed, index and partner."""

    universes: list[Labelled]
    cosmology: Cosmology
    box: Box
    settings: Settings
    hash: str

    def split(self, kept_back: int) -> tuple[list[Labelled], list[Labelled]]:
        """Universes to train on, and the last ones to validate on.

        Raises DataError when too few are left.
        """
        if kept_back >= len(self.universes):
            found = len(self.universes)
            raise DataError(f"{found} universes: [train.halo_mass] validation = {kept_back} leaves none to train on")
        return self.universes[:-kept_back], self.universes[-kept_back:]


def read_labelled(paths: Sequence[Path], *, late: bool = False) -> LabelledSet:
    """Read the universes of files and directories; with `late`, their particles too.

    Raises DataError for a universe without labels, or of another cosmology, box, simulator or finder than the first,
    and for one that is there twice: it would be learned and validated on.
    """
    files = universe_files(paths)
    groups = ["ic", LABELS, *(["PartType1"] if late else [])]
    read: list[Labelled] = []
    known: dict[tuple[int, int, int], Path] = {}
    first: Universe | None = None
    digest = hashlib.sha256()
    with progress("reading universes", len(files)) as bar:
        for file in files:
            universe = read_universe(file, groups)
            first = first or universe
            _refuse_another(universe, first)
            read.append(labelled(universe, late=late))
            if known.setdefault(read[-1].order, file) != file:
                order = read[-1].order
                raise DataError(f"{file}: the same universe (seed, index, partner {order}) as {known[order]}")
            digest.update(np.ascontiguousarray(read[-1].log_mass).tobytes() + repr(read[-1].order).encode())
            bar.update()
    assert first is not None  # universe_files refuses to return nothing
    read.sort(key=lambda one: one.order)
    return LabelledSet(read, first.cosmology, first.box, first.config, digest.hexdigest())


def labelled(universe: Universe, *, late: bool = False) -> Labelled:
    """What a universe knows of its particles.

    Raises DataError when it has no labels, negative ones, and with `late` for particles not at z = 0.
    """
    group = universe.group(LABELS, "run lss-halo with [halo] particle_masses = true")
    n = universe.box.n
    mass = group.data["value"]
    if mass.shape != (n, n, n):
        raise DataError(f"{universe.source}: /{LABELS} has shape {mass.shape}; expected {(n, n, n)}")
    if (mass < 0).any():
        raise DataError(f"{universe.source}: /{LABELS} holds negative masses")
    noise = universe.noise
    log_mass = np.log10(mass.ravel(), out=np.zeros(n**3, np.float32), where=mass.ravel() > 0)
    return Labelled(
        linear_overdensity(noise.value, universe.cosmology, universe.box.size),
        log_mass,
        late_position(universe) if late else None,
        (noise.seed, noise.index, noise.partner),
    )


def _refuse_another(universe: Universe, first: Universe) -> None:
    """Raise DataError for a universe that does not belong with the first."""
    compared: dict[str, tuple[Any, Any]] = {
        "cosmology": (universe.cosmology, first.cosmology),
        "box": (universe.box, first.box),
        "[sim]": (universe.config.get("sim"), first.config.get("sim")),
        "[halo]": (universe.config.get("halo"), first.config.get("halo")),
    }
    for what, (mine, other) in compared.items():
        if mine != other:
            raise DataError(f"{universe.source}: {what} {mine} differs from that of {first.source}: {other}")
