import dataclasses

import numpy as np
import pytest

from lss.config import Box, Configuration
from lss.errors import DataError
from lss.halos.six_fields import NAMES, lattice_velocity, recovery, reference_bins, six_fields
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity, white_noise
from lss.universe import Field, Halos, Particles, Universe, WhiteNoise
from lss_stats.config import Statistics
from lss_stats.fields import Fields
from lss_stats.measures.comparison import compare

N, BOX = 16, 100.0


def grown(seed):
    """White noise, its particles, and every 40th of them as a halo."""
    config = Configuration(box=Box(size=BOX, n=N))
    noise = white_noise(seed, 0, N)
    linear = linear_overdensity(noise, config.cosmology, BOX)
    position, velocity = lpt_particles(linear, BOX, config.cosmology.omega_m, 0.0)
    columns = {name: array[::40] for name, array in (("position", position), ("velocity", velocity))}
    columns["mass"] = np.geomspace(8e14, 1.3e13, len(columns["position"])).astype(np.float32)
    universe = Universe.create(config).with_noise(WhiteNoise(noise, seed))
    universe = universe.with_particles([Particles(position, velocity, 0.0)])
    return universe.with_halos(Halos(columns, "200c", "test", 0.0))


@pytest.fixture(scope="module")
def universe():
    return grown(1)


@pytest.fixture(scope="module")
def truth():
    return grown(2)


def test_r_and_t_are_those_of_the_statistics(universe, truth):
    bins, config = reference_bins(truth), Statistics(assignment="cic", interlace=False)
    found = recovery(six_fields(universe, bins), six_fields(truth, bins), BOX)
    assert tuple(found) == NAMES
    for ours, theirs in [("ic", "initial"), ("matter", "matter"), ("momentum", "momentum"), ("velocity", "velocity")]:
        group = compare(*(Fields(u, config).modes(theirs) for u in (universe, truth)), config)
        np.testing.assert_allclose(found[ours].correlation, group.data["correlation"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[ours].transfer, group.data["transfer"], rtol=1e-4)


def test_twice_the_halos_are_twice_the_amplitude_at_full_correlation(truth):
    halos = truth.halos
    doubled = dataclasses.replace(halos, columns={name: np.repeat(c, 2, axis=0) for name, c in halos.columns.items()})
    bins = reference_bins(truth)
    found = recovery(six_fields(truth.with_halos(doubled), bins), six_fields(truth, bins), BOX)
    for name in ("mw", "count"):
        np.testing.assert_allclose(found[name].correlation, 1, rtol=1e-5)
        np.testing.assert_allclose(found[name].transfer, 2, rtol=1e-5)
        assert found[name].k80 == found[name].k[-1]


def test_momentum_of_a_common_velocity_is_that_velocity_times_the_matter(truth):
    wind = np.array([100.0, -200.0, 300.0], np.float32)
    particles = truth.particles
    blown = dataclasses.replace(particles, velocity=np.broadcast_to(wind, particles.velocity.shape))
    fields = six_fields(truth.with_particles([blown]), None)
    matter, momentum = fields["matter"].modes[0].copy(), fields["momentum"].modes
    matter[0, 0, 0] = N**3  # 1 + delta
    np.testing.assert_allclose(momentum, wind[:, None, None, None] * matter, rtol=1e-3, atol=0.05 * N**1.5)


def test_only_what_a_universe_has_is_compared(universe, truth):
    bins = reference_bins(truth)
    whole = six_fields(truth, bins)
    assert list(recovery(six_fields(universe.without("PartType1"), bins), whole, BOX)) == ["ic", "mw", "count"]
    assert list(six_fields(universe, None)) == ["ic", "matter", "momentum", "velocity"]


def test_mean_of_an_ensemble_stands_for_its_initial_conditions(truth):
    linear = linear_overdensity(truth.noise.value, truth.cosmology, BOX)
    gathered = Universe(truth.cosmology, truth.box).with_field("linear_mean", Field(linear))
    assert np.array_equal(six_fields(gathered, None)["ic"].modes, six_fields(truth, None)["ic"].modes)


def test_particles_that_are_no_lattice_have_no_lagrangian_velocities(truth):
    some = Particles(truth.particles.position[:100], truth.particles.velocity[:100], 0.0)
    with pytest.raises(DataError, match="100 particles do not form a cubic lattice"):
        lattice_velocity(truth.with_particles([some]))
