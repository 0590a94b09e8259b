"""Data, forward model and checkpoint that do not fit each other are refused before the first simulation."""

import dataclasses
import logging

import numpy as np
import pytest
from tests.reconstructing import reconstruct, with_halos

from lss.config import merge
from lss.errors import ConfigError, DataError


def test_empty_observed_catalogue_is_refused(observed, estimator):
    none = {name: column[:0] for name, column in observed.halos.columns.items()}
    with pytest.raises(DataError, match=r"observed.h5: /halos is empty"):
        reconstruct(with_halos(observed, columns=none), estimator)


def test_halos_outside_the_box_are_refused(observed, estimator):
    moved = {**observed.halos.columns, "position": observed.halos.position + np.float32(20)}
    with pytest.raises(DataError, match=r"halos lie outside the box of 31.25 Mpc/h"):
        reconstruct(with_halos(observed, columns=moved), estimator)


def test_masses_of_another_definition_than_the_forward_models_are_refused(observed, estimator):
    with pytest.raises(ConfigError, match=r'the observed masses are "200c", those of the forward model "fof"'):
        reconstruct(with_halos(observed, mass_definition="200c"), estimator)


def test_halos_of_another_redshift_are_refused(observed, estimator):
    with pytest.raises(ConfigError, match=r"observed halos are at z = 0.5, the forward model ends at z = 0"):
        reconstruct(with_halos(observed, redshift=0.5), estimator)


def test_catalogue_outside_the_mass_range_is_refused(observed, estimator):
    light = {**observed.halos.columns, "mass": observed.halos.mass * np.float32(1e-6)}
    with pytest.raises(DataError, match=r"none of the \d+ observed halos is within \[halo\] mass_range"):
        reconstruct(with_halos(observed, columns=light), estimator)


def test_checkpoint_of_another_mass_definition_is_refused(observed, estimator):
    other = with_halos(observed, mass_definition="200c")
    other = dataclasses.replace(other, config=merge(other.config, {"halo": {"mass_definition": "200c"}}))
    with pytest.raises(ConfigError, match=r'trained on "fof" halos; \[halo\] mass_definition = "200c": change one'):
        reconstruct(other, estimator)


def test_checkpoint_of_other_voxels_is_refused(observed, estimator):
    wide = observed.box.model_copy(update={"size": 62.5})
    other = dataclasses.replace(observed, box=wide, config=merge(observed.config, {"box": {"size": 62.5}}))
    with pytest.raises(ConfigError, match=r"trained on voxels of 1.953 Mpc/h; \[box\] size / n = 3.906 Mpc/h"):
        reconstruct(other, estimator)


def test_deconvolving_further_than_the_estimator_sees_is_refused(observed, estimator):
    with pytest.raises(ConfigError, match=r"k_max = 3: .* has no information beyond k = 2.4 h/Mpc"):
        reconstruct(observed, estimator, update={"k_max": 3.0})


def test_checkpoint_that_does_not_exist_is_named_with_those_that_ship(observed):
    with pytest.raises(DataError, match=r"checkpoint 'none-such': no such name; shipped are: .*estimator-64"):
        reconstruct(observed, "none-such")


def test_estimator_cannot_stand_in_for_a_network_of_pairs(observed, estimator):
    with pytest.raises(ConfigError, match=r'of model "estimator"; \[recon\] direction = "pairs" needs "optimizer"'):
        reconstruct(observed, estimator, direction="pairs", start="prior")


def test_network_trained_on_another_simulator_is_warned_of(observed, estimator, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("lss"), "propagate", True)
    changed = dataclasses.replace(observed, config=merge(observed.config, {"sim": {"steps": 5}}))
    reconstruct(changed, estimator, max_simulations=1)
    assert "trained on another forward model: [sim] steps = 10, here 5" in caplog.text
    caplog.clear()
    reconstruct(observed, estimator, max_simulations=1)
    assert "another forward model" not in caplog.text


def test_unknown_key_of_the_forward_model_is_refused_before_the_first_simulation(observed, estimator):
    with pytest.raises(ConfigError, match=r"\[sim\] stepps = 3: unknown key; did you mean 'steps'"):
        reconstruct(dataclasses.replace(observed, config=merge(observed.config, {"sim": {"stepps": 3}})), estimator)
