import dataclasses
import json

import numpy as np
import pytest
import torch

from lss.errors import DataError
from lss.grid.fourier import smooth
from lss.grid.mesh import overdensity
from lss.learned import estimator
from lss.learned.estimator import Inputs, abundance_table, match_abundance
from lss.nets.checkpoint import save_checkpoint
from lss.nets.unet import UNet

INPUTS = Inputs(
    mass_smoothing=(1.0, 4.0),
    mass_scale=(6.0, 1.0),
    count_smoothing=(2.0,),
    count_scale=(2.0,),
    mass_density=1e10,
    number_density=2e-3,
    voxel=2.0,
    target_smoothing=1.0,
    target_scale=1.8,
)
ARCHITECTURE = {"kind": "unet", "inputs": 3, "outputs": 1, "channels": 4, "levels": 2}


def card():
    return {
        "model": "estimator",
        "architecture": ARCHITECTURE,
        "inputs": INPUTS.as_card(),
        "training": {},
        "data": {"abundance": abundance_table(np.geomspace(1e13, 1e15, 500), 5 * 100.0**3)},
        "validation": {"k": [0.1, 0.2, 0.3], "slope": [1.0, 0.9, 0.7], "correlation": [0.95, 0.8, 0.5]},
    }


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    torch.manual_seed(5)
    network = UNet(inputs=3, channels=4, levels=2)
    path = tmp_path_factory.mktemp("checkpoint") / "toy.safetensors"
    save_checkpoint(path, network.state_dict(), card())
    return path


def catalogue(n, count, seed=0):
    random = np.random.default_rng(seed)
    position = random.uniform(0, 2.0 * n, (count, 3)).astype(np.float32)
    return position, (1e13 * (1 + random.pareto(1.5, count))).astype(np.float32)


def test_inputs_are_compressed_overdensities_against_the_training_mean():
    position, mass = catalogue(16, 300)
    fields = INPUTS.fields(position, mass, 16, 32.0)
    number = 300 / 32.0**3 / INPUTS.number_density
    expected = smooth(number * (1 + overdensity(position, 16, 32.0)) - 1, 2.0, 32.0)
    np.testing.assert_allclose(np.sinh(fields[2]) * 2.0, expected, atol=2e-5)
    amount = float(mass.sum(dtype=float)) / 32.0**3 / INPUTS.mass_density
    assert np.mean(np.sinh(fields[1]), dtype=float) == pytest.approx(amount - 1, rel=1e-4)


def test_mass_bins_add_up_to_the_counts_and_one_bin_is_the_counts():
    position, mass = catalogue(16, 300)
    edges = tuple(np.quantile(mass, [0.5, 0.75]))
    binned = dataclasses.replace(INPUTS, mass_edges=edges, bin_share=(0.5, 0.25, 0.25))
    assert binned.channels == 5
    overdensities = np.sinh(binned.fields(position, mass, 16, 32.0)[2:])
    np.testing.assert_allclose(overdensities.sum(0), np.sinh(INPUTS.fields(position, mass, 16, 32.0)[2]), atol=2e-5)
    lightest = overdensity(position[mass < edges[0]], 16, 32.0) + 1
    expected = 150 / 32.0**3 / INPUTS.number_density * lightest - 0.5
    np.testing.assert_allclose(2.0 * overdensities[0], smooth(expected, 2.0, 32.0), atol=2e-5)


def moving(n, box_size, k, amplitude, flow):
    """Points on a grid that flow into the crests of amplitude cos(k x): velocity = -flow amplitude / k sin(k x)."""
    position = (np.stack(np.meshgrid(*(np.arange(n),) * 3, indexing="ij"), -1).reshape(-1, 3) * box_size / n).astype(
        "f4"
    )
    velocity = np.zeros_like(position)
    velocity[:, 0] = -flow * amplitude / k * np.sin(k * position[:, 0])
    return position, velocity


def test_halo_velocities_show_the_overdensity_that_they_fall_into():
    n, size, flow, k = 16, 32.0, 50.0, 2 * np.pi / 32.0
    position, velocity = moving(n, size, k, 0.1, flow)
    shown = dataclasses.replace(
        INPUTS, number_density=n**3 / size**3, velocity_smoothing=(4.0,), velocity_scale=(1.0,), flow=flow
    )
    mass = np.full(n**3, 1e13, np.float32)
    field = np.sinh(shown.fields(position, mass, n, size, velocity)[-1])
    expected = 0.1 * np.exp(-0.5 * (k * 4.0) ** 2) * np.cos(k * position[:, 0]).reshape(n, n, n)
    np.testing.assert_allclose(field, expected, atol=1e-4)
    # Seen along another axis it is the same field, turned.
    turned = shown.fields(position[:, [1, 0, 2]], mass, n, size, velocity[:, [1, 0, 2]])[-1]
    np.testing.assert_allclose(np.sinh(turned), field.transpose(1, 0, 2), atol=1e-6)
    with pytest.raises(DataError, match="has none"):
        shown.fields(position, mass, n, size)


