"""`[halo] network`: a checkpoint's card says which module predicts; its halos are treated as those of a finder."""

import sys
import types

import numpy as np
import pytest
import torch

from lss.config import Settings, validate
from lss.errors import ConfigError, DataError
from lss.nets.checkpoint import CARD_KEYS, save_checkpoint
from lss.stages import Plan
from lss.universe import Field, Halos, Universe
from lss_halo import predicted, stage

N, BOX = 8, 20.0


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "toy.safetensors"
    save_checkpoint(path, {"w": torch.zeros(1)}, {key: {} for key in CARD_KEYS} | {"model": "toy"})
    return str(path)


def configuration(**halo):
    settings: Settings = {"box": {"n": N, "size": BOX}, "halo": halo}
    return validate(stage.Config, settings, "test.toml")


def install(monkeypatch, predict):
    """A module and a line in the table: all that a new model needs."""
    module = types.ModuleType("toy_model")
    module.predict = predict
    module.plan = lambda universe, config: Plan(1_000, 2.0, ["toy halos"])
    monkeypatch.setitem(sys.modules, "toy_model", module)
    monkeypatch.setitem(predicted.NETWORKS, "toy", "toy_model")


def with_two_halos(universe, config, checkpoint):
    columns = {
        "position": np.array([[2.5, 5, 7.5], [10, 10, 10]], np.float32),
        "velocity": np.zeros((2, 3), np.float32),
        "mass": np.array([4e14, 2e13], np.float32),
    }
    return universe.with_halos(Halos(columns, "200c", "toy", 0.0))


def with_a_field(universe, config, checkpoint):
    return universe.with_field("halo_model", Field(np.ones((N, N, N), np.float32)))


def test_predicted_halos_are_seen_by_the_survey_and_painted(monkeypatch, checkpoint):
    install(monkeypatch, with_two_halos)
    config = configuration(network=checkpoint, survey={"selection": [(1e14, 0.0), (1.1e14, 1.0)]})
    result = stage.run(Universe.create(config), config)
    assert result.halos.finder == "toy"
    assert result.halos.mass.tolist() == [np.float32(4e14)]
    assert result.field("halo_count").value.max() == pytest.approx(N**3 - 1)


def test_a_predicted_field_is_added_beside_the_halos_that_are_there(monkeypatch, checkpoint):
    install(monkeypatch, with_a_field)
    config = configuration(network=checkpoint)
    before = with_two_halos(Universe.create(config), config, checkpoint).with_field(
        "halo_count", Field(np.zeros((N,) * 3))
    )
    result = stage.run(before, config)
    assert result.groups["halos"] is before.groups["halos"]
    assert result.field_names == ["halo_count", "halo_model"]


def test_the_plan_is_that_of_the_network(monkeypatch, checkpoint):
    install(monkeypatch, with_a_field)
    assert stage.plan(None, configuration(network=checkpoint)).steps == ["toy halos"]


def test_halos_of_another_definition_than_asked_for_are_refused(monkeypatch, checkpoint):
    install(monkeypatch, with_two_halos)
    config = configuration(network=checkpoint, mass_definition="fof")
    with pytest.raises(ConfigError, match=r'the halos are "200c", but \[halo\] mass_definition = "fof"$'):
        stage.run(Universe.create(config), config)


def test_a_model_that_predicts_no_halos_is_refused_with_those_that_do(monkeypatch, checkpoint):
    monkeypatch.setattr(predicted, "NETWORKS", {"other-toy": "nowhere"})
    config = configuration(network=checkpoint)
    for call in (stage.run, stage.plan):
        with pytest.raises(ConfigError, match="model 'toy', which predicts no halos; models that do: 'other-toy'"):
            call(Universe.create(config), config)


def test_a_missing_checkpoint_and_two_sources_of_halos_are_refused():
    config = configuration(network="no/such.safetensors")
    with pytest.raises(DataError, match="no such checkpoint"):
        stage.run(Universe.create(config), config)
    with pytest.raises(ConfigError, match=r"network and \[halo.catalogue\] exclude each other"):
        configuration(network="a", catalogue={"format": "ahf"})
