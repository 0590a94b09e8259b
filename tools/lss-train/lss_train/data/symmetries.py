"""The 48 symmetries of the cube: permutations of the axes and reflections. Scalar fields only."""

from itertools import permutations, product

import torch

# (order of the axes, axes to reflect), the identity first
SYMMETRIES = [
    (order, tuple(axis for axis, mirrored in enumerate(mirror) if mirrored))
    for order in permutations(range(3))
    for mirror in product((False, True), repeat=3)
]


def transformed(fields: torch.Tensor, symmetry: int) -> torch.Tensor:
    """Fields seen through one of the 48 symmetries: axes permuted, then reflected about the middle of the grid.

    fields : (..., n, n, n). The middle lies between voxels, so that a reflection about the origin is followed by a
    translation of whole voxels, for inputs and targets alike.
    """
    order, mirrored = SYMMETRIES[symmetry]
    leading = fields.ndim - 3
    fields = fields.permute(*range(leading), *(leading + axis for axis in order))
    return fields.flip([leading + axis for axis in mirrored])
