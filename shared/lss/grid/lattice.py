"""Particles that started on a lattice: their order by ids, how far they moved, where those of a finer one would be."""

import numpy as np

from lss.errors import DataError
from lss.grid.periodic import nearest_image, wrap

_SAMPLE = 2**15  # particles that tell a numbering
_COHERENT = 0.1  # at z = 0: 0.26 in a box of 10 Mpc/h, 0.9 in one of 50


def lattice(n: int, box_size: float) -> np.ndarray:
    """The grid points (i, j, k) L / n in Lagrangian order, (n^3, 3) float32 in the unit of box_size."""
    axis = (np.arange(n) * (box_size / n)).astype(np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def follows_lattice(position: np.ndarray, box_size: float) -> bool:
    """Whether row i of the positions is of the particle that started at lattice point i, judged by how far it moved.

    position : (n^3, 3) in [0, L). The mean phase of the displacements psi, |<exp(2 pi i psi / L)>|, is near one for
    particles that moved less than the box along every axis, and of order n^(-3/2) for any other numbering.
    """
    n = round(len(position) ** (1 / 3))
    stride = max(1, len(position) // _SAMPLE) | 1  # odd: no axis of the lattice is sampled at one place
    rows = np.arange(0, len(position), stride)
    start = np.stack(np.unravel_index(rows, (n, n, n)), axis=1) / n
    phase = 2 * np.pi * (position[rows] / box_size - start)
    coherence = np.hypot(np.cos(phase).mean(axis=0), np.sin(phase).mean(axis=0))
    return bool(coherence.min() > max(_COHERENT, 4 / np.sqrt(len(rows))))


def places_by_id(ids: np.ndarray, place: str) -> np.ndarray | None:
    """The place of each row by ascending id, None if they are in order; any consecutive numbers, or any distinct ones.

    Raises DataError: ids that are no whole numbers, or occur twice.
    """
    if ids.dtype.kind not in "iu":
        raise DataError(f"{place}: ParticleIDs have type {ids.dtype}; expected whole numbers")
    count = len(ids)
    if not count:
        return None
    first, last = ids.min(), ids.max()
    if int(last) - int(first) == count - 1:
        places = (ids - first).astype(np.intp)
        there = np.zeros(count, bool)
        there[places] = True
        if there.all():
            in_order = places[0] == 0 and places[-1] == count - 1 and np.array_equal(places, np.arange(count))
            return None if in_order else places
    row = np.argsort(ids, kind="stable")
    twice = int(np.count_nonzero(np.diff(ids[row]) == 0))
    if twice:
        raise DataError(f"{place}: {twice} of {count} ParticleIDs occur twice")
    places = np.empty(count, np.intp)
    places[row] = np.arange(count)
    return places


def in_places(rows: np.ndarray, places: np.ndarray | None) -> np.ndarray:
    """The rows of an array in these places, all of them different; as they are without."""
    if places is None:
        return rows
    rows = np.ascontiguousarray(rows)
    moved = np.empty_like(rows)
    row = np.dtype((np.void, rows.nbytes // len(rows)))  # moved as one item: half the time of three numbers
    moved.view(row).reshape(-1)[places] = rows.view(row).reshape(-1)
    return moved


def refined_particles(
    position: np.ndarray, velocity: np.ndarray, n: int, box_size: float
) -> tuple[np.ndarray, np.ndarray]:
    """The particles of an n-lattice, moved as those of a coarser (or finer) one: displacements interpolated (CIC).

    position : (m^3, 3) float32, Mpc/h, in Lagrangian order, moved by less than half the box; velocity : likewise, km/s
    Returns position in [0, L) and velocity, (n^3, 3) float32; those given where n = m.
    """
    m = round(len(position) ** (1 / 3))
    if m == n:
        return position, velocity
    from lss.grid.mesh import interpolate_vector  # numba, which whoever asks for a numbering alone need not wait for

    displacement = nearest_image(position - lattice(m, box_size), box_size)
    points = lattice(n, box_size)
    moved, moving = (interpolate_vector(_padded(vector, m), points, box_size) for vector in (displacement, velocity))
    moved += points
    return wrap(moved, box_size), moving


def _padded(vector: np.ndarray, m: int) -> np.ndarray:
    """(m^3, 3) as the (m, m, m, 4) that interpolation reads."""
    grid = np.zeros((m, m, m, 4), np.float32)
    grid[..., :3] = vector.reshape(m, m, m, 3)
    return grid
