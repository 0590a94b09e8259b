"""Particles in the order of cells that are as wide as the reach of the pair force.

The order is made once per mesh step. Between, particles drift: every cell keeps the box that its particles occupy
now, and positions may leave [0, L) until the next ordering.
"""

from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.grid.mesh import chunks
from lss.process.kernels import kernel
from lss.process.threads import spread


@dataclass(frozen=True)
class Cells:
    """Cubic cells, in C order of (ix, iy, iz).

    side : cells per side; width : Mpc/h; start : (side^3 + 1,) int64, first particle of each cell
    low, high : (side^3, 3) float32, the box around each cell's particles at the last call of `enclose`
    """

    side: int
    width: float
    start: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def enclose(self, position: np.ndarray) -> float:
        """Measure the boxes anew, (3, m) float32 positions; returns how far any particle is outside its cell, Mpc/h."""
        tasks = [
            (position, self.start, self.side, np.float32(self.width), a, b, self.low, self.high)
            for a, b in chunks(len(self.low))
        ]
        return max(spread(_enclose, tasks))


def cell_order(position: np.ndarray, box_size: float, reach: float) -> tuple[np.ndarray, Cells]:
    """Sort particles into cells not narrower than `reach`: row numbers (int32) in the new order, and the cells.

    position : (m, 3) float32 in [0, L); the sort is stable, so sorted particles stay as they are
    Raises DataError when a position is not in the box, or not a number.
    """
    side = max(1, int(box_size / reach))
    cell = np.empty(len(position), np.int32)
    parts = chunks(len(position))
    outside = spread(_find_cells, [(position[a:b], box_size, side, cell[a:b]) for a, b in parts])
    if any(outside):
        raise DataError(f"{sum(outside)} of {len(position)} particles are not in the box of {box_size:g} Mpc/h")
    start = np.zeros(side**3 + 1, np.int64)
    order = np.empty(len(position), np.int32)
    _order_by_cell(cell, start, order)
    box = np.empty((2, side**3, 3), np.float32)
    return order, Cells(side, box_size / side, start, box[0], box[1])


def take(array: np.ndarray, order: np.ndarray) -> np.ndarray:
    """array[order], on all threads."""
    result = np.empty_like(array)
    spread(_take, [(array, order[a:b], result[a:b]) for a, b in chunks(len(order))])
    return result


def _take(array: np.ndarray, order: np.ndarray, result: np.ndarray) -> None:
    np.take(array, order, axis=0, out=result, mode="clip")  # "raise" would buffer the result


@kernel
def _find_cells(position, box, side, cell):
    """The cell of each particle; returns how many are not in [0, L), which nothing else may see."""
    outside = 0
    per_length = side / box
    for p in range(len(position)):
        index = 0
        inside = True
        for axis in range(3):
            x = position[p, axis]
            inside = inside and 0.0 <= x < box
            index = index * side + (min(int(x * per_length), side - 1) if inside else 0)
        cell[p] = index
        outside += 0 if inside else 1
    return outside


@kernel
def _order_by_cell(cell, start, order):
    """Counting sort: fills start (cells + 1) and order."""
    for p in range(len(cell)):
        start[cell[p] + 1] += 1
    for c in range(1, len(start)):
        start[c] += start[c - 1]
    place = start[:-1].copy()
    for p in range(len(cell)):
        order[place[cell[p]]] = p
        place[cell[p]] += 1


@kernel(fastmath=True)
def _enclose(position, start, side, width, first, last, low, high):
    big = np.float32(1e30)
    stray = np.float32(0.0)
    for axis in range(3):
        stride = side ** (2 - axis)
        for c in range(first, last):
            least, most = big, -big
            for p in range(start[c], start[c + 1]):
                least = min(least, position[axis, p])
                most = max(most, position[axis, p])
            low[c, axis], high[c, axis] = least, most
            edge = np.float32(c // stride % side) * width
            if least <= most:
                stray = max(stray, max(edge - least, most - edge - width))
    return stray
