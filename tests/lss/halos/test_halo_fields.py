"""Halo fields: LULO Eq. 14-16, and what an empty catalogue gives."""

import numpy as np
import pytest

from lss.errors import DataError
from lss.grid.mesh import paint
from lss.halos.halo_fields import (
    halo_fields,
    halo_weight,
    mass_bins,
    mass_edges,
    same_edges,
)

N, BOX = 16, 100.0
EDGES = mass_edges(1e13, 2e15, 10)


def catalogue(seed, count=300):
    rng = np.random.default_rng(seed)
    position = (rng.random((count, 3)) * BOX * 0.9999).astype(np.float32)
    mass = (1.1e13 * rng.pareto(1.0, count) + 1.1e13).clip(max=1.9e15).astype(np.float32)
    velocity = rng.normal(scale=300, size=(count, 3)).astype(np.float32)
    return position, mass, velocity


def test_fields_are_equation_14_written_out():
    position, mass, _ = catalogue(2)
    bins = mass_bins(mass, EDGES)
    in_bin = np.digitize(mass, EDGES) - 1
    counts = np.array([paint(position[in_bin == i], N, BOX, "cic") for i in range(len(EDGES) - 1)], np.float64)
    np.testing.assert_allclose(counts.sum(axis=(1, 2, 3)), bins.count, rtol=1e-5)
    filled = bins.count > 0
    delta = counts[filled] / (bins.count[filled] / N**3)[:, None, None, None] - 1
    scaled = bins.mean_mass[filled] / 1e14
    for channel, f in zip(
        halo_fields(position, mass, N, BOX, bins), (scaled / (1 + np.sqrt(scaled)), 1.0), strict=True
    ):
        weight = bins.count[filled] * f
        expected = np.tensordot(weight, delta, 1) / weight.sum()
        assert np.allclose(channel, expected, atol=1e-4 * np.abs(expected).max())


def test_count_field_is_the_overdensity_of_all_halos_in_one_bin():
    position, mass, _ = catalogue(3)
    ten = halo_fields(position, mass, N, BOX, mass_bins(mass, EDGES), channels=["count"])
    one = halo_fields(position, mass, N, BOX, mass_bins(mass, mass_edges(1e13, 2e15, 1)), channels=["count"])
    assert np.allclose(ten, one, atol=1e-4)


def test_fields_have_no_mean():
    position, mass, _ = catalogue(4)
    fields = halo_fields(position, mass, N, BOX, mass_bins(mass, EDGES))
    assert np.abs(fields.mean(axis=(1, 2, 3))).max() < 1e-5


def test_empty_catalogue_gives_zero_fields():
    reference = mass_bins(catalogue(5)[1], EDGES)
    nothing = np.empty((0, 3), np.float32)
    fields = halo_fields(nothing, np.empty(0, np.float32), N, BOX, reference)
    assert not fields.any()
    assert not halo_fields(nothing, np.empty(0, np.float32), N, BOX, mass_bins(np.empty(0), EDGES)).any()


def test_half_the_halos_under_the_same_reference_give_half_the_amplitude():
    position, mass, _ = catalogue(6)
    reference = mass_bins(mass, EDGES)
    twice = mass_bins(np.concatenate((mass, mass)), EDGES)
    own = halo_fields(position, mass, N, BOX, reference)
    lacking = halo_fields(position, mass, N, BOX, twice)
    assert np.allclose(2 * lacking, own, atol=1e-4)


def test_halos_outside_the_mass_range_do_not_count():
    position, mass, _ = catalogue(7)
    reference = mass_bins(mass, EDGES)
    light = np.full(50, 1e12, np.float32)
    more = halo_fields(np.concatenate((position, position[:50])), np.concatenate((mass, light)), N, BOX, reference)
    assert np.array_equal(more, halo_fields(position, mass, N, BOX, reference))


def test_a_halo_on_either_edge_of_the_mass_range_counts():
    mass = EDGES[[0, -1]]
    assert mass_bins(mass, EDGES).count[[0, -1]].tolist() == [1, 1]


def test_momentum_of_halos_that_move_together_is_the_density_times_their_velocity():
    position, mass, velocity = catalogue(8)
    velocity[:] = [100, -200, 300]
    reference = mass_bins(mass, EDGES)
    channels = ["mass_weighted", "momentum_x", "momentum_y", "momentum_z"]
    density, *momentum = halo_fields(position, mass, N, BOX, reference, channels=channels, velocity=velocity)
    for field, speed in zip(momentum, (100, -200, 300), strict=True):
        assert np.allclose(field, (density + 1) * speed, atol=1e-3 * np.abs(field).max())


def test_halos_weigh_as_their_bin_does_and_nothing_outside_the_bins():
    mass = np.array([2e13, 4e13, 6e14, 1e12, 1e16])
    bins = mass_bins(mass, np.array([1e13, 1e14, 1e15]))
    np.testing.assert_allclose(halo_weight("mass", mass, bins), [0.3, 0.3, 6, 0, 0])
    np.testing.assert_array_equal(halo_weight("count", mass, bins), [1, 1, 1, 0, 0])


def test_unknown_channels_and_missing_velocities_are_refused():
    position, mass, _ = catalogue(9)
    reference = mass_bins(mass, EDGES)
    with pytest.raises(DataError, match="one of mass_weighted, count"):
        halo_fields(position, mass, N, BOX, reference, channels=["masses"])
    with pytest.raises(DataError, match="needs velocities"):
        halo_fields(position, mass, N, BOX, reference, channels=["momentum_x"])


def test_fields_under_a_mask_average_to_zero_and_follow_it():
    position, mass, _ = catalogue(10, 4000)
    mask = np.zeros((N, N, N), np.float32)
    mask[: N // 2] = 1
    inside = (position[:, 0] > BOX / N) & (position[:, 0] < BOX * 0.5 - 2 * BOX / N)
    reference = mass_bins(mass, EDGES)
    field = halo_fields(position[inside], mass[inside], N, BOX, reference, channels=["count"], completeness=mask)[0]
    assert abs(field.mean()) < 1e-4
    assert not field[N // 2 :].any()


def test_edges_of_another_processor_are_the_same_and_those_of_other_bins_are_not():
    nudged = EDGES.copy()
    nudged[6] = np.nextafter(nudged[6], 0)
    assert same_edges(nudged, EDGES)
    assert not same_edges(EDGES[:-1], EDGES)
    assert not same_edges(mass_edges(1e13, 2.001e15, 10), EDGES)
