"""A halo-mass network applied: predictions turn with the universe, and other universes are refused."""

import numpy as np
import pytest
import torch

from lss.config import Box, Configuration, Cosmology
from lss.errors import DataError
from lss.learned.halo_mass import HaloMass, Inputs, late_position, linear_channels, load
from lss.nets.checkpoint import save_checkpoint
from lss.nets.halo_mass_net import DenseNet, SubboxNet
from lss.nets.symmetries import SYMMETRIES, transformed
from lss.universe import Particles, Universe

N, VOXEL = 8, 2.0
CHANNELS = ("density", "potential", "displacement", "gradient", "tide")


def model(network, kind, **inputs) -> HaloMass:
    given = Inputs(kind, inputs.pop("input", "raw"), (1e12, 1e14), VOXEL, **inputs)
    card = {"training": {"loss": "cauchy"}, "data": DATA}
    return HaloMass(network.eval(), card, given, "toy.safetensors", "cpu")


@pytest.fixture
def linear():
    return np.random.default_rng(1).standard_normal((N, N, N)).astype(np.float32)


@pytest.fixture
def dense():
    torch.manual_seed(1)
    return model(DenseNet(14, 4, 1), "dense", channels=CHANNELS, scale=(1.0, 30.0, 5.0, 1.0, 1.0))


@pytest.fixture
def subbox():
    torch.manual_seed(2)
    network = SubboxNet(14, 3, (4,), (4,), 1)
    return model(network, "subbox", channels=CHANNELS, scale=(1.0, 30.0, 5.0, 1.0, 1.0), side=3)


@pytest.mark.parametrize("kind", ["dense", "subbox"])
def test_a_turned_universe_has_the_turned_predictions_where_they_are_symmetrised(request, kind, linear):
    network, small = request.getfixturevalue(kind), torch.from_numpy(linear[:4, :4, :4].copy())
    every = tuple(range(len(SYMMETRIES)))

    def predicted(field):
        side = len(field)
        mass, _ = network.predict(field.contiguous().numpy(), side * VOXEL, symmetries=every)
        return torch.from_numpy(mass.reshape(side, side, side))

    upright = predicted(small)
    for symmetry in every if kind == "dense" else every[5::7]:
        turned = predicted(transformed(small, symmetry))
        torch.testing.assert_close(turned, transformed(upright, symmetry), atol=2e-4, rtol=1e-5)


def test_without_averaging_over_symmetries_predictions_do_not_turn(dense, linear):
    turned = np.ascontiguousarray(linear.transpose(1, 0, 2))
    upright, other = (dense.predict(field, N * VOXEL)[0].reshape(linear.shape) for field in (linear, turned))
    assert np.abs(other - upright.transpose(1, 0, 2)).max() > 1e-3


def test_chosen_particles_have_the_masses_that_all_have(dense, subbox, linear):
    points = np.array([3, 100, 511])
    for network in (dense, subbox):
        chosen, everything = (network.predict(linear, N * VOXEL, points=p)[0] for p in (points, None))
        np.testing.assert_allclose(chosen, everything[points], atol=1e-6)


def test_a_dense_network_gives_probabilities_and_masses_within_the_range(dense, linear):
    mass, probability = dense.predict(linear, N * VOXEL)
    assert probability.shape == (N**3,)
    assert ((probability > 0) & (probability < 1)).all()
    assert mass.min() >= 12
    assert mass.max() <= 14


def test_averaged_inputs_do_not_see_a_dipole(linear):
    torch.manual_seed(3)
    inputs = {"input": "averaged", "side": 5, "shells": 5, "shell_range": (0.0, 2.5)}
    network = model(SubboxNet(1, 5, (8,), (8,), 1), "subbox", **inputs)
    mirrored = np.roll(linear[::-1, ::-1, ::-1], 1, (0, 1, 2))  # about the point 0
    one, other = (network.predict(np.ascontiguousarray(f), N * VOXEL, np.array([0]))[0] for f in (linear, mirrored))
    assert one == pytest.approx(other, abs=1e-5)


def test_the_late_network_looks_at_the_place_where_a_particle_ended(linear):
    inputs = {"input": "late", "side": 5, "refinement": 2}
    torch.manual_seed(4)
    network = model(SubboxNet(1, 5, (8,), (8,), 1), "subbox", **inputs)
    position = np.random.default_rng(2).uniform(0, N * VOXEL, (N**3, 3)).astype(np.float32)
    moved = (position + np.float32(2.0)) % np.float32(N * VOXEL)  # two cells of the refined grid: the same universe
    one, other = (network.predict(linear, N * VOXEL, np.arange(40), at)[0] for at in (position, moved))
    np.testing.assert_allclose(one, other, atol=1e-4)
    with pytest.raises(DataError, match="needs particles; run lss-sim first"):
        network.predict(linear, N * VOXEL)


def test_linear_fields_are_derivatives_of_one_potential(linear):
    n, size = 16, 20.0
    x = np.arange(n) * size / n
    k = 2 * np.pi * 2 / size
    wave = np.broadcast_to(np.cos(k * x)[:, None, None], (n, n, n)).astype(np.float32)
    fields = linear_channels(wave, size, CHANNELS)
    expected = {1: -wave / k**2, 2: -np.sin(k * x)[:, None, None] / k, 5: -k * np.sin(k * x)[:, None, None], 8: wave}
    for channel, value in expected.items():
        np.testing.assert_allclose(fields[channel], np.broadcast_to(value, wave.shape), atol=1e-4)
    assert np.abs(fields[[3, 4, 6, 7, 9, 10, 11, 12, 13]]).max() < 1e-4


