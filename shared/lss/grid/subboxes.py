"""Cubes cut from periodic fields, each centred on a grid point: what a network is shown of a particle's surroundings.

Boxes are cut when they are needed and never kept: 200,000 cubes of 75^3 voxels would take 340 GB, the fields that they
come from 1.3.
"""

import numpy as np

from lss.errors import DataError
from lss.process.kernels import kernel
from lss.process.threads import spread

_CHUNK = 64  # boxes a task


def subboxes(fields: np.ndarray, centres: np.ndarray, side: int) -> np.ndarray:
    """The cubes of fields about grid points, across the faces of the periodic box.

    fields : (c, n, n, n) float32; centres : (m, 3) integers, any multiples of n added; side : odd, voxels, at most n
    Returns (m, c, side, side, side) float32; box[side // 2, side // 2, side // 2] is the centre.
    Raises DataError for a side that is even or exceeds n.
    """
    n = fields.shape[-1]
    if side % 2 == 0 or side > n:
        raise DataError(f"sub-boxes of {side} voxels a side: an odd number up to {n} is needed")
    boxes = np.empty((len(centres), len(fields), side, side, side), np.float32)
    first = np.mod(np.asarray(centres, np.int64) - side // 2, n)
    grids = np.ascontiguousarray(fields, np.float32)
    tasks = [(grids, first[a : a + _CHUNK], boxes[a : a + _CHUNK]) for a in range(0, len(first), _CHUNK)]
    spread(_cut, tasks)
    return boxes


def shell_numbers(side: int, inner: float, outer: float, shells: int) -> np.ndarray:
    """The concentric shell about the centre that each voxel of a cube lies in.

    side : odd, voxels; shells : of equal width between the radii `inner` and `outer`, in voxels
    Returns (side, side, side) int64, 0 to shells - 1, and `shells` for voxels beyond. The ball within `inner` belongs
    to the first shell.
    """
    offset = np.arange(side) - side // 2
    squared = offset[:, None, None] ** 2 + offset[:, None] ** 2 + offset**2
    edges = np.linspace(inner, outer, shells + 1)[1:]
    return np.searchsorted(edges, np.sqrt(squared), side="left")


def shell_averages(boxes: np.ndarray, numbers: np.ndarray, shells: int) -> np.ndarray:
    """Boxes whose voxels hold the mean of their shell; those beyond the last shell are zero, the cosmic mean.

    boxes : (..., side, side, side) float32; numbers, shells : of `shell_numbers`
    Returns the shape of boxes, float32.
    Source: Lucie-Smith et al. 2020, "averaged-density" inputs.
    """
    number = numbers.ravel()
    inside = number < shells
    voxels = np.bincount(number, minlength=shells + 1)
    membership = np.zeros((number.size, shells), np.float32)
    membership[inside, number[inside]] = 1 / voxels[number[inside]]
    means = boxes.reshape(-1, number.size) @ membership
    averaged = np.zeros((len(means), number.size), np.float32)
    averaged[:, inside] = means[:, number[inside]]
    return averaged.reshape(boxes.shape)


@kernel
def _cut(fields, first, boxes):
    """boxes[b, c, i, j, k] = fields[c, (first[b] + (i, j, k)) mod n]."""
    channels, n = fields.shape[0], fields.shape[1]
    side = boxes.shape[2]
    for b in range(len(boxes)):
        x, y, z = first[b]
        whole = min(side, n - z)  # up to the face; the rest begins at 0
        for c in range(channels):
            for i in range(side):
                plane = fields[c, (x + i) % n]
                for j in range(side):
                    row, out = plane[(y + j) % n], boxes[b, c, i, j]
                    for k in range(whole):
                        out[k] = row[z + k]
                    for k in range(whole, side):
                        out[k] = row[k - whole]
