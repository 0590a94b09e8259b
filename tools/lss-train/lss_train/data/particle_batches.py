"""What a halo-mass network is shown at each update, cut from the universes when it is needed.

A batch follows from (seed, update) alone: a training that is stopped and resumed sees the same ones.

    cubes       sub-boxes about particles of the mass range, drawn with replacement, each through one of 48 symmetries
    features    rows of numbers about such particles
    boxes       whole universes, each through one of 48 symmetries, with the label of every particle
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from lss.grid.subboxes import subboxes
from lss.learned.halo_mass import Inputs
from lss.nets.symmetries import SYMMETRIES, transformed
from lss_train.data.labelled import Labelled


@dataclass(frozen=True)
class Batch:
    """shown : what the network is called with; d : rescaled masses; used : which of them count, of a whole universe;
    member : whether a particle ends in a halo above the lower edge of the mass range, of a whole universe"""

    shown: torch.Tensor
    d: torch.Tensor
    used: torch.Tensor | None = None
    member: torch.Tensor | None = None


class Batches(Protocol):
    """Examples to train on, and others to validate on."""

    samples: int  # of an update

    def drawn(self, update: int) -> Batch:
        """The examples of this update."""

    def validation(self) -> list[Batch]:
        """All examples of the validation universes, without symmetries, always the same."""


@dataclass
class Particles:
    """Which particles may be drawn: (universe, flat index) of those in halos of the mass range.

    limit : of particles in all, chosen once; 0: all of them
    """

    universes: Sequence[Labelled]
    mass_range: tuple[float, float]
    limit: int = 0
    seed: int = 0
    universe: np.ndarray = field(init=False)
    point: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        points = [universe.in_range(self.mass_range) for universe in self.universes]
        self.universe = np.repeat(np.arange(len(points)), [len(p) for p in points])
        self.point = np.concatenate(points) if points else np.empty(0, np.int64)
        if self.limit and self.limit < len(self.point):
            kept = np.random.default_rng([self.seed, 1]).choice(len(self.point), self.limit, replace=False)
            self.universe, self.point = self.universe[kept], self.point[kept]

    def log_mass(self, rows: np.ndarray) -> np.ndarray:
        """log10 Msun/h of the halo of each."""
        return np.array(
            [self.universes[u].log_mass[p] for u, p in zip(self.universe[rows], self.point[rows], strict=True)]
        )


class CubeBatches:
    """Sub-boxes about particles."""

    def __init__(
        self, inputs: Inputs, box_size: float, training: Particles, validation: Particles, batch: int, seed: int
    ) -> None:
        self.samples, self._inputs, self._box_size, self._seed = batch, inputs, box_size, seed
        self._training, self._validation = training, validation
        self._fields = {id(one): self._prepared(one) for one in (*training.universes, *validation.universes)}

    def drawn(self, update: int) -> Batch:
        random = np.random.default_rng([self._seed, 2, update])
        rows = random.integers(len(self._training.point), size=self.samples)
        boxes, d = self._cut(self._training, rows)
        turned = [
            transformed(box, int(symmetry), self._inputs.kinds)
            for box, symmetry in zip(boxes, random.integers(len(SYMMETRIES), size=len(boxes)), strict=True)
        ]
        return Batch(torch.stack(turned), d)

    def validation(self) -> list[Batch]:
        rows = np.arange(len(self._validation.point))
        return [Batch(*self._cut(self._validation, rows[a : a + 256])) for a in range(0, len(rows), 256)]

    def _prepared(self, universe: Labelled) -> np.ndarray:
        return self._inputs.fields(universe.linear, universe.position, self._box_size)

    def _cut(self, particles: Particles, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        boxes = np.empty((len(rows), 0), np.float32)
        for number in np.unique(particles.universe[rows]):
            universe, here = particles.universes[number], particles.universe[rows] == number
            points = particles.point[rows[here]]
            centres = self._inputs.centres(points, len(universe.linear), universe.position, self._box_size)
            cut = subboxes(self._fields[id(universe)], centres, self._inputs.side)
            boxes = np.empty((len(rows), *cut.shape[1:]), np.float32) if boxes.size == 0 else boxes
            boxes[here] = cut
        shown = torch.from_numpy(self._inputs.shown(boxes))
        return shown, torch.from_numpy(self._inputs.rescaled(particles.log_mass(rows)))


class FeatureBatches:
    """Rows of numbers about particles, computed once."""

    def __init__(
        self, inputs: Inputs, box_size: float, training: Particles, validation: Particles, batch: int, seed: int
    ) -> None:
        self.samples, self._seed, self._inputs = batch, seed, inputs
        self.training = self._rows(training, box_size)
        self._validation = self._rows(validation, box_size)

    def drawn(self, update: int) -> Batch:
        random = np.random.default_rng([self._seed, 2, update])
        rows = torch.from_numpy(random.integers(len(self.training.d), size=self.samples))
        return Batch(self.training.shown[rows], self.training.d[rows])

    def validation(self) -> list[Batch]:
        return [self._validation]

    def _rows(self, particles: Particles, box_size: float) -> Batch:
        shown, d = [], []
        for number, universe in enumerate(particles.universes):
            rows = np.flatnonzero(particles.universe == number)
            shown.append(self._inputs.features(universe.linear, box_size, particles.point[rows]))
            d.append(self._inputs.rescaled(particles.log_mass(rows)))
        return Batch(torch.from_numpy(np.concatenate(shown)), torch.from_numpy(np.concatenate(d)))


class BoxBatches:
    """Whole universes."""

    def __init__(
        self,
        inputs: Inputs,
        box_size: float,
        training: Sequence[Labelled],
        validation: Sequence[Labelled],
        batch: int,
        seed: int,
    ) -> None:
        self.samples, self._inputs, self._seed = batch, inputs, seed
        self._training = [self._whole(universe, box_size) for universe in training]
        self._validation = [self._whole(universe, box_size) for universe in validation]

    def drawn(self, update: int) -> Batch:
        chosen = []
        for number in range(update * self.samples, (update + 1) * self.samples):
            epoch, place = divmod(number, len(self._training))
            random = np.random.default_rng([self._seed, 3, epoch])
            order = random.permutation(len(self._training))
            symmetry = int(random.integers(len(SYMMETRIES), size=len(self._training))[place])
            chosen.append(_turned(self._training[order[place]], symmetry, self._inputs.kinds))
        parts = zip(*((one.shown, one.d, one.used, one.member) for one in chosen), strict=True)
        return Batch(*(torch.cat(part) for part in parts))

    def validation(self) -> list[Batch]:
        return self._validation

    def _whole(self, universe: Labelled, box_size: float) -> Batch:
        n = len(universe.linear)
        fields = self._inputs.fields(universe.linear, None, box_size)
        d = self._inputs.rescaled(universe.log_mass).reshape(1, n, n, n)
        used = np.zeros(n**3, bool)
        used[universe.in_range(self._inputs.mass_range)] = True
        return Batch(
            torch.from_numpy(fields)[None],
            torch.from_numpy(d),
            torch.from_numpy(used.reshape(d.shape)),
            torch.from_numpy(d >= -1),
        )


def _turned(batch: Batch, symmetry: int, kinds: Sequence[str]) -> Batch:
    assert batch.used is not None
    assert batch.member is not None
    labels = (transformed(label, symmetry) for label in (batch.d, batch.used, batch.member))
    return Batch(transformed(batch.shown, symmetry, kinds), *labels)
