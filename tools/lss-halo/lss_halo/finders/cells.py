"""Particles sorted into the cells of a periodic grid: the one neighbour search of the halo finders."""

from typing import NamedTuple

import numpy as np

from lss.process.kernels import kernel

MAX_PER_SIDE = 1024  # the number of a cell fits an int32


class Cells(NamedTuple):
    """What kernels search: particles in the order of their cells, cells in C order; within a cell in Lagrangian order.

    start : (per_side^3 + 1,) int32, the particles of cell c are rows start[c] to start[c + 1]
    order : (m,) int32, row -> lattice index; position : (m, 3) float32 of the rows, Mpc/h in [0, box_size)
    """

    per_side: int
    box_size: float
    start: np.ndarray
    order: np.ndarray
    position: np.ndarray


def sort_into_cells(position: np.ndarray, box_size: float, smallest_cell: float) -> Cells:
    """Particles by cell, for neighbours within `smallest_cell`: those of a particle are in the 27 cells about it.

    position : (m, 3) float32, Mpc/h in [0, box_size); smallest_cell : Mpc/h
    Two cells per mean separation are the fastest for clustered particles: fewer make long lists in halos, more cost
    passes over empty cells (and 4 bytes each).
    """
    wanted = 2 * max(1, round(len(position) ** (1 / 3)))
    # A hair larger than asked for, so that rounding a position cannot put a neighbour two cells away.
    allowed = int(box_size / (smallest_cell * (1 + 1e-6)))
    per_side = max(1, min(wanted, allowed, MAX_PER_SIDE))
    start, order, ordered = _sort(position, box_size, per_side)
    return Cells(per_side, float(box_size), start, order, ordered)


@kernel
def _sort(position, box_size, per_side):
    """A stable counting sort; start, order and the positions in that order."""
    count = position.shape[0]
    scale = per_side / box_size
    cell = np.empty(count, np.int32)
    start = np.zeros(per_side**3 + 1, np.int32)
    for i in range(count):
        x = min(int(position[i, 0] * scale), per_side - 1)
        y = min(int(position[i, 1] * scale), per_side - 1)
        z = min(int(position[i, 2] * scale), per_side - 1)
        c = (x * per_side + y) * per_side + z
        cell[i] = c
        start[c + 1] += 1
    for c in range(per_side**3):
        start[c + 1] += start[c]
    order = np.empty(count, np.int32)
    ordered = np.empty((count, 3), np.float32)
    # Filling moves each start to the next one; they are moved back below.
    for i in range(count):
        row = start[cell[i]]
        start[cell[i]] += 1
        order[row] = i
        ordered[row, 0] = position[i, 0]
        ordered[row, 1] = position[i, 1]
        ordered[row, 2] = position[i, 2]
    for c in range(per_side**3, 0, -1):
        start[c] = start[c - 1]
    start[0] = 0
    return start, order, ordered
