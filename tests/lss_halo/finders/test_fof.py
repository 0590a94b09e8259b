"""Friends of friends against connected components of a k-d tree's pairs."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lss_halo.finders.fof import friends_of_friends


def oracle(position, box_size, linking_length, min_particles):
    """Groups as sorted tuples of members, by scipy."""
    tree = cKDTree(position.astype(np.float64), boxsize=box_size)
    pairs = tree.query_pairs(linking_length, output_type="ndarray")
    count = len(position)
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return {tuple(group) for group in groups if len(group) >= min_particles}


def found(groups):
    return {tuple(groups.index[a:b]) for a, b in zip(groups.offset[:-1], groups.offset[1:], strict=True)}


def clustered(rng, count, box_size):
    """Clumps of all sizes, some across the edges of the box."""
    centres = rng.random((count // 50, 3)) * box_size
    centres[0] = 0.0
    widths = box_size * 10 ** rng.uniform(-3, -1.3, len(centres))
    parent = rng.integers(0, len(centres), count)
    position = (centres[parent] + rng.normal(size=(count, 3)) * widths[parent, None]) % box_size
    position = position.astype(np.float32)
    position[position >= np.float32(box_size)] = 0.0
    return position


@pytest.mark.parametrize("linking_length", [0.01, 0.3, 1.0, 2.7, 10.0])
@pytest.mark.parametrize("kind", ["random", "clustered"])
def test_groups_are_the_connected_components_of_all_close_pairs(kind, linking_length):
    rng = np.random.default_rng(1)
    box_size = 20.0
    position = (
        clustered(rng, 3000, box_size) if kind == "clustered" else (rng.random((3000, 3)) * 19.999).astype(np.float32)
    )
    groups = friends_of_friends(position, box_size, linking_length, 2)
    assert found(groups) == oracle(position, box_size, linking_length, 2)


@pytest.mark.parametrize("seed", range(20))
def test_small_sets_with_few_cells_are_exact(seed):
    rng = np.random.default_rng(seed)
    count, box_size = int(rng.integers(1, 40)), float(rng.uniform(1, 100))
    position = (rng.random((count, 3)) * box_size * 0.9999).astype(np.float32)
    linking_length = box_size * float(rng.uniform(0.02, 0.5))
    groups = friends_of_friends(position, box_size, linking_length, 1)
    assert found(groups) == oracle(position, box_size, linking_length, 1)


def test_a_chain_across_the_edge_of_the_box_is_one_group():
    position = np.zeros((40, 3), np.float32)
    position[:, 0] = np.linspace(90, 109.5, 40) % 100
    groups = friends_of_friends(position, 100.0, 0.6, 2)
    assert len(groups) == 1
    assert np.array_equal(groups.index, np.arange(40))


def test_a_pair_at_the_linking_length_is_linked_and_one_beyond_is_not():
    position = np.array([[1, 1, 1], [1.5, 1, 1], [5, 5, 5], [5.5001, 5, 5]], np.float32)
    groups = friends_of_friends(position, 10.0, 0.5, 2)
    assert found(groups) == {(0, 1)}


def test_no_particle_close_to_another_gives_no_group():
    groups = friends_of_friends(np.array([[1, 1, 1], [5, 5, 5]], np.float32), 10.0, 0.5, 2)
    assert len(groups) == 0
    assert len(groups.index) == 0


def test_everything_in_one_point_is_one_group():
    groups = friends_of_friends(np.full((5000, 3), 3.0, np.float32), 10.0, 0.5, 20)
    assert list(groups.size) == [5000]


def test_groups_do_not_depend_on_the_number_of_threads(threads):
    position = clustered(np.random.default_rng(3), 20000, 50.0)
    threads(1)
    one = friends_of_friends(position, 50.0, 0.4, 2)
    threads(3)
    three = friends_of_friends(position, 50.0, 0.4, 2)
    assert np.array_equal(one.offset, three.offset)
    assert np.array_equal(one.index, three.index)


def test_groups_come_by_decreasing_size_then_by_lowest_member():
    groups = friends_of_friends(clustered(np.random.default_rng(4), 3000, 20.0), 20.0, 0.3, 2)
    first = groups.index[groups.offset[:-1]]
    assert np.array_equal(np.lexsort((first, -groups.size)), np.arange(len(groups)))
