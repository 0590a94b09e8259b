"""Positions in a periodic box: every coordinate in [0, L), separations to the nearest image."""

import numpy as np


def wrap(position: np.ndarray, box_size: float) -> np.ndarray:
    """The same places in the box.

    position : any shape, box_size : L, both in one unit; the remainder is taken in the precision of `position`
    Returns float32 in [0, L).
    """
    return fold_edge(np.mod(position, box_size).astype(np.float32), box_size)


def fold_edge(position: np.ndarray, box_size: float) -> np.ndarray:
    """Set coordinates that lie at L to 0, in place, and return the array.

    position : float32 in [0, L]. Rounding to single precision carries coordinates just below L, and remainders of tiny
    negative ones, to L itself.
    """
    position[position >= np.float32(box_size)] = 0
    return position


def nearest_image(separation: np.ndarray, box_size: float) -> np.ndarray:
    """Separations of periodic points by the shortest way: components in [-L/2, L/2), in the precision given."""
    return (separation + box_size / 2) % box_size - box_size / 2
