import numpy as np
import pytest

from lss_sim.cells import cell_order, take
from lss_sim.pair_force import PairForce
from lss_sim.split import cloud_polynomial

BOX = 20.0


def spline(r, h):
    u = r / h
    inner = 32 / 3 + u**2 * (32 * u - 38.4)
    outer = 64 / 3 - 48 * u + 38.4 * u**2 - 32 / 3 * u**3 - 1 / 15 / np.maximum(u, 1e-9) ** 3
    return np.where(u < 0.5, inner, np.where(u < 1, outer, 1 / np.maximum(u, 1e-9) ** 3)) / h**3


def direct(position, radius, softening):
    """The same force, and the sum of force / distance with r held above h, by a plain sum in double precision."""
    x = position.astype(np.float64)
    h = 2.8 * softening
    cloud = cloud_polynomial(radius)[::-1]
    force, stiffness = np.zeros_like(x), np.zeros(len(x))
    for i in range(len(x)):
        d = x - x[i]
        d -= BOX * np.round(d / BOX)
        r = np.sqrt((d**2).sum(axis=1))
        f = np.where(r < radius, spline(r, h) - np.polyval(cloud, r**2), 0)
        force[i] = (f[:, None] * d).sum(axis=0)
        held = np.where(r < radius, np.maximum(r, h) ** -3.0 - np.polyval(cloud, r**2), 0)
        stiffness[i] = held.sum() - held[i]
    return force, stiffness


def evaluate(position, radius, softening, level=None, lowest=0, drift=0.0):
    """Force and stiffness by the kernel, in the order of `position`; cells are made before particles drift."""
    order, cells = cell_order(position, BOX, radius)
    columns = np.ascontiguousarray((take(position, order) + drift).T)
    level = np.zeros(len(position), np.uint8) if level is None else level[order]
    force = np.zeros((4, len(position)), np.float32)
    PairForce(BOX, radius, softening, 1.0)(columns, cells, level, lowest, cells.enclose(columns), force)
    result = np.empty((len(position), 4), np.float32)
    result[order] = force.T
    return result[:, :3], result[:, 3]


def clustered(count, seed=0):
    """Half the particles in three clumps, so that some are within the softening of others."""
    rng = np.random.default_rng(seed)
    clumps = rng.uniform(0, BOX, (3, 3))[rng.integers(0, 3, count // 2)] + 0.15 * rng.normal(size=(count // 2, 3))
    return np.mod(np.concatenate([rng.uniform(0, BOX, (count - count // 2, 3)), clumps]), BOX).astype(np.float32)


@pytest.mark.parametrize("radius", [1.7, 4.0, 9.9])
def test_force_is_the_direct_sum(radius):
    position = clustered(1500)
    exact, stiffness = direct(position, radius, 0.05)
    rms = np.sqrt(np.mean(exact**2))
    ours = evaluate(position, radius, 0.05)
    np.testing.assert_allclose(ours[0], exact, atol=2e-4 * rms, rtol=2e-3)
    np.testing.assert_allclose(ours[1], stiffness, atol=1e-3, rtol=1e-4)


def test_force_is_that_of_positions_drifted_out_of_their_cells():
    position = clustered(1500, seed=1)
    drift = np.random.default_rng(2).normal(size=position.shape).astype(np.float32)
    exact, _ = evaluate(np.mod(take(position, cell_order(position, BOX, 3.0)[0]) + drift, np.float32(BOX)), 3.0, 0.05)
    order, _ = cell_order(position, BOX, 3.0)
    moved, _ = evaluate(position, 3.0, 0.05, drift=drift)
    rms = np.sqrt(np.mean(exact**2))
    np.testing.assert_allclose(moved[order], exact, atol=3e-4 * rms, rtol=3e-3)


def test_a_cell_sees_its_own_image_where_two_cells_fill_the_box():
    position, drift = clustered(300, seed=4), 1.5 * np.random.default_rng(5).normal(size=(300, 3)).astype(np.float32)
    order, cells = cell_order(position, BOX, 9.9)
    assert cells.side == 2
    exact, _ = direct(np.mod(take(position, order) + drift, np.float32(BOX)), 9.9, 0.05)
    moved, _ = evaluate(position, 9.9, 0.05, drift=drift)
    np.testing.assert_allclose(moved[order], exact, atol=2e-4 * np.sqrt(np.mean(exact**2)), rtol=2e-3)


def test_force_of_a_pair_is_exactly_zero_beyond_the_reach():
    position = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 4.01]], np.float32)
    force, stiffness = evaluate(position, 3.0, 0.05)
    assert not force.any()
    # A target's own share is taken off again; what its rounding leaves depends on the processor.
    assert np.abs(stiffness).max() < 1e-6 * (2.8 * 0.05) ** -3
    assert evaluate(position, 3.02, 0.05)[0].any()


def test_only_active_levels_are_written():
    position = clustered(800, seed=3)
    level = np.random.default_rng(4).integers(0, 4, 800).astype(np.uint8)
    (every, _), (some, _) = evaluate(position, 4.0, 0.05), evaluate(position, 4.0, 0.05, level, lowest=2)
    rms = np.sqrt(np.mean(every**2))
    assert not some[level < 2].any()
    np.testing.assert_allclose(some[level >= 2], every[level >= 2], atol=1e-5 * rms, rtol=1e-4)


def test_coincident_particles_exert_no_force_on_each_other():
    position = np.tile(np.array([[3.0, 4.0, 5.0]], np.float32), (5, 1))
    assert not evaluate(position, 4.0, 0.05)[0].any()


def test_same_bits_for_any_thread_count(threads):
    position = clustered(3000, seed=5)
    results = []
    for count in (1, 2, 5):
        threads(count)
        results.append(np.column_stack(evaluate(position, 3.0, 0.05)))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
