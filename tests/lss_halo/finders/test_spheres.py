"""Neighbours, spheres and peaks against sums over all particles."""

import numpy as np
import pytest

from lss_halo.finders.ascending import ascending
from lss_halo.finders.cells import sort_into_cells
from lss_halo.finders.density_peaks import density_peaks
from lss_halo.finders.spheres import count_to_crossing, gather, settle, sphere

BOX = 10.0


def separation(a, b):
    d = np.abs(np.asarray(a, np.float64) - b)
    return np.linalg.norm(np.minimum(d, BOX - d), axis=-1)


def points(seed, count=800):
    rng = np.random.default_rng(seed)
    position = np.concatenate((rng.random((count // 2, 3)) * BOX, rng.normal(0, 0.6, (count // 2, 3)))) % BOX
    position = position.astype(np.float32)
    position[position >= np.float32(BOX)] = 0.0
    return position


@pytest.mark.parametrize("smallest_cell", [0.4, 2.0, 4.0, 9.0])
@pytest.mark.parametrize("radius", [0.3, 2.5, 5.0])
def test_a_sphere_holds_all_particles_within_its_radius_once(smallest_cell, radius):
    position = points(1)
    cells = sort_into_cells(position, BOX, smallest_cell)
    for centre in ([0.1, 9.9, 5.0], [5.0, 5.0, 5.0]):
        rows, offset, distance = gather(np.array(centre), radius, cells)
        expected = separation(position, centre)
        assert sorted(cells.order[rows]) == np.flatnonzero(expected <= radius).tolist()
        assert np.allclose(distance, expected[cells.order[rows]], atol=1e-6)
        assert np.allclose(np.linalg.norm(offset, axis=1), distance)


def test_cells_hold_every_particle_once_in_lagrangian_order():
    position = points(2)
    cells = sort_into_cells(position, BOX, 0.7)
    assert np.array_equal(np.sort(cells.order), np.arange(len(position)))
    assert np.array_equal(cells.position, position[cells.order])
    for low, high in zip(cells.start[:-1], cells.start[1:], strict=True):
        assert (np.diff(cells.order[low:high]) > 0).all()


def test_a_centre_settles_where_it_is_the_centre_of_mass():
    cells = sort_into_cells(points(3), BOX, 1.0)
    centre = np.array([0.8, 9.5, 0.2])
    settle(centre, 1.0, cells)
    offset = gather(centre, 1.0, cells)[1]
    assert np.linalg.norm(offset.mean(axis=0)) < 2e-3
    assert separation(centre, [0, 0, 0]) < 0.2


def test_the_first_crossing_counts_its_own_particle():
    # Mean densities k / r^3: 8, 16, 3, 4, 0.8 ... below 1 for the first time at the fifth particle.
    distance = np.array([0.5, 0.5, 1.0, 1.0, 1.842, 1.843])
    assert count_to_crossing(distance, 1.0, 2) == (5, True)
    assert count_to_crossing(distance, 0.1, 2) == (6, False)


def test_a_sphere_grows_until_the_density_falls():
    position = points(4)
    cells = sort_into_cells(position, BOX, 1.0)
    centre = np.zeros(3)
    small, large = (sphere(centre, guess, 30.0, 10, cells) for guess in (0.2, 4.0))
    assert np.array_equal(small[0], large[0])
    count = len(small[0])
    assert count < 30.0 * small[2][-1] ** 3 * (1 + 1e-9)
    assert count - 1 >= 30.0 * small[2][-2] ** 3


@pytest.mark.parametrize("smoothing", [0.5, 1.7, 3.2, 4.9])
def test_peaks_are_the_densest_particles_within_the_smoothing_length(smoothing):
    position = points(5)
    cells = sort_into_cells(position, BOX, smoothing)
    distance = separation(cells.position[:, None, :], cells.position[None, :, :])
    density = np.maximum(1 - (distance / smoothing) ** 2, 0).sum(axis=1)
    lowest = np.quantile(density, 0.3)
    margin = 1e-4 * density.max()  # the kernel sums in single precision
    neighbours = np.where((distance < smoothing) & (distance > 0), density[None, :], 0).max(axis=1)
    peaks = density_peaks(cells, smoothing, float(lowest))
    certain = np.flatnonzero((density > neighbours + margin) & (density > lowest + margin))
    assert np.isin(certain, peaks).all()
    assert (density[peaks] >= neighbours[peaks] - margin).all()
    assert (density[peaks] >= lowest - margin).all()


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64, 1000])
def test_ascending_is_a_stable_sort(count):
    keys = np.random.default_rng(count).integers(0, max(count // 3, 1), count).astype(np.float64)
    assert np.array_equal(ascending(keys), np.argsort(keys, kind="stable"))
