import numpy as np
import pytest

from lss.grid.periodic import fold_edge, nearest_image, wrap


@pytest.mark.parametrize("box_size", [1.0, 62.5, 0.1, 62.3, 1000.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_wrapped_place_is_in_the_box_and_the_same_place(box_size, kind):
    rng = np.random.default_rng(1)
    position = (rng.uniform(-3, 4, (20_000, 3)) * box_size).astype(kind)
    position[:4] = [[-1e-30] * 3, [box_size] * 3, [np.nextafter(box_size, 0)] * 3, [-box_size] * 3]
    wrapped = wrap(position, box_size)
    assert wrapped.dtype == np.float32
    assert wrapped.min() >= 0
    assert wrapped.max() < np.float32(box_size)
    turns = (position.astype(np.float64) - wrapped) / box_size
    np.testing.assert_allclose(turns, np.rint(turns), atol=1e-6)


def test_what_is_in_the_box_stays_bit_for_bit():
    position = np.random.default_rng(2).random((1000, 3), np.float32) * np.float32(50)
    assert np.array_equal(wrap(position, 50.0), position)


def test_rounding_to_the_edge_is_folded_in_place():
    position = np.array([0.0, 62.5, np.nextafter(np.float32(62.5), np.float32(0))], np.float32)
    assert fold_edge(position, 62.5) is position
    assert position.tolist() == [0.0, 0.0, float(np.nextafter(np.float32(62.5), np.float32(0)))]


def test_nearest_images_are_the_shortest_of_all():
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 500, 3)) * 10
    images = np.stack(np.meshgrid(*[[-10, 0, 10]] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    shortest = np.linalg.norm(a - b + images, axis=-1).min(axis=0)
    np.testing.assert_allclose(np.linalg.norm(nearest_image(a - b, 10.0), axis=-1), shortest, rtol=1e-12)
