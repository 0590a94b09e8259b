import dataclasses

import numpy as np
import pytest
import torch

from lss.config import validate
from lss.differentiable.field_models import simulator
from lss.differentiable.information import field_information
from lss.errors import ConfigError, DataError, Stopped
from lss.files.restart import Restart
from lss.files.universe_file import member_path, write_universe
from lss.inference import with_parameters
from lss.learned import compression
from lss.nets.compressor_net import CompressorNet
from lss.process import interrupt
from lss.stages import run as run_stage
from lss.universe import Universe
from lss_train.config import Config
from lss_train.data.field_batches import FIGURES, TRAINING, VALIDATION, Batch, InMemory
from lss_train.data.stored import assign_purposes, read_stored
from lss_train.train import plan, train
from lss_train.training import imnn_loop
from lss_train.training.fisher_loss import fisher_loss

NAMES = ["ic.amplitude", "ic.slope"]
SETTINGS = {
    "box": {"size": 16.0, "n": 16},
    "ic": {"field": "power-law", "dimensions": 2, "seed": 5},
    "inference": {"parameters": NAMES, "fiducial": [1.0, 0.5], "step": [0.1, 0.1]},
    "train": {
        "model": "imnn",
        "imnn": {
            **{"levels": 2, "bands": 8, "channels": 2, "hidden": 8, "first_weights": 1000, "simulations": 100},
            **{"updates": 4, "every": 2, "validation": 500, "figures": 4000},
        },
    },
}


def settings(**imnn):
    return SETTINGS | {"train": {"model": "imnn", "imnn": SETTINGS["train"]["imnn"] | imnn}}


def trained(path, *, inputs=(), observed=None, restart=None, data=None, **imnn):
    tables = data or settings(**imnn)
    config = validate(Config, tables, "test")
    train(list(inputs), config, path, settings=tables, restart=restart or Restart(None), observed=observed)
    return compression.load(path)


def in_memory(step=None, distinct=0):
    return InMemory(simulator(SETTINGS, NAMES), np.array([1.0, 0.5]), step, 1, distinct, "cpu")


def universe(theta, index=0, box=None):
    tables = with_parameters(SETTINGS | {"box": box or SETTINGS["box"]}, NAMES, theta)
    empty = Universe.create(validate(Config, tables, "test"), tables)
    return run_stage("ic", empty, tables, index=index)


def test_a_compressor_keeps_what_a_gaussian_field_knows_and_no_more(tmp_path):
    compressor = trained(tmp_path / "net.safetensors")
    exact = field_information(simulator(SETTINGS, NAMES), [1.0, 0.5])
    ratio = np.sqrt(np.linalg.det(compressor.fisher) / np.linalg.det(exact))
    assert 0.85 < ratio < 1.03


def test_the_gradient_of_the_loss_goes_through_the_derivatives_of_the_simulator():
    torch.manual_seed(1)
    network = CompressorNet(2, 16, 2, bands=6, channels=2, levels=2, hidden=4).double()
    torch.nn.init.normal_(network.output.weight)
    batch = next(in_memory().batches(TRAINING, 0, 20))
    batch = Batch(batch.fiducial.double(), batch.tangents.double())

    def information():
        summaries, derivatives = batch.apply(network)
        return fisher_loss(summaries, derivatives.mean(1), 10, 0.1)[1]

    information().backward()
    for name, parameter in network.named_parameters():
        before, values = parameter.detach().clone(), []
        for step in (1e-6, -1e-6):
            parameter.data = before + step * torch.sign(parameter.grad)
            values.append(information().item())
        parameter.data = before
        slope = (values[0] - values[1]) / 2e-6
        assert parameter.grad.abs().sum().item() == pytest.approx(slope, rel=1e-3, abs=1e-6), name


def test_the_derivatives_of_the_simulator_are_those_of_differences():
    exact = next(in_memory().batches(TRAINING, 3, 20))
    differences = next(in_memory(np.array([1e-3, 1e-3])).batches(TRAINING, 3, 20))
    assert torch.equal(exact.fiducial, differences.fiducial)
    slopes = (differences.above - differences.below) / differences.span[:, None, None, None, None]
    torch.testing.assert_close(exact.tangents, slopes, atol=2e-3, rtol=2e-3)


def test_simulations_are_new_for_each_purpose_and_update_unless_they_are_few():
    fresh, few = in_memory(), in_memory(distinct=40)
    asked = (fresh, TRAINING, 0), (fresh, TRAINING, 2), (fresh, VALIDATION, 0), (few, TRAINING, 0), (few, TRAINING, 2)
    fields = [next(source.batches(purpose, number, 20)).fiducial for source, purpose, number in asked]
    assert not torch.equal(fields[0], fields[1])
    assert not torch.equal(fields[0], fields[2])
    assert torch.equal(fields[3], fields[4])


