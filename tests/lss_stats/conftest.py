"""Small universes to measure."""

from collections.abc import Callable

import numpy as np
import pytest

from lss.config import Box, Configuration
from lss.halos.halo_fields import halo_fields, mass_bins, mass_edges
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity, white_noise
from lss.universe import Field, Halos, Members, Particles, Universe, WhiteNoise

N, BOX = 16, 100.0


def small_universe(seed: int, source: str, n: int = N, box_size: float = BOX) -> Universe:
    """Initial field, its LPT particles, and every 40th particle as a "halo" of the 8 that follow it in the lattice."""
    config = Configuration(box=Box(size=box_size, n=n))
    noise = white_noise(seed, 0, n)
    linear = linear_overdensity(noise, config.cosmology, box_size)
    position, velocity = lpt_particles(linear, box_size, config.cosmology.omega_m, 0.0)
    rng = np.random.default_rng(seed)
    chosen = np.arange(0, n**3 - 8, 40)
    mass = np.sort(10 ** rng.uniform(13, 15, len(chosen)))[::-1].astype(np.float32)
    members = Members(np.arange(len(chosen) + 1) * 8, (chosen[:, None] + np.arange(8)).ravel())
    columns = {
        "position": position[chosen],
        "velocity": velocity[chosen],
        "mass": mass,
        "n_particles": np.round(mass / mass.min() * 100).astype(np.int32),
        "velocity_dispersion": rng.uniform(100, 900, len(chosen)).astype(np.float32),
    }
    fields = halo_fields(columns["position"], mass, n, box_size, mass_bins(mass, mass_edges(1e13, 2e15, 10)))
    universe = Universe.create(config)
    universe = universe.with_noise(WhiteNoise(noise, seed)).with_particles([Particles(position, velocity, 0.0)])
    universe = universe.with_halos(Halos(columns, "200c", "test", 0.0, members))
    for name, value in zip(("halo_mass_weighted", "halo_count"), fields, strict=True):
        universe = universe.with_field(name, Field(value, "cic"))
    return Universe(universe.cosmology, universe.box, universe.config, universe.groups, source)


@pytest.fixture(scope="session")
def universe() -> Universe:
    return small_universe(1, "universe.h5")


@pytest.fixture(scope="session")
def truth() -> Universe:
    return small_universe(2, "truth.h5")


@pytest.fixture(scope="session")
def universe_on() -> Callable[..., Universe]:
    """A universe on another grid (n) or in another box (box_size)."""
    return lambda **box: small_universe(2, "other.h5", **box)
