"""Sub-boxes are windows on a periodic field, and shell averages keep what is isotropic."""

import numpy as np
import pytest

from lss.errors import DataError
from lss.grid.subboxes import shell_averages, shell_numbers, subboxes

N = 12


@pytest.fixture
def fields():
    return np.random.default_rng(1).standard_normal((2, N, N, N)).astype(np.float32)


@pytest.mark.parametrize("side", [1, 5, 11])
@pytest.mark.parametrize("centre", [(0, 0, 0), (11, 0, 6), (5, 11, 11), (-1, 13, 6)])
def test_a_sub_box_is_the_rolled_field_about_its_centre(fields, side, centre):
    half = side // 2
    rolled = np.roll(fields, [half - c for c in centre], axis=(1, 2, 3))[:, :side, :side, :side]
    np.testing.assert_array_equal(subboxes(fields, np.array([centre]), side)[0], rolled)


def test_many_boxes_are_those_of_each_centre(fields):
    centres = np.random.default_rng(2).integers(N, size=(200, 3))
    together = subboxes(fields, centres, 7)
    for number in (0, 63, 64, 199):
        np.testing.assert_array_equal(together[number], subboxes(fields, centres[number : number + 1], 7)[0])


@pytest.mark.parametrize("side", [4, 13])
def test_boxes_without_a_middle_or_wider_than_the_field_are_refused(fields, side):
    with pytest.raises(DataError, match="an odd number up to 12"):
        subboxes(fields, np.zeros((1, 3), int), side)


def test_shell_averages_leave_a_field_of_the_shells_as_it_is():
    numbers = shell_numbers(9, 0.0, 4.5, 9)
    radial = np.random.default_rng(3).standard_normal(9).astype(np.float32)
    box = np.where(numbers < 9, np.append(radial, 0)[np.minimum(numbers, 9)], 0).astype(np.float32)
    np.testing.assert_allclose(shell_averages(box[None], numbers, 9)[0], box, atol=1e-6)


def test_shells_hold_the_mean_of_their_voxels_and_nothing_lies_beyond():
    box = np.random.default_rng(4).standard_normal((7, 7, 7))
    averaged = shell_averages(box[None].astype(np.float32), shell_numbers(7, 1.0, 3.0, 2), 2)[0]
    radius = np.sqrt(sum((axis - 3.0) ** 2 for axis in np.indices(box.shape)))
    for inside in (radius <= 2, (radius > 2) & (radius <= 3)):
        np.testing.assert_allclose(averaged[inside], box[inside].mean(), atol=1e-6)
    assert not averaged[radius > 3].any()


def test_averages_do_not_know_how_a_box_is_turned():
    numbers = shell_numbers(9, 0.0, 4.5, 6)
    box = np.random.default_rng(5).standard_normal((1, 9, 9, 9)).astype(np.float32)
    turned = np.ascontiguousarray(box.transpose(0, 3, 1, 2)[:, ::-1])
    np.testing.assert_allclose(shell_averages(turned, numbers, 6), shell_averages(box, numbers, 6), atol=1e-6)
