"""The 48 symmetries of the cube, permutations of the axes and reflections, for scalars, vectors and tensors."""

from collections.abc import Sequence
from itertools import permutations, product

import torch

# (order of the axes, axes to reflect), the identity first
SYMMETRIES = [
    (order, tuple(axis for axis, mirrored in enumerate(mirror) if mirrored))
    for order in permutations(range(3))
    for mirror in product((False, True), repeat=3)
]
COMPONENTS = {"scalar": 1, "vector": 3, "tensor": 6}
TENSOR = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # the order of the components of a symmetric tensor


def transformed(fields: torch.Tensor, symmetry: int, kinds: Sequence[str] | None = None) -> torch.Tensor:
    """Fields seen through one of the 48 symmetries: axes permuted, then reflected about the middle of the grid.

    fields : (..., c, n, n, n), or (..., n, n, n) scalars without kinds; kinds : "scalar", "vector" or "tensor" for each
    group of 1, 3 or 6 channels, which change places and signs with the axes. Where n is even the middle lies between
    voxels, so that a reflection about the origin is followed by a translation of whole voxels, for inputs and targets
    alike.
    """
    order, mirrored = SYMMETRIES[symmetry]
    leading = fields.ndim - 3
    fields = fields.permute(*range(leading), *(leading + axis for axis in order))
    fields = fields.flip([leading + axis for axis in mirrored])
    if kinds is None or all(kind == "scalar" for kind in kinds):
        return fields
    place, sign = _channels(kinds, symmetry)
    signs = torch.tensor(sign, dtype=fields.dtype, device=fields.device)
    return fields.index_select(leading - 1, torch.tensor(place, device=fields.device)) * signs[:, None, None, None]


def keeping(axis: int | None) -> tuple[int, ...]:
    """The symmetries that leave an axis, a line of sight, where it is: 16 of the 48; all of them for none."""
    return tuple(i for i, (order, _) in enumerate(SYMMETRIES) if axis is None or order[axis] == axis)


def inverse(symmetry: int) -> int:
    """The symmetry that undoes this one."""
    order, mirrored = SYMMETRIES[symmetry]
    undone = tuple(order.index(axis) for axis in range(3))
    return SYMMETRIES.index((undone, tuple(sorted(order[axis] for axis in mirrored))))


def _channels(kinds: Sequence[str], symmetry: int) -> tuple[list[int], list[float]]:
    """Where each channel comes from, and its sign."""
    order, mirrored = SYMMETRIES[symmetry]
    sign = [-1.0 if axis in mirrored else 1.0 for axis in range(3)]
    places: list[int] = []
    signs: list[float] = []
    for kind in kinds:
        first = len(places)
        if kind == "scalar":
            places, signs = [*places, first], [*signs, 1.0]
        elif kind == "vector":
            places, signs = [*places, *(first + order[axis] for axis in range(3))], [*signs, *sign]
        else:
            sources = [tuple(sorted((order[i], order[j]))) for i, j in TENSOR]
            places += [first + TENSOR.index(source) for source in sources]
            signs += [sign[i] * sign[j] for i, j in TENSOR]
    return places, signs
