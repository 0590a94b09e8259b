"""Friends of friends: particles closer than the linking length belong to one group (Davis et al. 1985).

Pairs are found through the cell grid and joined by union-find. Slabs of cells are linked at the same time, each within
itself, then across their borders; the groups are the connected components whatever the order, so that the result does
not depend on the number of threads.
"""

from itertools import pairwise

import numpy as np

from lss.process.kernels import kernel
from lss.process.threads import spread, threads
from lss.universe import Members
from lss_halo.finders.cells import Cells, sort_into_cells


def friends_of_friends(
    position: np.ndarray, box_size: float, linking_length: float, min_particles: int, cells: Cells | None = None
) -> Members:
    """The groups of at least `min_particles` friends in a periodic box: largest first, then by lowest member.

    position : (m, 3) float32, Mpc/h in [0, box_size); linking_length : Mpc/h, at most box_size / 2
    cells : the particles already sorted, with cells no smaller than the linking length
    Source: Davis et al. 1985; the same groups as connected components of scipy's cKDTree.query_pairs.
    """
    if linking_length > box_size / 2:
        raise ValueError(f"linking length {linking_length:g} Mpc/h above half the box of {box_size:g} Mpc/h")
    if cells is None:
        cells = sort_into_cells(position, box_size, linking_length)
    parent = np.arange(len(position), dtype=np.int32)
    squared = float(linking_length) ** 2
    edges = np.linspace(0, cells.per_side, min(threads(), cells.per_side) + 1).astype(np.int64)
    spread(_link_slab, [(cells, squared, parent, low, high) for low, high in pairwise(edges)])
    for high in edges[1:]:
        # The layers on both sides of the border alone; a single slab meets itself across the edge of the box.
        _link_layers(high - 1, high % cells.per_side, False, cells, squared, parent)
    return _collect(parent, cells.order, min_particles)


@kernel
def _find(parent, i):
    """The root of i; halves the path on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def _link(i, low, high, cells, squared, parent):
    """Join row i with those of rows low to high that are its friends."""
    position, box_size = cells.position, cells.box_size
    half = 0.5 * box_size
    x, y, z = np.float64(position[i, 0]), np.float64(position[i, 1]), np.float64(position[i, 2])
    for j in range(low, high):
        # float64, as the comparison with the linking length decides about whole groups.
        dx, dy, dz = abs(x - position[j, 0]), abs(y - position[j, 1]), abs(z - position[j, 2])
        if dx > half:
            dx = box_size - dx
        if dy > half:
            dy = box_size - dy
        if dz > half:
            dz = box_size - dz
        if dx * dx + dy * dy + dz * dz <= squared:
            a, b = _find(parent, i), _find(parent, j)
            if a < b:
                parent[b] = a
            elif b < a:
                parent[a] = b


@kernel
def _link_row(i, row, z, cells, squared, parent):
    """Join particle i with its friends in the cells z - 1, z, z + 1 of a row of cells that begins at cell `row`."""
    start, per_side = cells.start, cells.per_side
    low, high = max(z - 1, 0), min(z + 2, per_side)
    _link(i, start[row + low], start[row + high], cells, squared, parent)
    if z == 0:
        _link(i, start[row + per_side - 1], start[row + per_side], cells, squared, parent)
    if z == per_side - 1:
        _link(i, start[row], start[row + 1], cells, squared, parent)


@kernel
def _link_layers(x, next_x, own, cells, squared, parent):
    """Join the particles of layer x with each other (`own`) and with those of layer next_x (unless negative)."""
    start, per_side = cells.start, cells.per_side
    for y in range(per_side):
        above = (y + 1) % per_side
        below = (y + per_side - 1) % per_side
        for z in range(per_side):
            row = (x * per_side + y) * per_side
            cell = row + z
            for i in range(start[cell], start[cell + 1]):
                if own:
                    _link(i, i + 1, start[min(cell + 2, row + per_side)], cells, squared, parent)
                    if z == per_side - 1:
                        _link(i, start[row], start[row + 1], cells, squared, parent)
                    row_above = (x * per_side + above) * per_side
                    _link_row(i, row_above, z, cells, squared, parent)
                if next_x >= 0:
                    for other in (below, y, above):
                        row_next = (next_x * per_side + other) * per_side
                        _link_row(i, row_next, z, cells, squared, parent)


@kernel
def _link_slab(cells, squared, parent, low, high):
    """Join all friends within layers low to high of cells: touches no other entry of `parent`."""
    for x in range(low, high):
        next_x = x + 1 if x + 1 < high else -1
        _link_layers(x, next_x, True, cells, squared, parent)


def _collect(parent: np.ndarray, order: np.ndarray, min_particles: int) -> Members:
    """Number the components of at least `min_particles` and list their members."""
    root, size, first = _measure(parent, order)
    kept = np.flatnonzero(size >= max(min_particles, 1))
    kept = kept[np.lexsort((first[kept], -size[kept]))]
    offset = np.concatenate(([0], np.cumsum(size[kept], dtype=np.int64)))
    return Members(offset, _fill(root, kept, offset))


@kernel
def _measure(parent, order):
    """For each lattice index its root; for each root the number of particles and the lowest lattice index."""
    count = parent.shape[0]
    root = np.empty(count, np.int32)
    size = np.zeros(count, np.int32)
    first = np.full(count, count, np.int32)
    for row in range(count):
        r = _find(parent, row)
        root[order[row]] = r
        size[r] += 1
        first[r] = min(first[r], order[row])
    return root, size, first


@kernel
def _fill(root, kept, offset):
    """Members by group, ascending."""
    number = np.full(root.shape[0], -1, np.int32)
    for g in range(kept.shape[0]):
        number[kept[g]] = g
    end = offset[:-1].copy()
    index = np.empty(offset[-1], np.int64)
    for i in range(root.shape[0]):
        g = number[root[i]]
        if g >= 0:
            index[end[g]] = i
            end[g] += 1
    return index
