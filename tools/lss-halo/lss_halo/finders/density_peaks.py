"""Candidates for halo centres: particles at the peaks of the smoothed density.

The density at a particle is the sum of 1 - r^2 / h^2 over its neighbours within h (the Epanechnikov kernel), with h the
radius of the smallest halo that is wanted: every halo is a peak on that scale, and two peaks are at least h apart.
"""

import numpy as np

from lss.grid.mesh import chunks
from lss.process.kernels import kernel
from lss.process.threads import spread
from lss_halo.finders.cells import Cells

PARTS = 16  # of the rows, for the threads to share


def density_peaks(cells: Cells, smoothing: float, lowest: float) -> np.ndarray:
    """The rows of `cells` whose density is at least `lowest` and the highest within `smoothing`, ascending int64.

    smoothing : Mpc/h, at most the side of a cell; lowest : sum of the kernel, which counts the particle itself as 1
    Of equally dense neighbours the one in the lowest row is the peak.
    """
    count = len(cells.position)
    density = np.zeros(count, np.float32)
    peak = np.zeros(count, np.bool_)
    parts = chunks(count, PARTS)
    spread(_smooth, [(cells, smoothing, lowest, density, a, b) for a, b in parts])
    spread(_mark_peaks, [(cells, smoothing, lowest, density, peak, a, b) for a, b in parts])
    return np.flatnonzero(peak)


@kernel
def _runs(x, y, z, cells, first, last):
    """The rows of the 27 cells about a cell, as at most 18 runs first[i] to last[i]; returns how many."""
    per_side, start = cells.per_side, cells.start
    # Of three cells or fewer a side, each is a neighbour once.
    low, high = (-1, 2) if per_side > 2 else (0, per_side)
    runs = 0
    for dx in range(low, high):
        for dy in range(low, high):
            row = (((x + dx) % per_side) * per_side + (y + dy) % per_side) * per_side
            if per_side <= 3:
                first[runs], last[runs] = start[row], start[row + per_side]
                runs += 1
                continue
            first[runs], last[runs] = start[row + max(z - 1, 0)], start[row + min(z + 2, per_side)]
            runs += 1
            if z == 0:
                first[runs], last[runs] = start[row + per_side - 1], start[row + per_side]
                runs += 1
            elif z == per_side - 1:
                first[runs], last[runs] = start[row], start[row + 1]
                runs += 1
    return runs


@kernel
def _separation_squared(position, i, j, box_size, half):
    """Squared distance of two rows, nearest images."""
    total = np.float32(0.0)
    for axis in range(3):
        d = abs(position[i, axis] - position[j, axis])
        if d > half:
            d = box_size - d
        total += d * d
    return total


@kernel
def _smooth(cells, smoothing, lowest, density, low, high):
    """Density of the rows low to high; left at zero where even all particles about would not reach `lowest`."""
    first, last = np.empty(18, np.int64), np.empty(18, np.int64)
    position, per_side = cells.position, cells.per_side
    box, half = np.float32(cells.box_size), np.float32(0.5 * cells.box_size)
    inverse = np.float32(1 / (smoothing * smoothing))
    one = np.float32(1.0)
    scale = per_side / cells.box_size
    runs = about = 0
    before = -1
    for i in range(low, high):
        x = min(int(position[i, 0] * scale), per_side - 1)
        y = min(int(position[i, 1] * scale), per_side - 1)
        z = min(int(position[i, 2] * scale), per_side - 1)
        cell = (x * per_side + y) * per_side + z
        if cell != before:
            runs = _runs(x, y, z, cells, first, last)
            about = 0
            for run in range(runs):
                about += last[run] - first[run]
            before = cell
        if about < lowest:
            continue
        total = np.float32(0.0)
        for run in range(runs):
            for j in range(first[run], last[run]):
                total += max(one - _separation_squared(position, i, j, box, half) * inverse, np.float32(0.0))
        density[i] = total


@kernel
def _mark_peaks(cells, smoothing, lowest, density, peak, low, high):
    """Mark the rows from low to high that no neighbour surpasses."""
    first, last = np.empty(18, np.int64), np.empty(18, np.int64)
    position, per_side = cells.position, cells.per_side
    box, half = np.float32(cells.box_size), np.float32(0.5 * cells.box_size)
    squared = np.float32(smoothing * smoothing)
    scale = per_side / cells.box_size
    for i in range(low, high):
        if density[i] < lowest:
            continue
        x = min(int(position[i, 0] * scale), per_side - 1)
        y = min(int(position[i, 1] * scale), per_side - 1)
        z = min(int(position[i, 2] * scale), per_side - 1)
        runs = _runs(x, y, z, cells, first, last)
        surpassed = False
        for run in range(runs):
            for j in range(first[run], last[run]):
                denser = density[j] > density[i] or (density[j] == density[i] and j < i)
                if denser and _separation_squared(position, i, j, box, half) < squared:
                    surpassed = True
                    break
            if surpassed:
                break
        peak[i] = not surpassed
