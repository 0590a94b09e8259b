"""model = "lagrangian-bias": a known f is found again, by every loss; what does not suit is refused in one line."""

import numpy as np
import pytest
import torch
from tests.biased_universes import BOX_SIZE, RADIUS, biased_universe

from lss.config import validate
from lss.errors import ConfigError, DataError, Stopped
from lss.files.restart import Restart
from lss.files.universe_file import write_universe
from lss.grid.agreement import agreement, bands
from lss.grid.mesh import overdensity
from lss.learned.lagrangian_bias import Inputs, evaluate, load, principal_components, unit_mean
from lss.nets.perceptron import Perceptron, Perceptrons
from lss.process import interrupt
from lss_train.config import Config
from lss_train.data.bias_universes import read_bias_set
from lss_train.train import train
from lss_train.training.lagrangian_bias.cells import cell_descent, cells_of, tolerance
from lss_train.training.lagrangian_bias.labels import label_loss
from lss_train.training.lagrangian_bias.modes import ModeLoss

SMALL = {"radii": [RADIUS], "width": 16, "layers": 2, "members": 1, "label_batch": 1024, "label_epochs": 4}


@pytest.fixture(scope="module")
def universes(tmp_path_factory):
    """Two universes on disk, and the true f of each."""
    folder = tmp_path_factory.mktemp("universes")
    ratios = []
    for index in range(2):
        universe, f = biased_universe(index)
        write_universe(universe, folder / f"{index:06d}.h5")
        ratios.append(f)
    return folder, ratios


def configuration(**settings):
    extra = {key: settings.pop(key) for key in ("seed", "initial") if key in settings}
    tables = {"train": {"model": "lagrangian-bias", "lagrangian_bias": SMALL | settings, **extra}}
    return validate(Config, tables, "test.toml")


def trained(folder, output, restart=None, **settings):
    train([folder], configuration(**settings), output, restart=restart or Restart(None))
    return load(output)


def reduced(folder, orthogonal=True):
    return read_bias_set([folder], [RADIUS], "count", (0, np.inf), orthogonal=orthogonal)


def mean_error(found, true, bins=8):
    """Relative error of f in bins that hold equal shares of the halos, rms."""
    order = np.argsort(true)
    parts = np.split(order, np.searchsorted(np.cumsum(true[order]), np.arange(1, bins) / bins * true.sum()))
    return np.sqrt(np.mean([(found[part].sum() / true[part].sum() - 1) ** 2 for part in parts]))


def test_labels_find_a_known_ratio(universes, tmp_path):
    folder, ratios = universes
    bias = trained(folder, tmp_path / "labels.safetensors", weight="count", held_out=1, label_epochs=10)
    data, _ = reduced(folder)
    for universe, true in zip(data.universes, ratios, strict=True):
        f = unit_mean(evaluate(bias.function, universe.inputs))
        assert f.mean(dtype=np.float64) == pytest.approx(1, abs=1e-6)
        assert mean_error(f, true) < 0.12  # 4,000 halos: 0.045 of it is theirs
    assert bias.card["validation"]["universes"] == 1
    assert not bias.card["validation"]["of_training"]
    assert bias.card["data"]["density"] == pytest.approx(0.12 * 32**3 / BOX_SIZE**3, rel=0.05)


@pytest.mark.parametrize("function", ["binned", "least-squares", "polynomial", "linear", "one"])
def test_functions_without_a_network_have_the_same_interface(universes, tmp_path, function):
    folder, ratios = universes
    bias = trained(folder, tmp_path / "f.safetensors", function=function, cell=10.0)
    data, _ = reduced(folder, orthogonal=False)
    f = unit_mean(evaluate(bias.function, data.universes[0].inputs))
    error = mean_error(f, ratios[0])
    limits = {"binned": 0.1, "least-squares": 0.35, "polynomial": 0.25, "linear": 0.6}
    assert error < limits.get(function, 2)
    if function == "one":
        np.testing.assert_allclose(f, 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"losses": ["cells"], "cell": 12.5, "cell_epochs": 15, "cell_batch": 3000, "cell_rate": 0.01},
        {
            "losses": ["cells"],
            "cell": 12.5,
            "cell_epochs": 15,
            "cell_batch": 3000,
            "cell_rate": 0.01,
            "assignment": "cic",
        },
        {"losses": ["labels", "modes"], "mode_updates": 5, "k_max": 0.4},
    ],
    ids=["ngp", "cic", "modes"],
)
def test_fields_teach_the_ratio_too(universes, tmp_path, settings):
    folder, _ = universes
    bias = trained(folder, tmp_path / "f.safetensors", weight="count", **settings)
    one = trained(folder, tmp_path / "one.safetensors", weight="count", function="one")
    assert bias.card["validation"]["error"][0] < 0.3 * one.card["validation"]["error"][0]
    losses = list(bias.card["training"]["losses"].values())[-1]
    assert losses[-1] < losses[0]


