"""Positions in a periodic box: every coordinate in [0, L), separations to the nearest image."""

import logging

import numpy as np

from lss.errors import DataError

log = logging.getLogger("lss.box")

ROUNDING = 1e-3
"""Share of the box by which positions may lie outside it: single precision, or the last drift of a periodic code."""


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


def wrap_rounding(position: np.ndarray, box_size: float, what: str) -> np.ndarray:
    """Positions of another code in the box: those outside by a rounding or a drift step are wrapped, and counted.

    position : (m, 3), any precision, in the unit of box_size; what : whose they are, for messages
    Returns float32 in [0, L), a new array only where it must be. Raises DataError when any is farther outside.
    """
    if not len(position):
        return position.astype(np.float32, copy=False)
    low, high = float(position.min()), float(position.max())
    if low < -ROUNDING * box_size or high > (1 + ROUNDING) * box_size:
        outside = int(np.count_nonzero(((position < 0) | (position > box_size)).any(axis=1)))
        extent = max(-low, high)
        raise DataError(
            f"{what}: {outside} of {len(position)} lie outside the box of {box_size:g} Mpc/h (coordinates from {low:g} "
            f"to {high:g}){_likely(low, extent / box_size)}"
        )
    if low < 0 or high > box_size:
        outside = int(np.count_nonzero(((position < 0) | (position > box_size)).any(axis=1)))
        far = max(-low, high - box_size)
        log.warning("%s: %d lie outside the box by up to %.2g Mpc/h; wrapped", what, outside, far)
        return wrap(position, box_size)
    if position.dtype == np.float32 and high >= np.float32(box_size):
        position = position.copy()
    return fold_edge(position.astype(np.float32, copy=False), box_size)


def _likely(low: float, ratio: float) -> str:
    """What positions outside the box probably are."""
    if 300 < ratio < 3000:
        return "; are they in kpc/h?"
    if low < 0 and 0.4 < ratio < 0.6:
        return "; do they run from -L/2 to L/2?"
    return "; is this the size of their box?"
