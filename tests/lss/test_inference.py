"""What is inferred: the table, the prior, and settings at a point of it."""

import numpy as np
import pytest

from lss.config import Configuration, quantity, validate
from lss.errors import ConfigError, DataError
from lss.inference import (
    Inference,
    Prior,
    hartlap_factor,
    is_singular,
    join_names,
    read_parameter,
    split_names,
    with_parameters,
)


class Config(Configuration):
    inference: Inference = quantity(Inference(), "what is inferred")


TWO = {"parameters": ["cosmology.omega_m", "cosmology.sigma8"], "fiducial": [0.3, 0.8], "low": [0.1, 0.5]}
TWO |= {"high": [0.5, 1.1], "step": [0.01, 0.01]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"high": [0.5]}, "high: 1 values for 2 parameters"),
        ({"low": [0.1, 1.2]}, "cosmology.sigma8: low = 1.2 is not below high = 1.1"),
        ({"fiducial": [0.3, 1.2]}, "cosmology.sigma8: the fiducial 1.2 is outside the prior, 0.5 to 1.1"),
        ({"step": [0.01, 0]}, "cosmology.sigma8: step = 0 must be greater than 0"),
        ({"parameters": ["sigma8", "cosmology.omega_m"]}, '"sigma8" is no table.key of the configuration'),
        ({"parameters": ["cosmology.sigma8"] * 2}, "a key stands twice"),
        ({"fiducials": [0.3, 0.8]}, "did you mean 'fiducial'"),
    ],
)
def test_numbers_that_do_not_fit_their_parameters_are_refused(change, said):
    with pytest.raises(ConfigError, match=r"\[inference\]") as error:
        validate(Config, {"inference": TWO | change}, "u.toml")
    assert said in str(error.value)


def test_a_prior_is_uniform_and_integrates_to_one():
    prior = Inference(**TWO).prior
    draws = prior.draw(np.random.default_rng(1), 20_000)
    assert prior.contains(draws).all()
    np.testing.assert_allclose(draws.mean(0), [0.3, 0.8], atol=0.01)
    wide = Prior(np.zeros(2), np.array([1.0, 2.0])).draw(np.random.default_rng(2), 20_000)
    assert 2 * np.exp(prior.log_density(wide)).mean() == pytest.approx(1, abs=0.06)
    assert prior.log_density([[0.3, 1.2]]) == -np.inf


def test_parameters_replace_their_keys_and_nothing_else():
    settings = {"cosmology": {"h": 0.7, "sigma8": 0.8}, "recon": {"delfi": {"rounds": 4}}}
    changed = with_parameters(settings, ["cosmology.sigma8", "halo.mass_range", "recon.delfi.width"], [0.9, 2, 3])
    assert changed["cosmology"] == {"h": 0.7, "sigma8": 0.9}
    assert changed["recon"]["delfi"] == {"rounds": 4, "width": 3.0}
    assert settings["cosmology"]["sigma8"] == 0.8


def test_names_come_back_from_one_attribute():
    names = ("cosmology.sigma8", "ic.amplitude")
    assert split_names(join_names(names)) == names


def test_a_covariance_is_singular_by_its_correlations_not_by_its_units():
    assert not is_singular(np.diag([1e-30, 1.0, 1e30]))
    assert is_singular(np.diag([0.0, 1.0]))
    assert is_singular(np.array([[1.0, 1 - 1e-12], [1 - 1e-12, 1.0]]))
    assert not is_singular(np.array([[1.0, 1 - 1e-8], [1 - 1e-8, 1.0]]))


def test_the_hartlap_factor_makes_inverse_covariances_unbiased():
    rng, size, simulations = np.random.default_rng(1), 5, 12
    inverses = [np.linalg.inv(np.cov(rng.normal(size=(simulations, size)).T)) for _ in range(4000)]
    mean = hartlap_factor(simulations, size) * np.mean(inverses, axis=0)
    np.testing.assert_allclose(mean, np.eye(size), atol=0.05)


def test_a_parameter_is_read_where_it_was_set_and_missed_by_name():
    settings = with_parameters({}, ["cosmology.sigma8", "recon.delfi.power"], [0.8, 2.0])
    assert read_parameter(settings, "recon.delfi.power", "u.h5") == 2.0
    for missing in ("cosmology.h", "cosmology", "recon.delfi.power.more"):
        with pytest.raises(DataError, match=f"u.h5: its configuration has no {missing}"):
            read_parameter(settings, missing, "u.h5")
