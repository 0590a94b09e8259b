import itertools

import numpy as np
import torch

from lss.nets.symmetries import SYMMETRIES, transformed

CUBE = torch.arange(4.0**3).reshape(4, 4, 4)


def test_there_are_48_different_symmetries_and_the_first_is_the_identity():
    images = {transformed(CUBE, s).numpy().tobytes() for s in range(len(SYMMETRIES))}
    assert len(images) == len(SYMMETRIES) == 48
    assert torch.equal(transformed(CUBE, 0), CUBE)


def test_symmetries_form_a_group():
    images = {transformed(CUBE, s).numpy().tobytes() for s in range(48)}
    products = {
        transformed(transformed(CUBE, a), b).numpy().tobytes() for a, b in itertools.product(range(48), repeat=2)
    }
    assert products == images


def test_a_scalar_field_is_seen_at_the_mapped_points():
    # f(x, y, z) with a different dependence on each axis, about the middle of the grid
    x = np.arange(6) - 2.5
    field = torch.from_numpy(x[:, None, None] + 10 * x[None, :, None] ** 3 + 100 * x[None, None, :])
    for number, (order, mirrored) in enumerate(SYMMETRIES):
        seen = transformed(field, number).numpy()
        signs = [-1 if axis in mirrored else 1 for axis in range(3)]
        axes = np.meshgrid(*(sign * x for sign in signs), indexing="ij")
        # axis `a` of the image shows axis order[a] of the original
        original = [axes[order.index(axis)] for axis in range(3)]
        np.testing.assert_allclose(seen, original[0] + 10 * original[1] ** 3 + 100 * original[2])


def test_all_channels_are_seen_alike():
    fields = torch.randn(2, 3, 4, 4, 4)
    for s in (5, 17, 47):
        assert torch.equal(transformed(fields, s)[1, 2], transformed(fields[1, 2], s))


def test_distances_between_voxels_are_kept():
    points = torch.zeros(8, 8, 8)
    points[1, 2, 3] = points[4, 6, 3] = 1
    for s in range(48):
        a, b = torch.nonzero(transformed(points, s))
        assert torch.sum((a - b) ** 2) == 25
