"""Moving particles: the two halves of every integrator."""

import numpy as np

from lss.kernels import kernel
from lss.mesh import chunks
from lss.threads import spread


def kick(momentum: np.ndarray, force: np.ndarray, factor: float) -> None:
    """momentum += factor force, in place; both (m, 3) float32."""
    spread(_kick, [(momentum[a:b], force[a:b], np.float32(factor)) for a, b in chunks(len(momentum))])


def drift(position: np.ndarray, momentum: np.ndarray, factor: float, box_size: float) -> None:
    """position += factor momentum, in place and brought back to [0, L); both (m, 3) float32."""
    box = np.float32(box_size)
    spread(_drift, [(position[a:b], momentum[a:b], np.float32(factor), box) for a, b in chunks(len(position))])


@kernel
def _kick(momentum, force, factor):
    for p in range(len(momentum)):
        for axis in range(3):
            momentum[p, axis] += factor * force[p, axis]


@kernel
def _drift(position, momentum, factor, box):
    for p in range(len(position)):
        for axis in range(3):
            position[p, axis] = wrap(position[p, axis] + factor * momentum[p, axis], box)


@kernel
def wrap(x, box):
    """A coordinate within one box of [0, L), brought into it."""
    if x < 0:
        x += box
    return x - box if x >= box else x
