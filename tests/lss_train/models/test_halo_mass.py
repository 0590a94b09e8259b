"""`model = "halo-mass"`: it learns what is put into the labels, resumes to the same bits, and refuses the rest."""

import dataclasses

import numpy as np
import pytest
import torch

from lss.config import Box, Configuration, Settings
from lss.errors import ConfigError, DataError, Stopped
from lss.files.restart import Restart
from lss.files.universe_file import member_path, write_universe
from lss.learned.halo_mass import load
from lss.nets.checkpoint import read_card
from lss.nets.halo_mass_net import PerceptronNet, SubboxNet
from lss.physics.random_field import linear_overdensity, white_noise
from lss.physics.surroundings import surroundings
from lss.process import interrupt
from lss.universe import Group, Universe, WhiteNoise
from lss_train.config import Config
from lss_train.data.labelled import read_labelled
from lss_train.data.particle_batches import CubeBatches, Particles
from lss_train.models.halo_mass import Settings as HaloMassSettings
from lss_train.models.halo_mass import inputs_of
from lss_train.train import plan, train
from lss_train.training.weight_priors import pruned_neurons, weight_priors

N, BOX, RADIUS = 12, 24.0, 4.0
LABELS = "fields/halo_particle_mass"


def make_universe(index: int, n: int = N, labels: bool = True, heaviest: float = 14.0) -> Universe:
    """A universe whose labels are a straight line of one spherical average; below it there are no halos."""
    config = Configuration(box=Box(size=2.0 * n, n=n))
    noise = white_noise(7, index, n)
    universe = Universe.create(config, {"sim": {"method": "pm"}}).with_noise(WhiteNoise(noise, 7, index))
    if not labels:
        return universe
    linear = linear_overdensity(noise, config.cosmology, config.box.size)
    average = surroundings(linear, config.box.size, (RADIUS,), (0,))[:, 0]
    log_mass = heaviest - 1 + 0.4 * average
    mass = np.where(average > 0, 10**log_mass, 0).astype(np.float32).reshape(n, n, n)
    return universe.with_group(LABELS, Group({"value": mass}, {}, {"value": "Msun/h"}))


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    folder = tmp_path_factory.mktemp("universes")
    for index in range(4):
        write_universe(make_universe(index), member_path(folder, index))
    return folder


def configuration(**table) -> Config:
    settings: Settings = {"mass_range": (1.01e13, 9e13), "validation": 1, "loss": "mse", "every": 20} | table
    return Config.model_validate({"train": {"model": "halo-mass", "seed": 3, "halo_mass": settings}})


LINE = {"network": "perceptron", "widths": [], "radii": [RADIUS], "multipoles": [0], "learning_rate": 0.05}
CUBES = {"network": "subbox", "side": 5, "filters": [8, 8], "pooled": 2, "widths": [8], "batch": 16, "updates": 8}
DENSE = {"network": "dense", "unet_channels": 4, "levels": 2, "batch": 1, "updates": 6}


def run(ensemble, output, restart=None, **table):
    train([ensemble], configuration(**table), output, restart=restart or Restart(None))
    return read_card(output)


def test_a_straight_line_of_the_density_that_made_the_labels_is_found(ensemble, tmp_path):
    card = run(ensemble, tmp_path / "line.safetensors", **LINE, updates=200, batch=128)
    assert card["validation"]["r"] > 0.999
    assert card["validation"]["rms_dex"] < 0.02
    model = load(tmp_path / "line.safetensors")
    unseen = make_universe(9)
    linear = linear_overdensity(unseen.noise.value, unseen.cosmology, BOX)
    true = np.log10(np.maximum(unseen.group(LABELS).data["value"].ravel(), 1))
    used = (true > 13.01) & (true < 13.9)
    assert np.abs(model.predict(linear, BOX)[0] - true)[used].max() < 0.1