def test_a_training_that_is_stopped_and_resumed_ends_with_the_same_bits(tmp_path, monkeypatch):
    quick = {"first_weights": 300, "validation": 200, "figures": 500}
    whole = trained(tmp_path / "whole.safetensors", **quick)
    asked = iter([False, False, True])
    monkeypatch.setattr(interrupt, "requested", lambda: next(asked, True))
    with pytest.raises(Stopped, match="update 2 of 4"):
        trained(tmp_path / "part.safetensors", restart=Restart(tmp_path / "state"), **quick)
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    resumed = trained(tmp_path / "part.safetensors", restart=Restart(tmp_path / "state", resume=True), **quick)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name
    assert (whole.fisher == resumed.fisher).all()


def test_the_fiducial_follows_the_estimate_until_it_stays_put(tmp_path):
    write_universe(universe([0.7, 0.7]), tmp_path / "observed.h5")
    observed = tmp_path / "observed.h5"
    compressor = trained(tmp_path / "net.safetensors", observed=observed, updates=2, figures=1000)
    rounds = compressor.card["training"]["rounds"]
    assert 2 < len(rounds) <= 5
    assert rounds[0]["fiducial"] == [1.0, 0.5]
    assert rounds[1]["fiducial"] == pytest.approx(rounds[0]["estimate"])
    assert rounds[-2]["moved"] < 0.5 < rounds[0]["moved"]
    assert compressor.card["training"]["updates"] == 2
    error = compressor.fiducial - [0.7, 0.7]
    assert error @ compressor.fisher @ error < 14  # chi^2 of two parameters: one in a thousand


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Forty universes at the fiducial, and twelve pairs of a step in each parameter."""
    folder = tmp_path_factory.mktemp("stored")
    for i in range(40):
        write_universe(universe([1.0, 0.5], i), member_path(folder / "fiducial", i))
    for name, theta in {"a-": [0.9, 0.5], "a+": [1.1, 0.5], "b-": [1.0, 0.4], "b+": [1.0, 0.6]}.items():
        for i in range(12):
            write_universe(universe(theta, i), member_path(folder / name, i))
    return folder


def test_stored_universes_are_matched_by_parameter_and_seed(stored):
    inference = validate(Config, settings(), "test").inference
    source = read_stored(sorted(stored.iterdir()), inference, 0.5, 1, "cpu")
    assert (source.fiducial.shape, source.above.shape) == ((40, 1, 16, 16), (2, 12, 1, 16, 16))
    # P = A k^-B of one noise: a step in A multiplies every field by the same number.
    torch.testing.assert_close(
        source.above[0] / source.below[0], torch.tensor(1.1 / 0.9).sqrt().expand(12, 1, 16, 16), atol=1e-3, rtol=1e-3
    )
    parts = [next(source.batches(purpose, 0, 100)) for purpose in range(4)]
    assert [len(part.fiducial) for part in parts] == [20, 20, 10, 10]
    held = torch.cat([part.fiducial for part in parts[1:]])
    assert len(torch.unique(held.flatten(1), dim=0)) == 40


def test_every_seed_has_one_purpose_and_every_purpose_its_share():
    keys = [(4, i) for i in range(100)]
    of = assign_purposes(keys, 0.3)
    assert [list(of.values()).count(purpose) for purpose in (TRAINING, VALIDATION, FIGURES)] == [70, 15, 15]
    assert {of[key] for key in keys[:20]} == {TRAINING, VALIDATION, FIGURES}


def test_a_compressor_is_trained_on_stored_universes(stored, tmp_path):
    tables = settings(bands=2, channels=1, levels=1, updates=2)
    tables["train"] |= {"validation": 0.5}
    compressor = trained(tmp_path / "net.safetensors", inputs=sorted(stored.iterdir()), data=tables)
    exact = field_information(simulator(SETTINGS, NAMES), [1.0, 0.5])
    assert 0 < np.linalg.det(compressor.fisher) < 4 * np.linalg.det(exact)
    assert compressor.card["data"]["universes"] == 40
    assert compressor.card["data"]["box"] == SETTINGS["box"]


@pytest.mark.parametrize("negative", [[0, 1], [1]], ids=["validation and figures", "figures"])
def test_simulations_too_few_to_tell_a_derivative_from_noise_are_said_to_be(tmp_path, monkeypatch, negative):
    signs = iter([-1.0 if i in negative else 1.0 for i in range(2)])
    monkeypatch.setattr(compression.Moments, "fisher", lambda _: next(signs) * np.eye(2))
    with pytest.raises(DataError, match="is not positive: too few of them, or of their pairs"):
        trained(tmp_path / "net.safetensors", updates=0, first_weights=300, validation=100, figures=100)
    assert not list(tmp_path.glob("*.safetensors"))


def test_universes_that_are_no_step_away_or_lack_their_other_half_are_refused(stored, tmp_path):
    inference = validate(Config, settings(), "test").inference
    halves = [stored / name for name in ("fiducial", "a-", "a+", "b-")]
    with pytest.raises(DataError, match=r"40 universes at the fiducial and \[12, 12, 12, 0\]"):
        read_stored(halves, inference, 0.5, 1, "cpu")
    write_universe(universe([1.0, 0.55]), tmp_path / "astray.h5")
    with pytest.raises(DataError, match=r"astray\.h5: neither at the fiducial nor one step"):
        read_stored([tmp_path / "astray.h5"], inference, 0.5, 1, "cpu")
    write_universe(universe([1.0, 0.5], 40, box={"size": 16.0, "n": 32}), tmp_path / "finer.h5")
    write_universe(universe([1.0, 0.5], 40, box={"size": 32.0, "n": 16}), tmp_path / "wider.h5")
    for other in ("finer", "wider"):
        with pytest.raises(DataError, match=rf"{other}\.h5: box size=.*000000\.h5: box size=16\.0 n=16, field of"):
            read_stored([stored / "fiducial", tmp_path / f"{other}.h5"], inference, 0.5, 1, "cpu")


def test_what_cannot_be_done_is_said(stored, tmp_path):
    output = tmp_path / "net.safetensors"
    with pytest.raises(ConfigError, match="stored universes have one fiducial"):
        trained(output, inputs=[stored], observed=stored)
    with pytest.raises(ConfigError, match="levels = 5: a grid of 16 points per side cannot be halved that often"):
        trained(output, levels=5)
    with pytest.raises(ConfigError, match=r"\[ic\] ampltude = 2.0: unknown key; did you mean 'amplitude'"):
        trained(tmp_path / "net.safetensors", data=settings() | {"ic": SETTINGS["ic"] | {"ampltude": 2.0}})
    with pytest.raises(ConfigError, match=r"cosmology\.sigma8: does not change"):
        trained(output, data=settings() | {"inference": {"parameters": ["cosmology.sigma8", "ic.slope"]}})
    with pytest.raises(ConfigError, match=r"\[ic\] amplitude = -1"):
        trained(output, data=settings() | {"inference": {"fiducial": [-1.0, 0.5], "low": [-2.0, 0.0]}})
    larger = settings() | {"box": {"size": 32.0, "n": 32}}
    with pytest.raises(DataError, match=r"has shape \(16, 16\); \[box\] n = 32"):
        trained(output, data=larger, observed=stored / "fiducial" / "000000.h5")
    wider = settings() | {"box": {"size": 64.0, "n": 16}}
    with pytest.raises(DataError, match=r"a box of 16 Mpc/h; \[box\] size = 64"):
        trained(output, data=wider, observed=stored / "fiducial" / "000000.h5")
    config = validate(Config, {"train": {"model": "estimator"}}, "test")
    with pytest.raises(ConfigError, match="does not follow an estimate; models that do: imnn"):
        train([stored], config, output, restart=Restart(None), observed=stored)


def test_parameters_that_change_the_fields_alike_are_said_to_be_degenerate():
    class Alike:
        shape, device = (16, 16), "cpu"

        def batches(self, purpose, number, count):
            for batch in in_memory().batches(purpose, number, count):
                yield dataclasses.replace(batch, tangents=batch.tangents[[0, 0]])

    network = CompressorNet(2, 16, 2, bands=4, channels=2, levels=2, hidden=4)
    with pytest.raises(DataError, match="the summaries are degenerate: a parameter changes nothing"):
        imnn_loop.prepare(network, Alike(), 200)


def test_the_plan_says_what_will_be_simulated_or_read(stored):
    config = validate(Config, settings(), "test")
    assert plan([], config).steps[0] == "simulate 6900 fields"
    assert plan(sorted(stored.iterdir()), config).steps[0] == "read the fields of 88 universes"


def test_the_best_weights_are_kept(monkeypatch):
    informations = iter([5.0, 9.0, 7.0])

    class Found:
        def fisher(self):
            return np.diag([np.exp(next(informations)), 1.0])

    monkeypatch.setattr(imnn_loop, "moments", lambda network, batches: Found())
    network, run = torch.nn.Linear(1, 1), imnn_loop.Run()
    for update in range(3):
        torch.nn.init.constant_(network.weight, update)
        run.update = update
        imnn_loop.validate(run, network, in_memory(), 10)
    assert (run.best_update, run.best["weight"].item(), run.waited) == (1, 1.0, 1)
    assert run.best_information == pytest.approx(9.0)
