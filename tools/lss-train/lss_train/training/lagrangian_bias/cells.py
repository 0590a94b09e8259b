"""The cell loss of a Lagrangian bias: halo overdensities in cells, as printed and in a form that trains small boxes.

1 + delta_j = N_cells / N_particles times the sum of f over the particles of cell j (Wu et al. 2023, Eq. 2.5); the loss
is the sum over the cells of a batch of (delta_model - delta_halo)^2, with the wall and one of these constraints:

    printed    (mean f of the batch - 1)^2 / eps^2 from the second epoch, eps = max(10^(-1 - 3 log10 epoch), 1e-4)
    sample     the same of the mean f of a random sample of all particles, as many as the batch has
    divide     f is multiplied by (true mean of the batch) / (its mean f); f is normalised once trained
    none       no constraint

The true mean of whole cells is not one: in cells of 78 particles, a hundred thousand particles a batch, it scatters by
0.13, and the printed constraint at eps = 1e-4 then outweighs the residuals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from lss.nets.perceptron import Perceptron
from lss_train.data.bias_universes import BiasUniverse
from lss_train.training.lagrangian_bias.descent import Descent, chunked_ratios, pull_back

Constraint = Literal["printed", "sample", "divide", "none"]
DECAY = 0.9**50  # of the learning rate over the training: 0.9 an epoch in 50 epochs


@dataclass(frozen=True)
class Cells:
    """Particles by cell: entries offset[j]:offset[j + 1] of cell j name particles and how much of each lies there.

    target : (cells,) float32, 1 + delta_halo, by the same assignment
    """

    particle: np.ndarray
    share: np.ndarray
    offset: np.ndarray
    target: np.ndarray

    def entries(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Entries of some cells, and the place of each one's cell in the list."""
        length = self.offset[cells + 1] - self.offset[cells]
        place = np.repeat(np.arange(len(cells)), length)
        first = np.repeat(self.offset[cells] - np.cumsum(length) + length, length)
        return first + np.arange(len(place)), place


@dataclass(frozen=True)
class Batch:
    """Whole cells of one universe: inputs of their particles, and entries (particle, cell, share) among them."""

    inputs: torch.Tensor
    particle: torch.Tensor
    cell: torch.Tensor
    share: torch.Tensor
    target: torch.Tensor


def cells_of(universe: BiasUniverse, n: int, scheme: str) -> Cells:
    """Particles and halos of a universe in n^3 cells about the grid points, NGP or CIC."""
    cell, share = _assigned(universe.position, n, universe.box_size, scheme)
    order = np.argsort(cell.ravel(), kind="stable")
    count = len(universe.position)
    offset = np.concatenate([[0], np.cumsum(np.bincount(cell.ravel(), minlength=n**3))])
    particle = np.tile(np.arange(count, dtype=np.int64), len(cell))[order]
    scaled = share.ravel()[order] * np.float32(n**3 / count)
    return Cells(particle, scaled, offset, universe.halo_field(n, scheme).ravel() + 1)


def _assigned(position: np.ndarray, n: int, box_size: float, scheme: str) -> tuple[np.ndarray, np.ndarray]:
    """The cells that each particle belongs to, (1 or 8, m) int64, and its shares in them."""
    scaled = position.astype(np.float64) * (n / box_size)
    if scheme == "ngp":
        i, j, k = np.floor(scaled + 0.5).astype(np.int64).T % n
        return ((i * n + j) * n + k)[None], np.ones((1, len(position)), np.float32)
    low = np.floor(scaled).astype(np.int64)
    above = scaled - low
    cells, shares = [], []
    for corner in np.ndindex(2, 2, 2):
        i, j, k = (low + corner).T % n
        cells.append((i * n + j) * n + k)
        shares.append(np.prod(np.where(corner, above, 1 - above), axis=1))
    return np.array(cells), np.array(shares, np.float32)


def cell_descent(
    universes: Sequence[BiasUniverse],
    *,
    cell: float,
    scheme: str,
    batch: int,
    epochs: int,
    learning_rate: float,
    constraint: Constraint,
    seed: int,
) -> Descent:
    """The work of the cell loss; batches of whole cells are drawn once (NGP) or are slabs of neighbours (CIC).

    cell : side, Mpc/h, of the cells nearest to it that fill the box; batch : particles in each, about
    """
    random = np.random.default_rng(seed)
    drawn: list[Batch] = []
    for universe in universes:
        n = max(1, round(universe.box_size / cell))
        cells = cells_of(universe, n, scheme)
        number = np.arange(n**3) if scheme == "cic" else random.permutation(n**3)
        parts = max(1, round(len(universe.position) / batch))
        drawn += [_batch(universe, cells, part) for part in np.array_split(number, parts)]
    everything = torch.from_numpy(np.concatenate([universe.inputs for universe in universes]))

    def batches(epoch: int) -> list[Batch]:
        order = np.random.default_rng([seed, epoch]).permutation(len(drawn))
        return [drawn[i] for i in order]

    def backward(network: Perceptron, batch: Batch, epoch: int) -> float:
        f = chunked_ratios(network, batch.inputs).requires_grad_()
        loss = _residual(f, batch, divide=constraint == "divide")
        if constraint == "printed" and epoch:
            loss = loss + (f.mean() - 1).square() / tolerance(epoch + 1) ** 2 / len(batch.target)
        loss.backward()
        assert f.grad is not None
        pull_back(network, batch.inputs, f.grad, 1.0)
        if constraint == "sample" and epoch:
            rows = torch.from_numpy(np.random.default_rng([seed, epoch, 1]).integers(0, len(everything), len(f)))
            sample = chunked_ratios(network, everything[rows])
            slope = 2 * (sample.mean() - 1) / tolerance(epoch + 1) ** 2 / len(batch.target) / len(rows)
            pull_back(network, everything[rows], slope.expand(len(rows)), 0.0)
        return loss.item()

    return Descent(batches, backward, lambda done: learning_rate * DECAY**done, epochs)


def _batch(universe: BiasUniverse, cells: Cells, numbers: np.ndarray) -> Batch:
    entry, place = cells.entries(numbers)
    rows, particle = np.unique(cells.particle[entry], return_inverse=True)
    arrays = (universe.inputs[rows], particle, place, cells.share[entry], cells.target[numbers])
    return Batch(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))


def _residual(f: torch.Tensor, batch: Batch, *, divide: bool) -> torch.Tensor:
    """The mean over the batch's cells of (1 + delta_model - 1 - delta_halo)^2."""
    model = torch.zeros_like(batch.target).index_add(0, batch.cell, f[batch.particle] * batch.share)
    if divide:
        model = model * (batch.target.mean() / model.mean())
    return (model - batch.target).square().mean()


def tolerance(epoch: int) -> float:
    """eps of the printed constraint, epochs counted from 1."""
    return max(10 ** (-1 - 3 * np.log10(epoch)), 1e-4)
