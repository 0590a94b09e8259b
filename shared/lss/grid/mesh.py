"""Particles to grid and back: NGP, CIC, TSC and PCS assignment on a periodic grid.

| scheme | points a side | window per axis, s = sin(k dx/2) / (k dx/2) |
|---|---|---|
| ngp | 1 | s |
| cic | 2 | s^2 |
| tsc | 3 | s^3 |
| pcs | 4 | s^4 |

Grid point (i, j, k) lies at (i, j, k) L / n, in the middle of its cloud (node-centred).
The same bits for any number of threads: particles are put in order of fixed slabs along x, each slab is painted by one
thread in that order, all even slabs before all odd ones (a slab is at least as thick as a cloud).
Source: Hockney & Eastwood 1988, section 5.3; Sefusatti et al. 2016, Eq. 15 (PCS).
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np

from lss.errors import DataError
from lss.process.kernels import kernel
from lss.process.threads import spread

ORDER = {"ngp": 1, "cic": 2, "tsc": 3, "pcs": 4}
SLAB = 4  # thinnest slab in cells: the widest cloud
CHUNKS = 16  # particles are sorted and interpolated in this many parts


def paint(
    position: np.ndarray,
    n: int,
    box_size: float,
    scheme: str = "cic",
    weight: np.ndarray | None = None,
    offset: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Sum of the particles' weights on a grid.

    position : (m, 3) float32 in Mpc/h, periodic
    box_size : Mpc/h
    weight : (m,) float32, 1 for every particle when left out
    offset : shift of the particles against the grid, in cells (one number, or one per axis)
    Returns (n, n, n) float32; its sum is the sum of the weights.
    Raises DataError when a position is not finite.
    """
    position = np.ascontiguousarray(position, np.float32)
    weights = np.ones(1, np.float32) if weight is None else np.ascontiguousarray(weight, np.float32)
    shift = np.broadcast_to(np.asarray(offset, np.float64), 3).copy()
    grid = np.zeros((n, n, n), np.float32)
    slabs = max(1, n // (2 * SLAB) * 2)  # an even number, or one for the whole of a small grid
    order, start = _slab_order(position, n, box_size, shift, slabs)
    paint_slab = _painter(_order(scheme))
    for first in (0, 1):
        tasks = [
            (position, weights, int(weight is not None), order[start[s] : start[s + 1]], n / box_size, shift, grid)
            for s in range(first, slabs, 2)
        ]
        spread(paint_slab, tasks)
    return grid


def overdensity(
    position: np.ndarray,
    n: int,
    box_size: float,
    scheme: str = "cic",
    weight: np.ndarray | None = None,
    offset: float = 0.0,
) -> np.ndarray:
    """rho / mean - 1 on a grid, (n, n, n) float32; zero everywhere when there is nothing to paint.

    position : (m, 3) float32 in Mpc/h; weight : (m,) float32, all positive; offset : as for `paint`
    """
    total = float(len(position) if weight is None else np.sum(weight, dtype=np.float64))
    field = paint(position, n, box_size, scheme, weight, offset)
    if total == 0.0:
        return field
    field *= np.float32(n**3 / total)
    field -= np.float32(1.0)
    return field


def interpolate(
    field: np.ndarray,
    position: np.ndarray,
    box_size: float,
    scheme: str = "cic",
    offset: float | np.ndarray = 0.0,
) -> np.ndarray:
    """A grid's value at each particle, with the weights of `paint`.

    field : (n, n, n) float32
    position : (m, 3) float32 in Mpc/h, periodic; offset : in cells, as for `paint`
    Returns (m,) float32.
    """
    position = np.ascontiguousarray(position, np.float32)
    shift = np.broadcast_to(np.asarray(offset, np.float64), 3).copy()
    value = np.empty(len(position), np.float32)
    grid = np.ascontiguousarray(field)
    per_length = len(grid) / box_size
    tasks = [(grid, position[a:b], per_length, shift, value[a:b]) for a, b in chunks(len(position))]
    spread(_gatherer(_order(scheme)), tasks)
    return value


def interpolate_vector(
    field: np.ndarray,
    position: np.ndarray,
    box_size: float,
    scheme: str = "cic",
    offset: float | np.ndarray = 0.0,
) -> np.ndarray:
    """A vector field's value at each particle; otherwise as `interpolate`.

    field : (n, n, n, 4) float32, three components and one of padding, which makes a point one load
    Returns (m, 3) float32.
    """
    position = np.ascontiguousarray(position, np.float32)
    shift = np.broadcast_to(np.asarray(offset, np.float64), 3).copy()
    value = np.empty((len(position), 3), np.float32)
    per_length = len(field) / box_size
    tasks = [(field, position[a:b], per_length, shift, value[a:b]) for a, b in chunks(len(position))]
    spread(_vector_gatherer(_order(scheme)), tasks)
    return value


def window(n: int, scheme: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fourier window of a scheme: three factors whose product broadcasts to (n, n, n//2+1); divide modes by it.

    Source: Hockney & Eastwood 1988; Jing 2005, Eq. 20.
    """
    power = _order(scheme)
    full = np.sinc(np.fft.fftfreq(n)) ** power
    half = np.sinc(np.arange(n // 2 + 1) / n) ** power
    return full[:, None, None], full[None, :, None], half[None, None, :]


def chunks(count: int, parts: int = CHUNKS) -> list[tuple[int, int]]:
    """Split range(count) into at most `parts` contiguous ranges (first, last + 1) of nearly equal size."""
    edges = [count * i // parts for i in range(parts + 1)]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def _order(scheme: str) -> int:
    if scheme not in ORDER:
        raise DataError(f"assignment {scheme!r}: unknown; one of {', '.join(ORDER)}")
    return ORDER[scheme]


def _slab_order(
    position: np.ndarray, n: int, box_size: float, shift: np.ndarray, slabs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Particle indices (int32) sorted by slab, stable, and where each slab starts (slabs + 1)."""
    parts = chunks(len(position))
    slab = np.empty(len(position), np.int16)
    counts = np.zeros((len(parts), slabs), np.int64)
    bad = spread(
        _count_slabs,
        [(position[a:b], n / box_size, shift, n, slab[a:b], counts[i]) for i, (a, b) in enumerate(parts)],
    )
    if any(bad):
        raise DataError(f"{sum(bad)} of {len(position)} particles have positions that are not finite")
    start = np.zeros(slabs + 1, np.int64)
    np.cumsum(counts.sum(axis=0), out=start[1:])
    first = start[:-1] + np.cumsum(counts, axis=0) - counts  # where each part's share of each slab begins
    order = np.empty(len(position), np.int32)
    spread(_fill_slabs, [(slab[a:b], a, first[i].copy(), order) for i, (a, b) in enumerate(parts)])
    return order, start


@kernel
def _cell(x, per_length, shift, n):
    """A coordinate in cells, in [0, n)."""
    g = x * per_length + shift
    if not 0.0 <= g < n:
        g -= np.floor(g / n) * n
        if not g < n:  # a tiny negative rounded up to n; NaN as well, which must not become an index
            g = 0.0
    return g


@kernel
def _weights(g, order):
    """Lowest grid point and the four weights (unused ones zero) of a coordinate g in cells."""
    zero, one, half = np.float32(0.0), np.float32(1.0), np.float32(0.5)
    if order == 1:
        return int(g + 0.5), (one, zero, zero, zero)
    if order == 2:
        i = int(g)
        d = np.float32(g - i)
        return i, (one - d, d, zero, zero)
    if order == 3:
        i = int(g + 0.5)
        d = np.float32(g - i)
        return i - 1, (half * (half - d) * (half - d), np.float32(0.75) - d * d, half * (half + d) * (half + d), zero)
    i = int(g)
    d = np.float32(g - i)
    e = one - d
    sixth, two_thirds = np.float32(1.0 / 6.0), np.float32(2.0 / 3.0)
    near, far = two_thirds - d * d + half * d * d * d, two_thirds - e * e + half * e * e * e
    return i - 1, (sixth * e * e * e, near, far, sixth * d * d * d)


@kernel
def _around(i, n):
    """A grid index brought back into the box, from at most n outside."""
    if i < 0:
        return i + n
    return i - n if i >= n else i


@kernel
def _count_slabs(position, per_length, shift, n, slab, count):
    """Slab of each particle; returns how many positions are not finite (and have none)."""
    slabs = len(count)
    bad = 0
    for p in range(len(position)):
        if not (np.isfinite(position[p, 0]) and np.isfinite(position[p, 1]) and np.isfinite(position[p, 2])):
            bad += 1
            continue
        s = int(_cell(position[p, 0], per_length, shift[0], n) * slabs / n)
        slab[p] = s
        count[s] += 1
    return bad


@kernel
def _fill_slabs(slab, first_index, place, order):
    for p in range(len(slab)):
        s = slab[p]
        order[place[s]] = first_index + p
        place[s] += 1


# One compiled kernel per scheme: `order` is a constant inside, so that loops over the cloud unroll.
@cache
def _painter(order: int) -> Callable:
    @kernel
    def paint_slab(position, weight, weight_step, index, per_length, shift, grid):
        n = grid.shape[0]
        for p in index:
            ix, wx = _weights(_cell(position[p, 0], per_length, shift[0], n), order)
            iy, wy = _weights(_cell(position[p, 1], per_length, shift[1], n), order)
            iz, wz = _weights(_cell(position[p, 2], per_length, shift[2], n), order)
            w = weight[p * weight_step]
            for a in range(order):
                i = _around(ix + a, n)
                for b in range(order):
                    j = _around(iy + b, n)
                    wxy = w * wx[a] * wy[b]
                    for c in range(order):
                        grid[i, j, _around(iz + c, n)] += wxy * wz[c]

    return paint_slab


@cache
def _gatherer(order: int) -> Callable:
    @kernel
    def gather(field, position, per_length, shift, value):
        n = field.shape[0]
        for p in range(len(position)):
            ix, wx = _weights(_cell(position[p, 0], per_length, shift[0], n), order)
            iy, wy = _weights(_cell(position[p, 1], per_length, shift[1], n), order)
            iz, wz = _weights(_cell(position[p, 2], per_length, shift[2], n), order)
            total = np.float32(0.0)
            for a in range(order):
                i = _around(ix + a, n)
                for b in range(order):
                    j = _around(iy + b, n)
                    along = np.float32(0.0)
                    for c in range(order):
                        along += field[i, j, _around(iz + c, n)] * wz[c]
                    total += along * (wx[a] * wy[b])
            value[p] = total

    return gather


@cache
def _vector_gatherer(order: int) -> Callable:
    @kernel
    def gather_vector(field, position, per_length, shift, value):
        n = field.shape[0]
        zero = np.float32(0.0)
        for p in range(len(position)):
            ix, wx = _weights(_cell(position[p, 0], per_length, shift[0], n), order)
            iy, wy = _weights(_cell(position[p, 1], per_length, shift[1], n), order)
            iz, wz = _weights(_cell(position[p, 2], per_length, shift[2], n), order)
            v0, v1, v2, v3 = zero, zero, zero, zero
            for a in range(order):
                i = _around(ix + a, n)
                for b in range(order):
                    j = _around(iy + b, n)
                    wxy = wx[a] * wy[b]
                    for c in range(order):
                        k = _around(iz + c, n)
                        w = wxy * wz[c]
                        v0 += w * field[i, j, k, 0]
                        v1 += w * field[i, j, k, 1]
                        v2 += w * field[i, j, k, 2]
                        v3 += w * field[i, j, k, 3]
            value[p, 0] = v0
            value[p, 1] = v1
            value[p, 2] = v2 + zero * v3

    return gather_vector