def test_the_label_loss_is_least_at_the_conditional_mean():
    t = torch.tensor([0.0, 0.0, 3.0, 1.0])
    at = [label_loss(torch.full((4,), float(np.log10(f))), t).item() for f in (0.9, 1.0, 1.1)]
    assert at[1] < min(at[0], at[2])


def test_the_gradient_of_the_mode_loss_is_that_of_differences(universes):
    data, _ = reduced(universes[0])
    loss = ModeLoss(data.universes[0], 0.3)
    f = np.random.default_rng(1).uniform(0.5, 2, 32**3).astype(np.float32)
    _, gradient = loss.value_and_gradient(f)
    direction = gradient * np.random.default_rng(2).uniform(0, 1, len(f)).astype(np.float32) * 1e4
    above, below = (loss.value_and_gradient(f + sign * 0.05 * direction)[0] for sign in (1, -1))
    assert (above - below) / 0.1 == pytest.approx(float(gradient.astype(np.float64) @ direction), rel=1e-2)


def test_the_mode_loss_is_the_error_of_the_field(universes):
    universe = reduced(universes[0])[0].universes[0]
    loss = ModeLoss(universe, 0.2)
    f = np.ones(32**3, np.float32)
    model = overdensity(universe.position, loss.n, BOX_SIZE, "cic", f)
    shells = (np.arange(1, 5) - 0.5) * 2 * np.pi / BOX_SIZE
    expected = agreement(model, universe.halo_field(loss.n), BOX_SIZE, shells, "none").error
    assert loss.value_and_gradient(f)[0] == pytest.approx(expected.mean(), rel=0.05)  # k_max cuts the last shell


def test_the_true_occupation_paints_the_halos(universes):
    universe = reduced(universes[0])[0].universes[0]
    model = overdensity(universe.position, 32, BOX_SIZE, "cic", universe.occupation)
    found = agreement(model, universe.halo_field(32), BOX_SIZE, bands(BOX_SIZE))
    np.testing.assert_allclose(found.power_ratio, 1, atol=1e-4)
    assert found.error.max() < 1e-6


@pytest.mark.parametrize("scheme", ["ngp", "cic"])
def test_cells_hold_every_particle_once(universes, scheme):
    universe = reduced(universes[0])[0].universes[0]
    cells = cells_of(universe, 8, scheme)
    share = np.bincount(cells.particle, cells.share, minlength=32**3)
    np.testing.assert_allclose(share, 8**3 / 32**3, rtol=1e-5)
    entries, place = cells.entries(np.array([5, 2]))
    lengths = cells.offset[[6, 3]] - cells.offset[[5, 2]]
    assert np.bincount(place).tolist() == lengths.tolist()
    assert entries[0] == cells.offset[5]
    assert cells.target.mean() == pytest.approx(1, abs=1e-4)


def test_the_printed_tolerance_falls_with_the_epoch():
    assert tolerance(2) == pytest.approx(0.1 / 8)
    assert tolerance(50) == 1e-4


def test_a_stopped_training_resumes_to_the_same_bits(universes, tmp_path, monkeypatch):
    folder, _ = universes
    settings = {"losses": ["labels", "modes"], "mode_updates": 2, "members": 2}
    whole = trained(folder, tmp_path / "whole.safetensors", **settings)
    asked = iter([False] * 40 + [True] * 1000)
    monkeypatch.setattr(interrupt, "requested", lambda: next(asked))
    state = tmp_path / "state"
    with pytest.raises(Stopped, match="--resume"):
        trained(folder, tmp_path / "f.safetensors", Restart(state), **settings)
    monkeypatch.undo()
    resumed = trained(folder, tmp_path / "f.safetensors", Restart(state, resume=True), **settings)
    for a, b in zip(whole.function.parameters(), resumed.function.parameters(), strict=True):
        assert torch.equal(a, b)
    assert whole.card["training"]["losses"] == resumed.card["training"]["losses"]


def test_a_small_network_learns_the_average_of_large_ones(universes, tmp_path):
    folder, _ = universes
    bias = trained(
        folder, tmp_path / "f.safetensors", members=2, distil=[8, 2], losses=["labels", "modes"], mode_updates=1
    )
    assert bias.card["architecture"] == {"kind": "perceptrons", "inputs": 3, "width": 8, "layers": 2, "members": 1}
    assert set(bias.card["training"]["losses"]) == {"labels-0", "labels-1", "distilled", "modes-distilled"}


