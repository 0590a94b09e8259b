"""`[halo] network` of a Lagrangian bias: fields of fine and coarse particles, drawn catalogues, refusals."""

import dataclasses

import numpy as np
import pytest
from tests.biased_universes import BOX_SIZE, MASS, biased_universe

from lss.config import validate
from lss.errors import ConfigError, DataError
from lss.files.restart import Restart
from lss.files.universe_file import write_universe
from lss.grid.agreement import agreement, bands
from lss.grid.lattice import lattice
from lss.grid.mesh import overdensity
from lss.grid.spectra import measure
from lss.learned.lagrangian_bias import load
from lss.physics.random_field import linear_overdensity, white_noise
from lss.universe import WhiteNoise
from lss_halo import stage
from lss_halo.predicted.lagrangian_bias import at_nearest_points, noise_on
from lss_train.config import Config as TrainConfig
from lss_train.train import train


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A count-weighted f, learned without a network."""
    folder = tmp_path_factory.mktemp("bias")
    write_universe(biased_universe(0)[0], folder / "u.h5")
    settings = {"function": "binned", "weight": "count", "radii": [4.0]}
    config = validate(TrainConfig, {"train": {"model": "lagrangian-bias", "lagrangian_bias": settings}}, "test.toml")
    train([folder / "u.h5"], config, folder / "bias.safetensors", restart=Restart(None))
    return str(folder / "bias.safetensors")


def configuration(checkpoint, n=32, **drawn):
    tables = {"box": {"n": n, "size": BOX_SIZE}, "halo": {"network": checkpoint, "lagrangian_bias": drawn}}
    return validate(stage.Config, tables, "test.toml")


def halo_model(universe, checkpoint, n=32, **drawn):
    return stage.run(universe, configuration(checkpoint, n, **drawn))


def test_the_field_is_that_of_particles_weighted_by_f(checkpoint):
    universe, _ = biased_universe(1)
    found = halo_model(universe, checkpoint)
    field, group = found.field("halo_model"), found.groups["fields/halo_model"]
    assert field.value.shape == (32, 32, 32)
    assert field.value.mean() == pytest.approx(0, abs=1e-5)
    assert field.assignment == "cic"
    assert group.attrs["weight"] == "count"
    halos = overdensity(universe.halos.position, 32, BOX_SIZE)
    assert agreement(field.value, halos, BOX_SIZE, bands(BOX_SIZE)).error[0] < 0.12
    assert len(found.halos) == len(universe.halos)
    assert halo_model(universe, checkpoint, grid=16).field("halo_model").value.shape == (16, 16, 16)


def test_a_coarser_run_carries_the_same_f(checkpoint):
    fine = halo_model(biased_universe(1)[0], checkpoint).field("halo_model").value
    coarse, _ = biased_universe(1, n=16, radius=8.0)
    carried = halo_model(coarse, checkpoint, n=16).field("halo_model").value
    assert carried.shape == fine.shape
    found = agreement(carried, fine, BOX_SIZE, bands(BOX_SIZE, (0.0, 0.2)))
    assert found.inverse_r2[0] < 1.02


def test_a_finer_run_takes_f_of_the_nearest_points(checkpoint):
    found = halo_model(biased_universe(1, n=64)[0], checkpoint, n=64).field("halo_model").value
    expected = halo_model(biased_universe(1)[0], checkpoint).field("halo_model").value
    assert agreement(found, expected, BOX_SIZE, bands(BOX_SIZE, (0.0, 0.2))).inverse_r2[0] < 1.02
    f = np.arange(1.0, 9.0, dtype=np.float32)
    each = at_nearest_points(f, 2, 4).reshape(4, 4, 4)
    assert each.mean() == pytest.approx(1)
    assert each[2, 0, 2] / each[0, 0, 0] == pytest.approx(6)


def test_noise_of_a_seed_is_refined_with_its_own_modes():
    coarse, fine = biased_universe(1, n=16, radius=8.0)[0], biased_universe(1)[0]
    cosmology = fine.cosmology
    refined = linear_overdensity(noise_on(coarse, 32), cosmology, BOX_SIZE)
    expected = linear_overdensity(fine.noise.value, cosmology, BOX_SIZE)
    np.testing.assert_allclose(refined, expected, atol=1e-4)


def test_a_drawn_catalogue_has_the_count_field_and_mass_function_of_the_target(checkpoint):
    universe, _ = biased_universe(1)
    found = halo_model(universe, checkpoint, catalogue=True)
    halos, expected = found.halos, load(checkpoint).card["data"]["density"] * BOX_SIZE**3
    assert halos.finder == "lagrangian-bias"
    assert abs(len(halos) - expected) < 4 * expected**0.5
    np.testing.assert_allclose(halos.mass, MASS, rtol=1e-4)
    assert np.isin(halos.position[:, 0], universe.particles.position[:, 0]).all()
    drawn, model = overdensity(halos.position, 32, BOX_SIZE), found.field("halo_model").value
    compared = agreement(drawn, model, BOX_SIZE, bands(BOX_SIZE, (0.0, 0.2)))
    noise = BOX_SIZE**3 / len(halos)
    power = measure([model], BOX_SIZE, ["cic"], bands(BOX_SIZE, (0.0, 0.2))).power[0, 0, 0]
    assert compared.error[0] == pytest.approx(noise / power, rel=0.35)
    assert found.has("fields/halo_count")
    again = halo_model(universe, checkpoint, catalogue=True).halos
    assert np.array_equal(again.position, halos.position)


def test_nearly_the_same_initial_conditions_have_nearly_the_same_drawn_halos(checkpoint):
    universe, _ = biased_universe(1)
    noise = universe.noise
    change = np.random.default_rng(1).standard_normal(noise.value.shape).astype(np.float32)
    near = universe.with_noise(dataclasses.replace(noise, value=noise.value + np.float32(0.01) * change, seed=-1))
    near = near.with_particles([universe.particles])
    one, other = (halo_model(of, checkpoint, catalogue=True).halos for of in (universe, near))
    places, moved = (set(map(tuple, halos.position)) for halos in (one, other))
    assert len(places & moved) > 0.95 * len(places)


def test_what_does_not_suit_is_refused_in_one_line(checkpoint, tmp_path):
    universe, _ = biased_universe(1)
    other = dataclasses.replace(universe, cosmology=universe.cosmology.model_copy(update={"omega_m": 0.3}))
    config = configuration(checkpoint)
    config = config.model_copy(update={"cosmology": other.cosmology})
    with pytest.raises(ConfigError, match=r"another cosmology: omega_m = 0\.3175, here 0\.3"):
        stage.run(other, config)
    with pytest.raises(DataError, match=r"no /ic; a Lagrangian bias begins with initial conditions"):
        halo_model(universe.without("ic"), checkpoint)
    particles = dataclasses.replace(universe.particles, redshift=0.0)
    with pytest.raises(ConfigError, match=r"at z = 0\.5; the particles are at z = 0"):
        halo_model(universe.with_particles([particles]), checkpoint)
    sparse = dataclasses.replace(universe.particles, position=lattice(8, BOX_SIZE), velocity=lattice(8, BOX_SIZE))
    with pytest.raises(ConfigError, match=r"more than twice as large: \[box\] n must be at least 16"):
        halo_model(universe.with_particles([sparse]), checkpoint, n=8)
    coarse, _ = biased_universe(1, n=16, radius=8.0)
    unknown = WhiteNoise(white_noise(99, 0, 16), 11, 1)
    with pytest.raises(ConfigError, match=r"not that of its seed.*refine it first: lss-ic --set box\.n=32"):
        halo_model(coarse.with_noise(unknown).with_particles([coarse.particles]), checkpoint, n=16)
