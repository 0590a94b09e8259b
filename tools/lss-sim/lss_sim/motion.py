"""Moving particles: kicks and drifts, with one factor for all or one for each level of time steps."""

import numpy as np

from lss.grid.mesh import chunks
from lss.process.kernels import kernel
from lss.process.threads import spread


def kick(momentum: np.ndarray, force: np.ndarray, factor: float) -> None:
    """momentum += factor force, in place; float32, any one layout."""
    p, f = momentum.reshape(-1), force.reshape(-1)
    spread(_kick, [(p[a:b], f[a:b], np.float32(factor)) for a, b in chunks(len(p))])


def drift(position: np.ndarray, momentum: np.ndarray, factor: float, box_size: float) -> None:
    """position += factor momentum, in place and brought back to [0, L); float32, any one layout."""
    x, p = position.reshape(-1), momentum.reshape(-1)
    box = np.float32(box_size)
    spread(_drift, [(x[a:b], p[a:b], np.float32(factor), box) for a, b in chunks(len(x))])


def wrap(position: np.ndarray, box_size: float) -> None:
    """Bring positions less than a box away back to [0, L), in place; float32."""
    drift(position, position, 0.0, box_size)


def advance_levels(value: np.ndarray, rate: np.ndarray, factors: np.ndarray, level: np.ndarray) -> None:
    """value += factors[level] rate, in place: a kick or a drift of particles on steps of their own.

    value, rate : (3, m) float32 (rows beyond the third are left out); factors : (levels,) float32; level : (m,) uint8
    """
    spread(_advance, [(value[:, a:b], rate[:, a:b], factors, level[a:b]) for a, b in chunks(len(level))])


def columns(rows: np.ndarray) -> np.ndarray:
    """(m, 3) as (3, m), contiguous: one array per coordinate, as vectorised loops want them."""
    result = np.empty((3, len(rows)), rows.dtype)
    spread(np.copyto, [(result[:, a:b], rows[a:b].T) for a, b in chunks(len(rows))])
    return result


def rows(columns: np.ndarray) -> np.ndarray:
    """(3, m) as (m, 3), contiguous: one particle after the other."""
    result = np.empty((columns.shape[1], 3), columns.dtype)
    spread(np.copyto, [(result[a:b], columns[:, a:b].T) for a, b in chunks(len(result))])
    return result


@kernel
def _kick(momentum, force, factor):
    for i in range(len(momentum)):
        momentum[i] += factor * force[i]


@kernel
def _drift(position, momentum, factor, box):
    for i in range(len(position)):
        x = position[i] + factor * momentum[i]
        if x < 0:
            x += box
        position[i] = x - box if x >= box else x


@kernel
def _advance(value, rate, factors, level):
    for axis in range(3):
        for p in range(len(level)):
            value[axis, p] += factors[level[p]] * rate[axis, p]
