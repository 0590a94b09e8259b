"""The posterior of an observed field's parameters, from the stage: small random fields and an untrained compressor."""

import dataclasses
from importlib.metadata import EntryPoint, entry_points

import numpy as np
import pytest
import torch

from lss import stages
from lss.config import Configuration, merge, validate
from lss.differentiable.field_models import simulator
from lss.errors import ConfigError, DataError, Stopped
from lss.files.digest import digest
from lss.files.restart import Restart
from lss.files.universe_file import write_universe
from lss.learned import compression
from lss.nets.checkpoint import load_checkpoint, save_checkpoint
from lss.physics.random_field import white_noise
from lss.process import interrupt
from lss.universe import Field, Universe
from lss_recon.config import Config
from lss_recon.simulation_based import simulators
from lss_recon.stage import plan
from lss_train.config import Config as TrainConfig
from lss_train.train import train

NAMES = ("ic.amplitude", "ic.slope")
SETTINGS = {
    "box": {"n": 16, "size": 16.0},
    "ic": {"field": "power-law", "dimensions": 2, "amplitude": 1.0, "slope": 0.5, "seed": 3},
    "inference": {"parameters": list(NAMES), "low": [0.2, 0.0], "high": [2.0, 1.0], "data": "power_law"},
    "train": {"model": "imnn", "imnn": {"updates": 0, "levels": 2, "first_weights": 500, "validation": 200}},
    "recon": {
        "method": "delfi",
        "delfi": {"rounds": 2, "simulations": 200, "samples": 1000},
        "density": {"members": 1, "transforms": 2, "hidden": [16], "epochs": 15, "learning_rate": 5e-3},
    },
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A compressor whose weights are those measured on simulations."""
    path = tmp_path_factory.mktemp("imnn") / "imnn.safetensors"
    config = validate(TrainConfig, SETTINGS, "test")
    train([], config, path, restart=Restart(None), settings=SETTINGS)
    return str(path)


@pytest.fixture(scope="module")
def observed():
    config = validate(Configuration, SETTINGS, "test")
    blank = Universe(config.cosmology, config.box, SETTINGS, {}, "observed.h5")
    return dataclasses.replace(stages.run("ic", blank, SETTINGS), source="observed.h5")


def infer(universe, checkpoint, options=None, settings=None):
    asked = merge(merge(SETTINGS, {"recon": {"checkpoint": checkpoint}}), settings or {})
    return stages.run("recon", universe, asked, **(options or {}))


def compress(checkpoint, fields):
    compressor = compression.load(checkpoint)
    return compressor.score_estimate(compressor.summaries(fields))


@pytest.fixture(scope="module")
def inferred(observed, checkpoint):
    return infer(observed, checkpoint)


def test_the_observed_universe_comes_out_with_its_posterior_and_every_simulation(observed, inferred):
    posterior, simulations = inferred.group("recon/posterior"), inferred.group("recon/simulations")
    assert np.array_equal(inferred.field("power_law").value, observed.field("power_law").value)
    assert posterior.data["samples"].shape == (1000, 2)
    assert posterior.data["weights"].sum() == pytest.approx(1)
    assert posterior.attrs["parameters"] == "ic.amplitude ic.slope"
    assert simulations.data["theta"].shape == simulations.data["x"].shape == (400, 2)
    assert simulations.data["ok"].all()
    assert np.bincount(simulations.data["round"]).tolist() == [200, 200]


def test_the_posterior_is_about_the_score_estimate_and_as_wide_as_its_fisher_matrix_says(inferred):
    posterior = inferred.group("recon/posterior")
    theta, estimate, fisher = posterior.data["samples"], posterior.attrs["score_estimate"], posterior.attrs["fisher"]
    sigma = np.sqrt(np.diag(np.linalg.inv(fisher)))
    assert (np.abs(theta.mean(axis=0) - estimate) < sigma).all()
    np.testing.assert_allclose(theta.std(axis=0) / sigma, 1, atol=0.35)


def test_the_log_density_of_the_samples_is_normalised(inferred):
    posterior = inferred.group("recon/posterior")
    theta, log_density = posterior.data["samples"], posterior.data["log_density"]
    # The entropy of the samples against that of the Gaussian of their covariance.
    gaussian = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * np.cov(theta.T))[1]
    assert -log_density.mean() == pytest.approx(gaussian, abs=0.25)


def test_a_stopped_inference_goes_on_to_the_same_bits(observed, checkpoint, inferred, tmp_path, monkeypatch):
    few = {"recon": {"simulations": {"batch": 150}}}
    whole = infer(observed, checkpoint, settings=few)
    calls = iter(range(1, 100))
    monkeypatch.setattr(interrupt, "requested", lambda: next(calls) == 3)
    with pytest.raises(Stopped, match="--resume goes on from here"):
        infer(observed, checkpoint, {"restart": Restart(tmp_path / "s")}, few)
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    resumed = infer(observed, checkpoint, {"restart": Restart(tmp_path / "s", resume=True)}, few)
    assert digest(resumed) == digest(whole)


def test_the_state_of_another_observation_is_refused(observed, checkpoint, tmp_path):
    few = {"recon": {"delfi": {"rounds": 1, "simulations": 50}}}
    infer(observed, checkpoint, {"restart": Restart(tmp_path / "s")}, few)
    other = observed.with_field("power_law", Field(observed.field("power_law").value * np.float32(1.1)))
    with pytest.raises(ConfigError, match="made from another input"):
        infer(other, checkpoint, {"restart": Restart(tmp_path / "s", resume=True)}, few)


# --- simulations -----------------------------------------------------------------------------------------------------


def test_a_simulation_through_stages_is_the_field_of_its_noise_and_parameters(checkpoint):
    theta = np.array([[0.7, 0.3], [1.4, 0.8]])
    arguments = (("ic",), SETTINGS, NAMES, "power_law", lambda fields: compress(checkpoint, fields))
    made = simulators.fields_of_stages(*arguments, seed=5, sample=2, restart=Restart(None))
    x = made(theta, 7)
    noise = [white_noise(5, 7 + i, 16, partner=simulators._NOISE + 2, dimensions=2) for i in range(2)]
    model = simulator(SETTINGS, NAMES)
    fields = model.fields(torch.from_numpy(theta.astype(np.float32)), torch.from_numpy(np.stack(noise)))
    np.testing.assert_allclose(x, compress(checkpoint, fields.numpy()), rtol=2e-3)


def test_simulations_in_memory_do_not_depend_on_how_they_are_batched(checkpoint):
    theta = np.random.default_rng(1).uniform([0.5, 0.3], [1.5, 0.7], (300, 2))
    made = simulators.fields_in_memory(SETTINGS, NAMES, lambda fields: compress(checkpoint, fields), seed=1, sample=0)
    whole = made(theta, 0)
    parts = np.concatenate([made(theta[:100], 0), made(theta[100:], 100)])
    np.testing.assert_array_equal(parts, whole)


def test_score_estimates_scatter_about_the_parameters_near_the_fiducial(checkpoint):
    theta = np.tile([1.0, 0.5], (400, 1))
    made = simulators.fields_in_memory(SETTINGS, NAMES, lambda fields: compress(checkpoint, fields), seed=2, sample=0)
    x = made(theta, 0)
    fisher = compression.load(checkpoint).fisher
    chi_squared = np.einsum("ma,ab,mb->m", x - theta, fisher, x - theta)
    assert chi_squared.mean() == pytest.approx(2, abs=0.35)


def test_simulations_in_memory_fail_where_the_configuration_refuses_the_parameters(checkpoint):
    """No field has a negative power: it is no simulation, though a simulator could be asked for one."""
    made = simulators.fields_in_memory(SETTINGS, NAMES, lambda fields: compress(checkpoint, fields), seed=1, sample=0)
    x = made(np.array([[0.8, 0.5], [-0.1, 0.5], [1.2, 0.5]]), 0)
    assert np.isfinite(x).all(axis=1).tolist() == [True, False, True]


FRAGILE = """
from lss.errors import DataError
from lss_ic.stage import Config, plan

def run(universe, config):
    if config.ic.slope > 0.9:
        raise DataError("too steep")
    return universe
"""


def test_simulations_that_fail_in_a_stage_are_recorded_and_left_out(observed, checkpoint, tmp_path, monkeypatch):
    (tmp_path / "users_fragile.py").write_text(FRAGILE)
    monkeypatch.syspath_prepend(tmp_path)
    fragile = EntryPoint("fragile", "users_fragile", "lss.stages")
    monkeypatch.setattr(stages, "entry_points", lambda group: [*entry_points(group=group), fragile])
    settings = {
        "inference": {"stages": ["ic", "fragile"]},
        "recon": {"delfi": {"rounds": 1, "simulations": 60}, "simulations": {"max_failed": 0.4}},
    }
    result = infer(observed, checkpoint, settings=settings)
    table = result.group("recon/simulations").data
    assert (table["theta"][table["ok"] == 0, 1] > 0.9).all()
    assert (table["theta"][table["ok"] == 1, 1] <= 0.9).all()
    assert result.group("recon/posterior").attrs["failed"] == np.count_nonzero(table["ok"] == 0) > 0
    with pytest.raises(DataError, match=r"of \d+ simulations failed, more than .* max_failed = 0 .*ic.slope = 0.9"):
        infer(observed, checkpoint, settings=merge(settings, {"recon": {"simulations": {"max_failed": 0.0}}}))


# --- one density for many observations -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def given(inferred, tmp_path_factory):
    """The settings that ask for a density of the simulations of `inferred`."""
    folder = tmp_path_factory.mktemp("density")
    write_universe(inferred, folder / "inferred.h5")
    settings = merge(SETTINGS, {"train": {"model": "density", "density": SETTINGS["recon"]["density"]}})
    config = validate(TrainConfig, settings, "test")
    train([folder / "inferred.h5"], config, folder / "density.safetensors", restart=Restart(None))
    return {"recon": {"delfi": {"density": str(folder / "density.safetensors")}}}


def test_a_density_trained_on_the_simulations_of_one_inference_serves_another(observed, inferred, checkpoint, given):
    result = infer(observed, checkpoint, settings=given)
    assert not result.has("recon/simulations")
    again, first = (u.group("recon/posterior").data["samples"] for u in (result, inferred))
    assert (np.abs(again.mean(axis=0) - first.mean(axis=0)) < 0.5 * first.std(axis=0)).all()


def test_a_density_of_another_network_s_summaries_is_refused(observed, given, tmp_path):
    other = merge(SETTINGS, {"train": {"seed": 5}})
    config = validate(TrainConfig, other, "test")
    train([], config, tmp_path / "other.safetensors", restart=Restart(None), settings=other)
    with pytest.raises(
        ConfigError, match=r"the summaries of another network; \[recon\] checkpoint = .*other.safetensors"
    ):
        infer(observed, str(tmp_path / "other.safetensors"), settings=given)


def test_a_density_is_asked_nowhere_but_where_its_simulations_are(observed, checkpoint, given):
    wide, narrow = ({"inference": {"high": [high, 1.0]}} for high in (20.0, 1.5))
    with pytest.raises(ConfigError, match=r"with ic.amplitude from 0.2.* to .*\[inference\] low and high .* 0.2 to 20"):
        infer(observed, checkpoint, settings=merge(given, wide))
    posterior = infer(observed, checkpoint, settings=merge(given, narrow)).group("recon/posterior")
    assert posterior.data["samples"][:, 0].max() <= 1.5


def test_a_density_knows_no_data_unlike_its_simulations(observed, checkpoint, given, tmp_path):
    loud = observed.with_field("power_law", Field(observed.field("power_law").value * np.float32(5)))
    with pytest.raises(DataError, match="the data lie outside the prior"):
        infer(loud, checkpoint, settings=given)
    state, card = load_checkpoint(given["recon"]["delfi"]["density"])
    early = {key: value for key, value in card["data"].items() if not key.startswith("summaries")}
    save_checkpoint(tmp_path / "early.safetensors", state, card | {"data": early})
    asked = {"recon": {"delfi": {"density": str(tmp_path / "early.safetensors")}}}
    assert infer(observed, checkpoint, settings=asked).has("recon/posterior")


def test_universes_without_simulations_teach_no_density(observed, tmp_path):
    write_universe(observed, tmp_path / "observed.h5")
    config = validate(TrainConfig, merge(SETTINGS, {"train": {"model": "density"}}), "test")
    with pytest.raises(DataError, match=r"no /recon/simulations; lss-recon with method"):
        train([tmp_path / "observed.h5"], config, tmp_path / "d.safetensors", restart=Restart(None))


# --- what cannot be inferred -----------------------------------------------------------------------------------------


def test_a_checkpoint_of_other_parameters_is_refused(observed, checkpoint):
    other = {"inference": {"parameters": ["ic.slope", "ic.amplitude"]}}
    with pytest.raises(ConfigError, match=r"was trained for ic\.amplitude, ic\.slope"):
        infer(observed, checkpoint, settings=other)


def test_a_universe_without_the_field_is_refused(observed, checkpoint):
    with pytest.raises(DataError, match=r"observed.h5: no /fields/power_law"):
        infer(observed.without("fields"), checkpoint)


def test_a_field_that_is_not_finite_is_refused(observed, checkpoint):
    value = observed.field("power_law").value.copy()
    value[3, 4] = np.nan
    with pytest.raises(DataError, match=r"observed.h5: /fields/power_law is not finite"):
        infer(observed.with_field("power_law", Field(value)), checkpoint)


def test_a_field_of_another_size_is_refused(observed, checkpoint):
    value = np.zeros((8, 8), np.float32)
    with pytest.raises(DataError, match="trained on fields of shape"):
        infer(observed.with_field("power_law", Field(value)), checkpoint)


def test_a_field_in_another_box_is_refused(observed, checkpoint):
    wide = dataclasses.replace(observed, box=observed.box.model_copy(update={"size": 64.0}))
    with pytest.raises(DataError, match=r"observed.h5: box of 64 Mpc/h, but .*imnn.safetensors was trained on 16$"):
        infer(wide, checkpoint)


def test_a_loud_field_is_outside_the_prior(observed, checkpoint):
    loud = observed.with_field("power_law", Field(observed.field("power_law").value * np.float32(5)))
    with pytest.raises(DataError, match="the data lie outside the prior"):
        infer(loud, checkpoint)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("ampltude", 2.0, "did you mean 'amplitude'"), ("dimensions", "two", "2 or 3"), ("field", 5, "'power-law'")],
)
def test_a_table_of_the_simulator_is_checked_before_anything_is_planned_or_run(observed, checkpoint, key, value, said):
    wrong = {"ic": {key: value}}
    with pytest.raises(ConfigError, match=said):
        infer(observed, checkpoint, settings=wrong)
    asked = merge(SETTINGS, {"recon": {"checkpoint": checkpoint}} | wrong)
    with pytest.raises(ConfigError, match=said):
        plan(observed, validate(Config, asked, "test"))


def test_the_plan_counts_all_simulations(observed, checkpoint):
    asked = merge(SETTINGS, {"recon": {"checkpoint": checkpoint}})
    few, many = (
        plan(observed, validate(Config, merge(asked, {"recon": {"delfi": {"simulations": n}}}), "test"))
        for n in (100, 1000)
    )
    assert many.cpu_seconds == pytest.approx(10 * few.cpu_seconds)
    assert any("at most 2000 simulations" in step for step in many.steps)