def test_inputs_survive_the_card_and_say_nothing_of_what_is_off():
    full = dataclasses.replace(
        INPUTS, mass_edges=(3e13,), bin_share=(0.6, 0.4), velocity_smoothing=(8.0,), velocity_scale=(0.5,), flow=50.0
    )
    for inputs in (INPUTS, full):
        assert Inputs.from_card(json.loads(json.dumps({"inputs": inputs.as_card()})), "test") == inputs
    assert not INPUTS.as_card().keys() & {"mass_edges", "bin_share", "velocity_smoothing", "flow"}


def test_a_catalogue_without_halos_is_empty_everywhere():
    fields = INPUTS.fields(np.empty((0, 3), np.float32), np.empty(0, np.float32), 8, 16.0)
    for field, scale in zip(fields, (6.0, 1.0, 2.0), strict=True):
        np.testing.assert_allclose(field, np.arcsinh(-1 / scale), rtol=1e-5)


def test_an_estimate_moves_with_the_halos(path):
    a = estimator.load(path)
    position, mass = catalogue(16, 300)
    shift = np.float32([4.0, 0.0, 28.0])  # 2, 0 and 14 voxels
    moved = a.estimate((position + shift) % np.float32(32.0), mass, 16, 32.0)
    np.testing.assert_allclose(moved, np.roll(a.estimate(position, mass, 16, 32.0), (2, 0, 14), (0, 1, 2)), atol=1e-4)


def test_an_estimate_of_a_larger_box_repeats_that_of_the_small_one_it_is_tiled_of(path):
    a = estimator.load(path)
    position, mass = catalogue(8, 60)
    corners = np.array([(i, j, k) for i in (0, 16) for j in (0, 16) for k in (0, 16)], np.float32)
    tiled = (position[None] + corners[:, None]).reshape(-1, 3)
    large = a.estimate(tiled, np.tile(mass, 8), 16, 32.0)
    np.testing.assert_allclose(large[:8, :8, :8], a.estimate(position, mass, 8, 16.0), atol=1e-4)


def test_bits_do_not_depend_on_the_number_of_threads(path):
    a = estimator.load(path)
    position, mass = catalogue(32, 500)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = a.estimate(position, mass, 32, 64.0)
        torch.set_num_threads(2)
        assert np.array_equal(one, a.estimate(position, mass, 32, 64.0))
    finally:
        torch.set_num_threads(before)


def test_other_voxels_and_grids_that_cannot_be_halved_are_refused(path):
    a = estimator.load(path)
    position, mass = catalogue(16, 10)
    with pytest.raises(DataError, match=r"trained on voxels of 2 Mpc/h, asked for 1\.95 .* choose \[box\] n = 16"):
        a.estimate(position, mass, 16, 31.2)
    a.estimate(position, mass, 16, 32.2)  # within 1%
    with pytest.raises(DataError, match=r"\[box\] n = 15: the network needs a multiple of 2"):
        a.estimate(position, mass, 15, 30.0)


def test_calibration_is_linear_between_shells_and_constant_beyond(path):
    slope, correlation = estimator.load(path).calibration(np.array([0.01, 0.15, 9.0]))
    np.testing.assert_allclose(slope, [1.0, 0.95, 0.7])
    np.testing.assert_allclose(correlation, [0.95, 0.875, 0.5])


def test_masses_of_the_training_set_match_themselves():
    # five boxes share one mass function: half a rank of one box is two and a half of all
    every = np.geomspace(1e13, 1e15, 500)
    one_box = every[2::5]
    np.testing.assert_allclose(match_abundance(one_box, 100.0**3, card()), one_box, rtol=0.01)


def test_matching_keeps_the_order_and_forgets_the_unit():
    _, mass = catalogue(8, 50)
    matched = match_abundance(mass, 100.0**3, card())
    assert np.array_equal(np.argsort(matched), np.argsort(mass))
    np.testing.assert_array_equal(match_abundance(mass * 1e-10, 100.0**3, card()), matched)
    assert matched.max() < 1e15
    assert match_abundance(mass[:0], 100.0**3, card()).shape == (0,)


def test_a_card_that_does_not_describe_an_estimator_is_refused(path, tmp_path):
    network = UNet(inputs=3, channels=4, levels=2)
    for change, message in (
        ({"inputs": {}}, "do not describe an estimator"),
        ({"inputs": dataclasses.replace(INPUTS, count_smoothing=()).as_card()}, "lists 2 inputs"),
        ({"validation": {"k": [0.1]}}, "validation has no slope, correlation"),
    ):
        save_checkpoint(tmp_path / "bad.safetensors", network.state_dict(), card() | change)
        with pytest.raises(DataError, match=message):
            estimator.load(tmp_path / "bad.safetensors")
    with pytest.raises(DataError, match="no table of abundances"):
        match_abundance(np.ones(3), 1.0, {"data": {}})