def test_principal_components_find_the_one_direction_that_counts(universes, tmp_path):
    """f depends on delta at one radius alone: along one axis of the inputs."""
    folder, _ = universes
    first = trained(folder, tmp_path / "first.safetensors", weight="count")
    data, inputs = reduced(folder)
    values, axes = principal_components(first.function, data.universes[0].inputs)
    assert values[0] == 1
    assert values[1] < 0.1
    toward_delta = np.linalg.lstsq(inputs.matrix.T, np.array([1.0, 0, 0]), rcond=None)[0]
    assert abs(axes[0] @ toward_delta) / np.linalg.norm(toward_delta) > 0.95
    again = trained(
        folder,
        tmp_path / "again.safetensors",
        weight="count",
        components=2,
        initial=str(tmp_path / "first.safetensors"),
    )
    assert again.card["architecture"]["inputs"] == 2
    assert again.inputs.matrix.shape == (2, 3)
    assert again.card["validation"]["error"][0] < 1.3 * first.card["validation"]["error"][0]


def test_the_mean_of_several_trainings_is_the_mean_of_f():
    networks = Perceptrons(3, 4, 1, members=2)
    x = torch.randn(10, 3)
    each = [10 ** networks.member(i)(x) for i in (0, 1)]
    torch.testing.assert_close(networks(x), (each[0] + each[1]) / 2)


def test_the_printed_constraint_outweighs_the_residuals_of_a_batch(universes):
    """Whole cells do not have a mean of one: at eps = 1e-4 their scatter alone costs more than the worst field."""
    data, _ = reduced(universes[0])
    network = Perceptron(3, 4, 1)
    losses = {}
    for constraint in ("printed", "divide"):
        settings = {"cell": 12.5, "scheme": "ngp", "batch": 3000, "epochs": 50, "learning_rate": 0.01, "seed": 1}
        work = cell_descent(data.universes, constraint=constraint, **settings)
        losses[constraint] = np.mean([work.backward(network, batch, 49) for batch in work.batches(49)])
    assert losses["printed"] > 100 * losses["divide"]


def test_what_does_not_suit_is_refused_in_one_line(universes, tmp_path):
    folder, _ = universes
    output = tmp_path / "f.safetensors"
    with pytest.raises(ConfigError, match=r"radii = 1\.41 Mpc/h: on voxels of 3\.125 Mpc/h the smallest radius"):
        trained(folder, output, radii=[1.41])
    with pytest.raises(DataError, match=r"no halo above 1e\+15 Msun/h; the masses here are 3e\+13"):
        trained(folder, output, lowest_mass=1e15)
    with pytest.raises(ConfigError, match=r"held_out = 2: of 2 universes none is left"):
        trained(folder, output, held_out=2)
    with pytest.raises(ConfigError, match=r"components = 2: \[train\] initial must name"):
        trained(folder, output, components=2)
    with pytest.raises(ConfigError, match=r"radii has 2"):
        configuration(function="binned", radii=[4.0, 8.0])
    with pytest.raises(ConfigError, match=r"highest_mass = 1e\+13 is not above lowest_mass = 1e\+14"):
        configuration(lowest_mass=1e14, highest_mass=1e13)


@pytest.mark.parametrize("group", ["ic", "PartType1", "halos"])
def test_a_universe_that_lacks_something_is_refused(universes, tmp_path, group):
    universe, _ = biased_universe(0, n=16, radius=8.0)
    write_universe(universe.without(group), tmp_path / "lacking.h5")
    with pytest.raises(DataError, match=rf"no /{group}"):
        trained(tmp_path / "lacking.h5", tmp_path / "f.safetensors", radii=[8.0])


def test_halos_without_members_have_no_labels(tmp_path):
    universe, _ = biased_universe(0, n=16, radius=8.0)
    write_universe(universe.without("fields/halo_particle_mass"), tmp_path / "u.h5")
    with pytest.raises(DataError, match=r"halos without members.*particle_masses = true"):
        trained(tmp_path / "u.h5", tmp_path / "f.safetensors", radii=[8.0])


def test_inputs_of_another_voxel_are_refused():
    inputs = Inputs((8.0,), np.eye(3), 3.125)
    with pytest.raises(ConfigError, match=r"voxels of 3\.125 Mpc/h does not suit 6\.25 Mpc/h .* choose \[box\] n = 32"):
        inputs.of_field(np.zeros((16, 16, 16), np.float32), 100.0)
