"""Stored universes as the simulations of an information-maximising network.

Each universe says in its configuration what it was made with. Those at the fiducial give the covariance; those one step
up or down in one parameter the derivatives, in pairs of one seed and index.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lss.config import Box
from lss.errors import DataError
from lss.files.universe_file import read_universe, universe_files
from lss.inference import Inference, read_parameter
from lss.process.progress import progress
from lss.universe import Universe
from lss_train.data.field_batches import FIGURES, TRAINING, VALIDATION, Batch

Key = tuple[int, int]  # seed, index
TOLERANCE = 1e-6  # of a step, between a parameter and what it should be


@dataclass(frozen=True)
class Stored:
    """Fields of universes of one box, each for one purpose: no seed that is trained on is in the figures.

    fiducial : (n, 1, *shape); below, above : (p, m, 1, *shape); span : (p,)
    purpose, purpose_of_pairs : (n,), (m,) TRAINING, VALIDATION or FIGURES
    """

    box: Box
    shape: tuple[int, ...]
    fiducial: torch.Tensor
    below: torch.Tensor
    above: torch.Tensor
    span: torch.Tensor
    purpose: np.ndarray
    purpose_of_pairs: np.ndarray
    seed: int
    device: str

    def batches(self, purpose: int, number: int, count: int) -> Iterator[Batch]:
        """All of a purpose; in training, `count` of them at random, seen through one symmetry of the grid."""
        wanted = purpose if purpose in (VALIDATION, FIGURES) else TRAINING
        alone, pairs = (np.flatnonzero(each == wanted) for each in (self.purpose, self.purpose_of_pairs))
        random = np.random.default_rng([self.seed, number])
        if purpose == TRAINING:
            alone, pairs = (random.permutation(members)[:count] for members in (alone, pairs))
        batch = Batch(self.fiducial[alone], None, self.below[:, pairs], self.above[:, pairs], self.span)
        yield (_transform(batch, random) if purpose == TRAINING else batch).to(self.device)


def read_stored(paths: Sequence[Path], inference: Inference, validation: float, seed: int, device: str) -> Stored:
    """Read universes at the fiducial and one step from it.

    validation : share of the seeds kept back, every other one of them for figures
    Raises DataError for a universe that is neither, another box or shape of the field than the first universe's, a pair
    without its other half, or none at all.
    """
    files = universe_files(paths)
    first: tuple[Box, tuple[int, ...]] | None = None
    found: dict[tuple[int, int], dict[Key, np.ndarray]] = {}
    with progress("reading universes", len(files)) as bar:
        for file in files:
            universe = read_universe(file, ["ic", "fields"])
            place = _step_of(universe, inference)
            ic = universe.group("ic").attrs
            key = (int(ic["seed"]), int(ic["index"]))
            if key in found.setdefault(place, {}):
                raise DataError(f"{file}: seed {key[0]}, index {key[1]} appears twice at the same parameters")
            value = universe.field(inference.data).value
            here = (universe.box, value.shape)
            first = first or here
            if here != first:
                one, other = (f"box {box}, field of shape {shape}" for box, shape in (here, first))
                raise DataError(f"{file}: {one}; {files[0]}: {other}")
            found[place][key] = value
            bar.update()
    centre = found.pop((0, 0), {})
    sides = [(found.get((a + 1, -1), {}), found.get((a + 1, 1), {})) for a in range(len(inference.parameters))]
    keys = [sorted(one) for pair in sides for one in pair]
    if first is None or not centre or not keys[0] or any(other != keys[0] for other in keys):
        raise DataError(
            f"{len(centre)} universes at the fiducial and {[len(k) for k in keys]} a step down and up in"
            f" {', '.join(inference.parameters)}: all are needed, and the steps must share their seeds"
        )
    below, above = (_stack([[pair[side][key] for key in keys[0]] for pair in sides]) for side in (0, 1))
    fiducial = _stack([[centre[key] for key in sorted(centre)]])[0]
    split = assign_purposes(sorted(centre.keys() | set(keys[0])), validation)
    alone, pairs = (np.array([split[key] for key in those]) for those in (sorted(centre), keys[0]))
    span = 2 * torch.tensor(inference.step)
    return Stored(*first, fiducial, below, above, span, alone, pairs, seed, device)


def assign_purposes(keys: Sequence[Key], validation: float) -> dict[Key, int]:
    """What each seed is for: a share `validation`, evenly spread, is kept back, for VALIDATION and FIGURES in turn."""
    kept_back = (np.floor(np.arange(1, len(keys) + 1) * validation + 1e-9)).astype(int)
    turn = np.diff(kept_back, prepend=0) * (1 + kept_back % 2)
    return {key: (TRAINING, VALIDATION, FIGURES)[i] for key, i in zip(keys, turn, strict=True)}


def _step_of(universe: Universe, inference: Inference) -> tuple[int, int]:
    """(0, 0) at the fiducial, (a + 1, -1 or 1) a step down or up in parameter a."""
    offsets: list[float] = []
    for name, fiducial, step in zip(inference.parameters, inference.fiducial, inference.step, strict=True):
        offsets.append((read_parameter(universe.config, name, universe.source) - fiducial) / step)
    steps = np.rint(offsets).astype(int)
    if np.abs(offsets - steps).max() > TOLERANCE or np.abs(steps).sum() > 1:
        raise DataError(f"{universe.source}: neither at the fiducial nor one step from it in one parameter")
    moved = np.flatnonzero(steps)
    return (int(moved[0]) + 1, int(steps[moved[0]])) if len(moved) else (0, 0)


def _stack(fields: list[list[np.ndarray]]) -> torch.Tensor:
    return torch.from_numpy(np.array(fields, np.float32))[:, :, None]


def _transform(batch: Batch, random: np.random.Generator) -> Batch:
    """The batch with its axes exchanged and reflected at random, all fields alike."""
    dimensions = batch.fiducial.ndim - 2
    order, flipped = random.permutation(dimensions), np.flatnonzero(random.integers(2, size=dimensions))

    def turn(fields: torch.Tensor | None) -> torch.Tensor:
        assert fields is not None
        first = fields.ndim - dimensions
        axes = [*range(first), *(first + int(i) for i in order)]
        return fields.permute(axes).flip([first + int(i) for i in flipped])

    return Batch(turn(batch.fiducial), None, turn(batch.below), turn(batch.above), batch.span)
