"""Small universes with the right statistics and no simulation: halos drawn where the linear field is high."""

import numpy as np
import pytest

from lss.config import Box, Configuration
from lss.files.universe_file import member_path, write_universe
from lss.grid.fourier import smooth
from lss.grid.mesh import interpolate
from lss.physics.random_field import linear_overdensity, partner_phase, perturbed_partner, white_noise
from lss.universe import Halos, Universe, WhiteNoise

N = 16
SETTINGS = {
    "ic": {"seed": 4},
    "sim": {"method": "pm"},
    "halo": {
        "mass_definition": "fof",
        "min_particles": 28,
        "mass_range": [1e13, 2e15],
        "mass_bins": 10,
        "fields": ["mass_weighted", "count"],
        "assignment": "cic",
    },
}


def make_universe(
    index: int, partner: int = 0, seed: int = 4, n: int = N, mass_definition: str = "fof", halos: bool = True
) -> Universe:
    """A universe of n^3 voxels of 2 Mpc/h with a catalogue biased by its linear field, or an empty one."""
    config = Configuration(box=Box(size=2.0 * n, n=n))
    noise, phase = white_noise(seed, index, n), 0.0
    if partner:
        phase = partner_phase(seed, index, partner)
        noise = perturbed_partner(noise, white_noise(seed, index, n, partner), phase)
    random = np.random.default_rng([seed, index, partner])
    place = random.uniform(0, config.box.size, (4000, 3)).astype(np.float32)
    field = smooth(linear_overdensity(noise, config.cosmology, config.box.size), 3.0, config.box.size)
    density = interpolate(field, place, config.box.size)
    kept = halos & (random.random(4000) < 0.02 * np.exp(2 * density))
    mass = np.sort(2e13 * random.pareto(1.5, kept.sum()) + 2e13)[::-1].astype(np.float32)
    columns = {
        "position": place[kept],
        "velocity": random.normal(0, 300, (kept.sum(), 3)).astype(np.float32),
        "mass": mass,
        "n_particles": (mass / 6e11).astype(np.int32),
    }
    return (
        Universe.create(config, SETTINGS)
        .with_noise(WhiteNoise(noise, seed, index, partner, phase, {"member": index}))
        .with_halos(Halos(columns, mass_definition, "toy", 0.0))
    )


def make_ensemble(directory, universes, partners=0):
    """Write x_a (and their partners) as lss-ic would name them."""
    for index in range(universes):
        for partner in range(1 + partners):
            path = member_path(directory, index * (1 + partners) + partner)
            write_universe(make_universe(index, partner), path)
    return directory


@pytest.fixture(scope="session")
def ensemble(tmp_path_factory):
    """Six independent universes."""
    return make_ensemble(tmp_path_factory.mktemp("ensemble"), 6)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """Three universes with two perturbed partners each."""
    return make_ensemble(tmp_path_factory.mktemp("pairs"), 3, partners=2)


@pytest.fixture(name="toy_universe")
def _toy_universe():
    """The maker of single universes."""
    return make_universe


@pytest.fixture(name="write_ensemble")
def _write_ensemble():
    """The writer of ensembles."""
    return make_ensemble
