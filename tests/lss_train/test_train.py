import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lss.errors import ConfigError, DataError, Stopped
from lss.files.restart import Restart
from lss.files.universe_file import write_universe
from lss.learned import estimator
from lss.nets.checkpoint import load_checkpoint, load_network, read_card
from lss.nets.unet import UNet
from lss.process import interrupt
from lss_train.config import Config, Train
from lss_train.data.estimator_examples import EstimatorModel, estimator_inputs, smoothed_linear
from lss_train.data.examples import Examples
from lss_train.data.universes import read_training_set, write_training_set
from lss_train.train import plan, train
from lss_train.training.unet_loop import LOSSES

SMALL = {"channels": 4, "levels": 2, "epochs": 2, "warm_up": 2}
PAIRS = {"model": "optimizer", "loss": "cosine", "schedule": "plateau", "batch": 2, "learning_rate": 4e-4}


def small(**changes):
    return Config(train=Train(**SMALL | changes))


def weights(path):
    return load_checkpoint(path)[0]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_one_universe_can_be_learnt_by_heart(ensemble, tmp_path):
    universes = read_training_set([ensemble])
    settings = Train(channels=4, levels=2, validation=0.5)
    model = EstimatorModel(universes, estimator_inputs(universes, settings, np.arange(6)))
    examples = Examples(model, [(0,)], 16, 1e9)
    torch.manual_seed(1)
    network = UNet(model.inputs, 1, 4, 2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    fields = examples[(0,)][None]
    losses = []
    for _ in range(40):
        loss = LOSSES["mse"](network(fields[:, :-1]), fields[:, -1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_training_an_estimator_gives_a_checkpoint_that_estimates(ensemble, tmp_path, toy_universe):
    output = tmp_path / "net.safetensors"
    train([ensemble], small(epochs=8, learning_rate=1e-2), output, restart=Restart(None))
    a = estimator.load(output)
    universe = toy_universe(5)  # the one kept back
    estimate = a.estimate(universe.halos.position, universe.halos.mass, 16, 32.0)
    target = smoothed_linear(read_training_set([ensemble]), 5, 1.0)
    assert np.corrcoef(target.ravel(), estimate.ravel())[0, 1] > 0.3
    slope, correlation = a.calibration(np.array([0.3]))
    assert 0.5 < slope[0] < 2
    assert 0.5 < correlation[0] < 1


def test_the_card_says_what_the_network_was_trained_on(ensemble, tmp_path):
    train([ensemble], small(), tmp_path / "net.safetensors", restart=Restart(None))
    card = read_card(tmp_path / "net.safetensors")
    data = card["data"]
    assert data["hash"] == read_training_set([ensemble]).hash()
    assert (data["universes"], data["training"], data["validation"]) == (6, 5, [[4, 5]])
    assert (data["mass_definition"], data["min_particles"]) == ("fof", 28)
    assert data["simulator"]["sim"] == {"method": "pm"}
    assert data["box"] == {"size": 32.0, "n": 16}
    assert card["training"]["updates"] == 10
    assert card["training"]["learning_rate"] == 2e-3
    assert len(data["abundance"]["log10_mass"]) > 100
    lines = [json.loads(line) for line in (tmp_path / "net.jsonl").read_text().splitlines()]
    assert [line["update"] for line in lines if "loss" in line] == list(range(1, 11))
    assert [line["validation_loss"] for line in lines if "validation_loss" in line][-1] >= card["validation"]["loss"]


@pytest.mark.parametrize("stop_at", [1, 5, 7])
def test_a_stopped_training_resumes_to_the_same_bits(ensemble, tmp_path, monkeypatch, stop_at):
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train([ensemble], small(), whole, restart=Restart(None))
    calls = iter(range(1, 100))
    monkeypatch.setattr(interrupt, "requested", lambda: next(calls) == stop_at)
    with pytest.raises(Stopped, match=f"stopped at update {stop_at} of 10"):
        train([ensemble], small(), parts, restart=Restart(tmp_path / "state"))
    assert not parts.exists()
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    torch.manual_seed(99)  # nothing may come from the global generator
    train([ensemble], small(), parts, restart=Restart(tmp_path / "state", resume=True))
    assert same(weights(whole), weights(parts))
    without_time = [
        [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in path.read_text().splitlines()]
        for path in (whole.with_suffix(".jsonl"), parts.with_suffix(".jsonl"))
    ]
    assert without_time[0] == without_time[1]


def test_a_training_begins_from_a_checkpoint_and_its_units(ensemble, pairs, tmp_path, monkeypatch):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    train([ensemble], small(epochs=6, learning_rate=1e-2), first, restart=Restart(None))
    # Other universes, and a rate at which nothing is learned: what comes out is what was begun with.
    train([pairs], small(initial=str(first), learning_rate=1e-12), second, restart=Restart(None))
    begun, ended = weights(first), weights(second)
    assert all(torch.allclose(begun[name], ended[name], atol=1e-9) for name in begun)
    card = read_card(second)
    assert card["inputs"] == read_card(first)["inputs"]
    assert card["training"]["initial"] == str(first)
    assert len(card["training"]["initial_sha256"]) == 64
    # and a run that is stopped on the way has the same bits
    calls = iter(range(1, 100))
    third = tmp_path / "third.safetensors"
    monkeypatch.setattr(interrupt, "requested", lambda: next(calls) == 3)
    fine_tune = small(initial=str(first), learning_rate=1e-2)
    with pytest.raises(Stopped):
        train([pairs], fine_tune, third, restart=Restart(tmp_path / "state"))
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    train([pairs], fine_tune, third, restart=Restart(tmp_path / "state", resume=True))
    train([pairs], fine_tune, second, restart=Restart(None))
    assert same(weights(second), weights(third))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 8}, "made with channels = 4, here it is 8"),
        ({"target_smoothing": 2.0}, r"made with target_smoothing = 1\.0, here it is 2\.0"),
        ({"count_smoothing": (1.0,)}, "made with inputs = 7, here it is 5"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(ensemble, tmp_path, changes, message):
    first = tmp_path / "first.safetensors"
    train([ensemble], small(epochs=1), first, restart=Restart(None))
    with pytest.raises(ConfigError, match=message):
        train([ensemble], small(initial=str(first), **changes), tmp_path / "b.safetensors", restart=Restart(None))


def test_mass_bins_and_velocities_are_inputs_as_the_others(ensemble, tmp_path, toy_universe):
    settings = small(mass_bins=3, velocity_smoothing=(4.0, 8.0))
    train([ensemble], settings, tmp_path / "a.safetensors", restart=Restart(None), export=tmp_path / "set.h5")
    train([tmp_path / "set.h5"], settings, tmp_path / "b.safetensors", restart=Restart(None))
    assert same(weights(tmp_path / "a.safetensors"), weights(tmp_path / "b.safetensors"))
    a = estimator.load(tmp_path / "a.safetensors")
    assert a.inputs.channels == 4 + 3 * 3 + 2
    np.testing.assert_allclose(a.inputs.bin_share, [0.5, 0.25, 0.25], atol=0.01)
    halos = toy_universe(5).halos
    still = a.estimate(halos.position, halos.mass, 16, 32.0, halos.velocity)
    assert not np.allclose(still, a.estimate(halos.position, halos.mass, 16, 32.0, 2 * halos.velocity), atol=1e-3)
    without = dataclasses.replace(read_training_set([ensemble]), velocity=None)
    write_training_set(without, tmp_path / "still.h5")
    with pytest.raises(DataError, match="exported without velocities"):
        train([tmp_path / "still.h5"], settings, tmp_path / "c.safetensors", restart=Restart(None))


def test_universes_without_halos_are_learnt_from_beside_others_and_not_alone(tmp_path, toy_universe):
    for index in range(4):
        write_universe(toy_universe(index, halos=bool(index % 2)), tmp_path / "some" / f"{index}.h5")
        write_universe(toy_universe(index, halos=False), tmp_path / "none" / f"{index}.h5")
    settings = small(epochs=1, mass_bins=2, velocity_smoothing=(4.0,))
    train([tmp_path / "some"], settings, tmp_path / "some.safetensors", restart=Restart(None))
    assert np.isfinite(read_card(tmp_path / "some.safetensors")["validation"]["loss"])
    with pytest.raises(DataError, match="no halos in the 3 training universes"):
        train([tmp_path / "none"], settings, tmp_path / "none.safetensors", restart=Restart(None))


def test_a_run_killed_between_two_saves_makes_the_lost_updates_again(ensemble, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train([ensemble], small(), whole, restart=Restart(None))
    calls = iter(range(1, 100))
    monkeypatch.setattr(interrupt, "requested", lambda: next(calls) == 8 and kill())
    with pytest.raises(Killed):
        train([ensemble], small(), parts, restart=Restart(tmp_path / "state"))
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    train([ensemble], small(), parts, restart=Restart(tmp_path / "state", resume=True))
    assert same(weights(whole), weights(parts))
    updates = [json.loads(line)["update"] for line in parts.with_suffix(".jsonl").read_text().splitlines()]
    assert updates == sorted(updates)


def test_the_state_of_other_data_is_refused(ensemble, pairs, tmp_path):
    restart = Restart(tmp_path / "state", resume=True)
    train([ensemble], small(epochs=1), tmp_path / "a.safetensors", restart=restart)
    with pytest.raises(ConfigError, match="made from another input"):
        train([pairs], small(epochs=1), tmp_path / "a.safetensors", restart=restart)


def test_an_exported_set_trains_to_the_same_bits_and_so_does_a_small_cache(ensemble, tmp_path):
    train([ensemble], small(), tmp_path / "a.safetensors", restart=Restart(None), export=tmp_path / "set.h5")
    train([tmp_path / "set.h5"], small(cache=0.0), tmp_path / "b.safetensors", restart=Restart(None))
    assert same(weights(tmp_path / "a.safetensors"), weights(tmp_path / "b.safetensors"))


def test_pairs_train_with_the_cosine_loss(pairs, tmp_path):
    train([pairs], small(**PAIRS, epochs=6), tmp_path / "pairs.safetensors", restart=Restart(None))
    network, card = load_network(tmp_path / "pairs.safetensors", "optimizer")
    assert card["inputs"]["channels"] == ["mass_weighted", "count"]
    assert 0 < card["validation"]["cosine"] < 1
    assert -1 <= card["validation"]["cosine_smoothed"] <= 1
    assert card["validation"]["loss"] == pytest.approx(1 - card["validation"]["cosine"], abs=1e-5)
    assert network(torch.zeros(1, 2, 8, 8, 8)).shape == (1, 1, 8, 8, 8)


@pytest.mark.parametrize(
    ("changes", "halo", "channels"),
    [
        ({"loss": "mse"}, {}, ["mass_weighted", "count"]),
        ({"loss": "hybrid"}, {}, ["mass_weighted", "count"]),
        ({}, {"fields": ["mass_weighted"]}, ["mass_weighted"]),
        ({}, {"fields": ["count"]}, ["count"]),
        ({"pairs": "independent", "validation": 0.5}, {}, ["mass_weighted", "count"]),
        ({"mean_counts": "own"}, {}, ["mass_weighted", "count"]),
    ],
    ids=["mse", "hybrid", "only masses", "only counts", "independent pairs", "own mean counts"],
)
def test_a_variant_of_the_paper_is_one_line_and_learns(pairs, ensemble, tmp_path, changes, halo, channels):
    config = Config(train=Train(**SMALL | PAIRS | {"epochs": 6, "learning_rate": 4e-3} | changes), halo=halo)
    universes = ensemble if changes.get("pairs") == "independent" else pairs
    train([universes], config, tmp_path / "pairs.safetensors", restart=Restart(None))
    card = read_card(tmp_path / "pairs.safetensors")
    assert card["architecture"]["inputs"] == len(channels)
    assert card["inputs"]["channels"] == channels
    assert card["inputs"].get("mean_counts", "data") == changes.get("mean_counts", "data")
    assert card["validation"]["cosine_smoothed"] > 0.2


def test_a_halo_field_that_is_none_is_refused(pairs, tmp_path):
    config = Config(train=Train(**SMALL | PAIRS), halo={"feilds": ["count"]})
    with pytest.raises(ConfigError, match=r"feilds.*did you mean 'fields'"):
        train([pairs], config, tmp_path / "pairs.safetensors", restart=Restart(None))


def test_bfloat16_convolutions_train_alike(ensemble, tmp_path):
    losses = {}
    for precision in ("float32", "bfloat16"):
        output = tmp_path / f"{precision}.safetensors"
        train([ensemble], small(precision=precision), output, restart=Restart(None))
        losses[precision] = read_card(output)["validation"]["loss"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)


@pytest.mark.parametrize(
    ("config", "output", "message"),
    [
        (Config(box={"n": 32}), "a.safetensors", r"\[box\] n = 32, but the universes have 16"),
        (Config(cosmology={"omega_m": 0.3}), "a.safetensors", r"omega_m = 0\.3, but the universes have 0\.3175"),
        (small(levels=6), "a.safetensors", "cannot be halved that often"),
        (small(device="abacus"), "a.safetensors", "device = 'abacus'"),
        (small(), "a.pt", r"must end in \.safetensors"),
        (small(), None, "no output"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_reason(ensemble, tmp_path, config, output, message):
    with pytest.raises(ConfigError, match=message):
        train([ensemble], config, output and tmp_path / output, restart=Restart(None))
    assert not list(tmp_path.iterdir())


def test_pairs_need_partners_and_their_x_a(ensemble, pairs, tmp_path):
    with pytest.raises(DataError, match="no perturbed partners"):
        train([ensemble], small(**PAIRS), tmp_path / "a.safetensors", restart=Restart(None))
    members = sorted(pairs.iterdir())
    with pytest.raises(DataError, match="x_a of index 0 is missing"):
        train(members[1:], small(**PAIRS), tmp_path / "a.safetensors", restart=Restart(None))
    with pytest.raises(DataError, match="cannot be split"):
        train(members[:3], small(), tmp_path / "a.safetensors", restart=Restart(None))


@pytest.mark.parametrize("model", ["imnn", "density"])
def test_networks_of_parameters_take_no_first_weights_and_no_set_of_halos(model, tmp_path):
    with pytest.raises(ValueError, match=f'model = "{model}" does not begin from a checkpoint'):
        Train(model=model, initial="estimator-64")
    with pytest.raises(ConfigError, match=f"model = '{model}' has no compact training set"):
        train([tmp_path], small(model=model), None, restart=Restart(None), export=tmp_path / "set.h5")


def test_a_set_is_not_exported_to_standard_output(ensemble, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="--export -: the set must be written to a file"):
        train([ensemble], small(), None, restart=Restart(None), export=Path("-"))
    assert not list(tmp_path.iterdir())


def test_the_plan_counts_universes_wherever_they_are(ensemble, tmp_path):
    train([ensemble], small(), None, restart=Restart(None), export=tmp_path / "set.h5")
    costs = [plan([path], small()).cpu_seconds for path in (ensemble, tmp_path / "set.h5")]
    assert costs[0] == costs[1] > 0