def test_the_cauchy_likelihood_learns_how_good_it_is(ensemble, tmp_path):
    card = run(ensemble, tmp_path / "line.safetensors", **LINE, updates=20)
    table = LINE | {"loss": "cauchy", "updates": 150, "every": 150}
    sharp = run(ensemble, tmp_path / "sharp.safetensors", **table)
    blind = run(ensemble, tmp_path / "blind.safetensors", **table | {"radii": [11.0]})
    assert card["training"]["gamma"] == pytest.approx(0.2)  # of no account to the squared error
    assert sharp["training"]["gamma"] < 0.1 < 0.3 < blind["training"]["gamma"]


def test_a_dense_network_learns_mass_and_membership_and_better_than_it_began(ensemble, tmp_path):
    card = run(ensemble, tmp_path / "d.safetensors", **DENSE | {"updates": 120, "learning_rate": 1e-2})
    assert card["validation"]["r"] > 0.9
    assert card["validation"]["membership_accuracy"] > 0.85
    assert card["architecture"] == {"kind": "halo-mass-dense", "inputs": 1, "channels": 4, "levels": 2}


@pytest.mark.parametrize("table", [LINE | {"updates": 60}, CUBES, DENSE], ids=["perceptron", "subbox", "dense"])
def test_a_training_that_is_stopped_and_resumed_ends_in_the_same_bits(ensemble, tmp_path, monkeypatch, table):
    table = table | {"every": 3}
    whole = run(ensemble, tmp_path / "whole.safetensors", **table)
    asked = iter([False] * 4 + [True])
    monkeypatch.setattr(interrupt, "requested", lambda: next(asked))
    kept = Restart(tmp_path / "state", identity="x")
    with pytest.raises(Stopped, match="stopped at update 5"):
        run(ensemble, tmp_path / "parts.safetensors", kept, **table)
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    again = dataclasses.replace(kept, resume=True)
    parts = run(ensemble, tmp_path / "parts.safetensors", again, **table)
    assert parts["validation"] == whole["validation"]
    one, other = (load(tmp_path / f"{name}.safetensors").network.state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_training_ends_when_other_universes_show_no_gain(ensemble, tmp_path):
    table = LINE | {"learning_rate": 1e-9, "updates": 500, "every": 5, "patience": 2, "schedule": "constant"}
    card = run(ensemble, tmp_path / "e.safetensors", **table, batch=8)
    assert card["training"]["updates_made"] < 500


def test_cubes_are_cut_from_the_fields_of_their_own_universe(ensemble):
    universes = read_labelled([ensemble])
    settings = HaloMassSettings(**CUBES, mass_range=(1.01e13, 9e13))
    inputs = inputs_of(settings, universes.universes[:3], BOX)
    particles = Particles(universes.universes[:3], settings.mass_range)
    batches = CubeBatches(inputs, BOX, particles, Particles(universes.universes[3:], settings.mass_range, 40), 16, 5)
    one, again, other = batches.drawn(0), batches.drawn(0), batches.drawn(1)
    assert torch.equal(one.shown, again.shown)
    assert not torch.equal(one.d, other.d)
    standard = np.concatenate([u.linear.ravel() for u in universes.universes[:3]]) / inputs.scale[0]
    assert standard.std() == pytest.approx(1, rel=1e-3)
    centre = one.shown[:, 0, 2, 2, 2].numpy()  # the middle voxel stays where it is under every symmetry
    rows = np.random.default_rng([5, 2, 0]).integers(len(particles.point), size=16)
    expected = [particles.universes[particles.universe[r]].linear.ravel()[particles.point[r]] for r in rows]
    np.testing.assert_allclose(centre, np.array(expected) / inputs.scale[0], rtol=1e-5)
    assert sum(len(batch.d) for batch in batches.validation()) == 40


def test_the_priors_are_the_sums_of_the_papers_equation():
    network = SubboxNet(1, 3, (2,), (3,), 1)
    kernels = sum((layer.weight.detach().numpy() ** 2).sum() for layer in network.convolutions)
    weights = [layer.weight.detach().numpy() for layer in network.dense]
    sparse = sum(np.abs(w).sum() for w in weights)
    groups = sum(np.sqrt((w[:, i] ** 2).sum()) for w in weights for i in range(w.shape[1]))
    assert weight_priors(network).item() == pytest.approx(kernels + sparse + groups, rel=1e-5)


def test_a_neuron_without_outgoing_weights_is_counted_as_switched_off():
    network = PerceptronNet(4, (6,))
    with torch.no_grad():
        network.dense[1].weight[:, 2:4] = 0
    assert pruned_neurons(network) == (2, 10)


def test_strong_priors_shrink_what_does_not_help(ensemble, tmp_path):
    table = LINE | {"widths": [8], "updates": 200, "batch": 64}
    free, bound = (run(ensemble, tmp_path / f"{p}.safetensors", **table, prior=p) for p in (0.0, 0.05))
    sizes = [weight_priors(load(tmp_path / f"{p}.safetensors").network).item() for p in (0.0, 0.05)]
    assert sizes[1] < 0.6 * sizes[0]
    assert bound["validation"]["r"] > 0.9
    assert free["training"]["neurons"] == 9


def test_universes_without_labels_or_of_another_grid_are_refused_in_one_line(ensemble, tmp_path):
    for name, other, message in (
        ("bare", make_universe(5, labels=False), r"particle_mass; run lss-halo with \[halo\] particle_masses = true"),
        ("coarse", make_universe(5, n=10), "box .* differs from that of"),
    ):
        write_universe(other, tmp_path / f"{name}.h5")
        inputs, output = [ensemble, tmp_path / f"{name}.h5"], tmp_path / "x.safetensors"
        with pytest.raises(DataError, match=message):
            train(inputs, configuration(**LINE), output, restart=Restart(None))


def test_a_universe_that_is_there_twice_is_refused(ensemble, tmp_path):
    write_universe(make_universe(2), tmp_path / "again.h5")
    inputs, output = [ensemble, tmp_path / "again.h5"], tmp_path / "x.safetensors"
    with pytest.raises(DataError, match=r"the same universe \(seed, index, partner"):
        train(inputs, configuration(**LINE), output, restart=Restart(None))


def test_surroundings_larger_than_the_box_are_refused_in_one_line(ensemble, tmp_path):
    for table, message in (
        (CUBES | {"side": 13}, r"\[train.halo_mass\]: sub-boxes of 13 voxels a side in a box of 12"),
        (LINE | {"radii": [13.0]}, r"\[train.halo_mass\]: spheres of 13 Mpc/h in a box of"),
    ):
        with pytest.raises(DataError, match=message):
            run(ensemble, tmp_path / "x.safetensors", **table)


def test_halos_outside_the_mass_range_alone_are_refused_with_the_heaviest_there_is(ensemble, tmp_path):
    with pytest.raises(DataError, match="no particle of the training universes is in such a halo"):
        run(ensemble, tmp_path / "x.safetensors", **LINE | {"mass_range": (1e16, 1e17)})
    with pytest.raises(DataError, match="validation = 4 leaves none to train on"):
        run(ensemble, tmp_path / "x.safetensors", **LINE | {"validation": 4})
    with pytest.raises(ConfigError, match=r"levels = 4: a grid of 12\^3 cannot be halved that often"):
        run(ensemble, tmp_path / "x.safetensors", **DENSE | {"levels": 4})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"side": 4}, "an odd number has a middle voxel"),
        ({"mass_range": (1e14, 1e13)}, "expected ascending numbers"),
        ({"input": "averaged"}, 'is for network = "subbox"'),
        ({"network": "subbox", "input": "late", "channels": ["tide"]}, "density at z = 0 alone"),
        ({"network": "subbox", "pooled": 4}, "pooled = 4 of 3 convolutions"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(table, message):
    with pytest.raises(ValueError, match=message):
        HaloMassSettings(**table)


def test_the_plan_says_what_is_read_and_trained(ensemble):
    found = plan([ensemble], configuration(**CUBES))
    assert found.steps[0] == "read 4 universes of 12^3, 1 of them to validate"
    assert found.cpu_seconds > 0