def test_another_voxel_or_cosmology_is_refused_in_one_line(dense, linear):
    with pytest.raises(DataError, match=r"trained on voxels of 2 Mpc/h, asked for 1.25 Mpc/h .* choose \[box\] n = 5"):
        dense.predict(linear, 10.0)
    other = Universe.create(Configuration(cosmology=Cosmology(sigma8=0.7), box=Box(size=16.0, n=N)))
    with pytest.raises(DataError, match=r"\[cosmology\] sigma8 = 0.7, but toy.safetensors was trained with 0.834"):
        dense.refuse_other_universe(other)
    with pytest.raises(DataError, match="n = 10: the network needs a multiple of 4"):
        model(DenseNet(1, 4, 3), "dense").predict(np.zeros((10,) * 3, np.float32), 20.0)


def test_a_checkpoint_gives_the_network_back(tmp_path, linear):
    torch.manual_seed(5)
    network = DenseNet(1, 4, 2)
    inputs = Inputs("dense", "raw", (1e12, 1e14), VOXEL)
    card = {"model": "halo-mass", "architecture": DENSE, "inputs": inputs.as_card(), "validation": {}}
    card |= {"training": {"loss": "mse"}, "data": DATA}
    save_checkpoint(tmp_path / "a.safetensors", network.state_dict(), card)
    loaded = load(tmp_path / "a.safetensors")
    assert loaded.inputs == inputs
    expected = network(torch.from_numpy(linear)[None, None])[0, 0].detach().numpy()
    mass, _ = loaded.predict(linear, N * VOXEL)
    np.testing.assert_allclose(mass, 13 + expected.ravel(), atol=1e-5)


DATA = {"cosmology": Cosmology().model_dump(), "box": {"size": 16.0, "n": N}}
DENSE = {"kind": "halo-mass-dense", "inputs": 1, "channels": 4, "levels": 2}


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("inputs", {"voxel": None}, "voxel: Input should be a valid number"),
        ("inputs", {"voxel": 0.0}, "voxel: Input should be greater than 0"),
        ("inputs", {"side": 10**9}, "side: Input should be less than or equal to 255"),
        ("inputs", {"mass_range": [1e14, 1e12]}, r"mass_range = .*: expected ascending numbers"),
        ("inputs", {"scale": [0.0]}, "scale.0: Input should be greater than 0"),
        ("inputs", {"scale": [1.0, 1.0]}, "2 scales of 1 channels"),
        ("inputs", {"channels": ["tide"]}, "expected density first"),
        ("inputs", {"channels": ["density", "colour"], "scale": [1.0, 1.0]}, "channels.1: Input should be 'density'"),
        ("inputs", {"channels": ["density", "tide"], "scale": [1.0, 1.0]}, "with inputs = 1: they are for 7"),
        ("inputs", {"network": "subbox"}, "with kind = halo-mass-dense: they are for halo-mass-subbox"),
        ("inputs", {"input": "late"}, "input = 'late' of a dense network"),
        ("inputs", {"radius": 1.0}, "radius: Unexpected keyword argument"),
        ("training", {"loss": "absolute"}, "no loss of cauchy, mse"),
        ("data", {"cosmology": [0.3]}, "the card's data has no cosmology"),
        ("data", {"box": {"size": -1.0}}, "the card's data has no box"),
    ],
)
def test_a_card_that_does_not_describe_its_network_is_refused_in_one_line(tmp_path, part, change, message):
    inputs = Inputs("dense", "raw", (1e12, 1e14), VOXEL)
    card = {"model": "halo-mass", "architecture": DENSE, "inputs": inputs.as_card(), "validation": {}}
    card |= {"training": {"loss": "mse"}, "data": DATA}
    card |= {part: card[part] | change}
    save_checkpoint(tmp_path / "b.safetensors", DenseNet(1, 4, 2).state_dict(), card)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path / "b.safetensors")
    assert "\n" not in str(caught.value)


def test_predictions_that_are_not_finite_are_refused(dense, linear):
    with torch.no_grad():
        dense.network.log_gamma.fill_(500.0)
    with pytest.raises(DataError, match="predicts masses that are not finite"):
        dense.predict(linear, N * VOXEL)


def test_a_box_that_a_sub_box_or_sphere_would_hold_twice_is_refused():
    for inputs, message in (
        (
            Inputs("subbox", "raw", (1e12, 1e14), VOXEL, side=9, refinement=4),
            "sub-boxes of 9 voxels a side in a box of 8",
        ),
        (Inputs("perceptron", "raw", (1e12, 1e14), VOXEL, radii=(1.0, 9.0)), "spheres of 9 Mpc/h in a box of 16 Mpc/h"),
    ):
        with pytest.raises(DataError, match=message):
            inputs.refuse_smaller_box(N, N * VOXEL, "toy.safetensors")
    Inputs("subbox", "late", (1e12, 1e14), VOXEL, side=9, refinement=4).refuse_smaller_box(N, N * VOXEL, "toy")


def test_particles_of_the_initial_conditions_are_not_taken_for_the_last_ones():
    universe = Universe.create(Configuration(box=Box(size=N * VOXEL, n=N)))
    position = np.zeros((N**3, 3), np.float32)
    assert late_position(universe.with_particles([Particles(position, position, 0.0)])) is not None
    with pytest.raises(DataError, match="the particles are at z = 99; the density at z = 0 is needed"):
        late_position(universe.with_particles([Particles(position, position, 99.0)]))
