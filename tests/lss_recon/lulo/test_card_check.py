"""The card of a network against the forward model and the direction that it is asked for."""

import logging

import pytest

from lss.config import validate
from lss.errors import ConfigError
from lss.nets.checkpoint import read_card
from lss.universe import Universe
from lss_recon.config import Config
from lss_recon.forward_settings import forward_settings
from lss_recon.lulo.card_check import check_card


@pytest.mark.parametrize(("written", "warned"), [({"steps": 20, "start": 19.0}, False), ({"steps": 21}, True)])
def test_default_of_the_simulator_written_out_is_no_other_simulator(caplog, monkeypatch, written, warned):
    monkeypatch.setattr(logging.getLogger("lss"), "propagate", True)
    card = read_card("estimator-64-pm")
    assert not card["data"]["simulator"]["sim"].keys() & {"steps", "start"}
    recon = {"checkpoint": "estimator-64-pm"}
    tables = {"sim": {"method": "pm", **written}, "halo": card["data"]["simulator"]["halo"], "recon": recon}
    config = validate(Config, tables, "test")
    check_card(card, config, forward_settings(Universe.create(config), config))
    assert ("[sim] steps = 20, here 21" in caplog.text) == warned
    assert ("another forward model" in caplog.text) == warned


@pytest.mark.parametrize(("redshift", "warned"), [(None, False), (30.0, True)])
def test_simulations_that_begin_elsewhere_are_another_simulator(caplog, monkeypatch, redshift, warned):
    monkeypatch.setattr(logging.getLogger("lss"), "propagate", True)
    card = read_card("estimator-64")
    tables = {table: dict(card["data"]["simulator"][table]) for table in ("ic", "sim", "halo")}
    trained = tables["ic"]["redshift"]
    tables["ic"]["redshift"] = redshift or trained
    config = validate(Config, tables, "test")
    check_card(card, config, forward_settings(Universe.create(config), config))
    assert (f"trained on another forward model: [ic] redshift = {trained}, here 30.0" in caplog.text) == warned
    assert ("another forward model" in caplog.text) == warned


def test_start_that_a_card_leaves_to_the_default_is_held_against_the_loops(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("lss"), "propagate", True)
    card = read_card("estimator-64")
    trained = {table: dict(card["data"]["simulator"][table]) for table in ("ic", "sim", "halo")}
    config = validate(Config, trained, "test")
    del trained["ic"]["redshift"]
    silent = card | {"data": card["data"] | {"simulator": trained}}
    check_card(silent, config, forward_settings(Universe.create(config), config))
    assert "trained on another forward model: [ic] redshift = 127.0, here 19.0" in caplog.text


@pytest.mark.parametrize("model", ["imnn", "density", "optimizer"])
def test_networks_of_other_kinds_are_named(model):
    config = validate(Config, {"halo": {"mass_definition": "200c"}}, "test")
    card = {"model": model, "data": {}}  # what else the cards hold differs from kind to kind
    with pytest.raises(ConfigError, match=f'is of model "{model}"; .recon. direction = "estimate" needs "estimator"'):
        check_card(card, config, forward_settings(Universe.create(config), config))


@pytest.mark.parametrize(
    ("cosmology", "warned"), [({"omega_m": 0.3175}, ""), ({"sigma8": 0.8}, "[cosmology] sigma8 = 0.834, here 0.8")]
)
def test_parameters_that_a_catalogue_does_not_say_are_no_others(caplog, monkeypatch, cosmology, warned):
    monkeypatch.setattr(logging.getLogger("lss"), "propagate", True)
    card = read_card("estimator-64-pm")
    settings = forward_settings(*made(card, {"cosmology": cosmology}))
    missing = [name for name in ("omega_b", "h", "n_s", "transfer") if name not in cosmology]
    settings["cosmology"] = cosmology | {"unknown": missing}  # as another code's catalogue leaves them
    check_card(card, made(card, {})[1], settings)
    assert ("another forward model" in caplog.text) == bool(warned)
    assert warned in caplog.text


def made(card, tables):
    """A universe, and the configuration of a loop with the simulator that a network was trained on."""
    trained = {table: dict(card["data"]["simulator"][table]) for table in ("sim", "halo")}
    config = validate(Config, trained | {"recon": {"checkpoint": "estimator-64-pm"}} | tables, "test")
    return Universe.create(config), config
