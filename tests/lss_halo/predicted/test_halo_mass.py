"""lss-halo with a halo-mass checkpoint: predicted masses beside what the universe holds."""

import numpy as np
import pytest
import torch

from lss.config import Cosmology, Settings, validate
from lss.errors import DataError
from lss.learned.halo_mass import Inputs, load
from lss.nets.checkpoint import save_checkpoint
from lss.nets.halo_mass_net import DenseNet, SubboxNet
from lss.physics.random_field import linear_overdensity, white_noise
from lss.universe import Universe, WhiteNoise
from lss_halo import stage

N, BOX = 8, 16.0


def checkpoint(folder, kind, **data):
    torch.manual_seed(1)
    network = DenseNet(1, 4, 2) if kind == "dense" else SubboxNet(1, 5, (4,), (4,), 1)
    architecture = {"kind": "halo-mass-dense", "inputs": 1, "channels": 4, "levels": 2}
    if kind == "subbox":
        architecture = {"kind": "halo-mass-subbox", "inputs": 1, "side": 5, "filters": [4], "widths": [4], "pooled": 1}
        architecture["pooling"] = "max"
    inputs = Inputs(kind, "raw", (1e12, 1e14), BOX / N, side=5 if kind == "subbox" else 0)
    card = {"model": "halo-mass", "architecture": architecture, "inputs": inputs.as_card(), "validation": {}}
    card |= {
        "training": {"loss": "mse"},
        "data": {"cosmology": Cosmology().model_dump(), "box": {"size": BOX, "n": N}} | data,
    }
    save_checkpoint(folder / f"{kind}.safetensors", network.state_dict(), card)
    return str(folder / f"{kind}.safetensors")


def configuration(**halo):
    settings: Settings = {"box": {"n": N, "size": BOX}, "halo": halo}
    return validate(stage.Config, settings, "test.toml")


@pytest.fixture
def universe():
    return Universe.create(configuration()).with_noise(WhiteNoise(white_noise(1, 0, N), 1))


def test_every_particle_gets_a_mass_and_a_probability(tmp_path, universe):
    name = checkpoint(tmp_path, "dense")
    result = stage.run(universe, configuration(network=name))
    linear = linear_overdensity(universe.noise.value, universe.cosmology, BOX)
    mass, probability = load(name).predict(linear, BOX)
    np.testing.assert_allclose(result.field("predicted_halo_mass").value.ravel(), 10**mass, rtol=1e-6)
    np.testing.assert_array_equal(result.field("halo_probability").value.ravel(), probability)
    group = result.group("fields/predicted_halo_mass")
    assert group.units["value"] == "Msun/h"
    assert (group.attrs["mass_low"], group.attrs["mass_high"]) == (1e12, 1e14)


def test_a_subset_is_drawn_once_for_all_from_the_universes_seed(tmp_path, universe):
    config = configuration(network=checkpoint(tmp_path, "subbox"), network_particles=20)
    one, again = (stage.run(universe, config).field("predicted_halo_mass").value for _ in range(2))
    assert np.count_nonzero(one) == 20
    np.testing.assert_array_equal(one, again)
    everything = stage.run(universe, configuration(network=config.halo.network)).field("predicted_halo_mass").value
    np.testing.assert_allclose(one[one > 0], everything[one > 0], rtol=1e-5)


def test_a_box_much_smaller_than_that_of_the_training_is_warned_of(tmp_path, universe, caplog):
    for size, warned in ((BOX, False), (4 * BOX, True)):
        stage.run(universe, configuration(network=checkpoint(tmp_path, "dense", box={"size": size, "n": N})))
        assert ("lacks waves that the network was trained with" in caplog.text) == warned


def test_a_universe_without_initial_conditions_is_refused(tmp_path):
    config = configuration(network=checkpoint(tmp_path, "dense"))
    with pytest.raises(DataError, match="no /ic; run lss-ic first"):
        stage.run(Universe.create(config), config)


def test_the_plan_counts_the_particles_that_are_predicted(tmp_path, universe):
    config = configuration(network=checkpoint(tmp_path, "subbox"), network_particles=20)
    found = stage.plan(universe, config)
    assert found.steps[0].startswith("the halo mass of 20 particles by the subbox network")
