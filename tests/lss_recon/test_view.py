"""Reconstructions of what a survey saw: the unseen part is simulated, and nothing of another survey is taken."""

import dataclasses

import numpy as np
import pytest
from tests.reconstructing import reconstruct

from lss import stages
from lss.config import Box, merge
from lss.errors import ConfigError, Stopped
from lss.files.digest import digest
from lss.files.restart import Restart
from lss.halos.survey import Survey, in_redshift_space, seen
from lss.process import interrupt
from lss_recon.view import View


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A mask that lets the half z < L/2 through."""
    path = tmp_path_factory.mktemp("mask") / "half.npy"
    mask = np.zeros((16, 16, 16), np.float32)
    mask[:, :, :8] = 1
    np.save(path, mask)
    return str(path)


@pytest.fixture(scope="module")
def masked(truth, observed, half):
    """What a survey of one half sees of the truth."""
    settings = merge(truth.config, {"halo": {"survey": {"mask": half}}})
    return dataclasses.replace(observed, config=settings).with_halos(stages.run("halo", truth, settings).halos)


def in_other_half(halos, box):
    return np.rint(halos.position[:, 2] * 16 / box.size) % 16 >= 8


def test_seen_and_unseen_halos_are_all_halos(truth, half):
    box, halos = truth.box, truth.halos
    view = View(Survey(mask=half, selection=[(1e12, 0.3), (1e16, 0.9)]), box, True)
    shown, beside = view.seen(halos), view.beside(view.seen(halos), halos)
    assert 0 < len(shown) < len(halos)
    assert sorted(beside.mass.tolist()) == sorted(halos.mass.tolist())
    assert not in_other_half(shown, box).any()
    whole = dataclasses.replace(view, completes=False)
    assert whole.seen(halos) is halos
    assert whole.beside(shown, halos) is shown


def test_a_halo_at_the_same_place_has_the_same_fate(truth):
    halos, survey = truth.halos, Survey(selection=[(1e10, 0.5), (1e17, 0.5)])
    box = Box(size=truth.box.size, n=truth.box.n)
    once = seen(halos, survey, box, None)
    order = np.random.default_rng(1).permutation(len(halos))
    columns = {"position": halos.position[order], "velocity": halos.velocity[order], "mass": halos.mass[order]}
    assert np.array_equal(
        seen(dataclasses.replace(halos, columns=columns, members=None), survey, box, None), once[order]
    )
    assert 0.2 < once.mean() < 0.8
    assert not np.array_equal(seen(halos, survey.model_copy(update={"seed": 2}), box, None), once)


def test_the_unseen_half_has_halos_and_the_seen_half_is_compared(masked, estimator):
    assert not in_other_half(masked.halos, masked.box).any()
    found = reconstruct(masked, estimator, update={"rotate": True, "pull_to_estimate": 0.3, "match_halos": 1.0})
    assert in_other_half(found.halos, found.box).any()
    assert found.group("recon/observed").data["mass"].shape == masked.halos.mass.shape
    empty = reconstruct(masked, estimator, unseen="empty")
    assert not in_other_half(empty.halos, empty.box).any()
    assert not np.array_equal(found.noise.value, empty.noise.value)


def test_a_reconstruction_under_a_mask_goes_on_to_the_same_bits(masked, estimator, tmp_path, monkeypatch):
    whole = digest(reconstruct(masked, estimator))
    restart = Restart(tmp_path / "state", resume=True)
    monkeypatch.setattr(interrupt, "requested", lambda: True)
    for _ in range(2):
        with pytest.raises(Stopped):
            reconstruct(masked, estimator, {"restart": restart})
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    assert digest(reconstruct(masked, estimator, {"restart": restart})) == whole


def test_data_and_forward_model_of_two_surveys_are_refused(observed, masked, estimator, half):
    forward = merge(observed.config, {"halo": {"survey": {"redshift_space": "z"}}})
    with pytest.raises(ConfigError, match=r"observed halos are all halos in real space, those of the forward model"):
        reconstruct(dataclasses.replace(observed, config=forward), estimator)
    forward["halo"] |= {"survey": {"mask": half, "redshift_space": "x"}}
    with pytest.raises(ConfigError, match=r"what a survey sees, .*survey_may_differ = true"):
        reconstruct(dataclasses.replace(masked, config=forward), estimator)
    moved = in_redshift_space(observed.halos, Survey(redshift_space="z"), 0.3, observed.box.size)
    data = dataclasses.replace(observed, config=forward).with_halos(moved)
    with pytest.raises(ConfigError, match=r"those of the forward model would be"):
        reconstruct(data, estimator)


def test_a_network_of_another_line_of_sight_is_refused_unless_asked_for(truth, observed, estimator):
    settings = merge(truth.config, {"halo": {"survey": {"redshift_space": "z"}}})
    data = dataclasses.replace(observed, config=settings)
    data = data.with_halos(stages.run("halo", truth, settings).halos)
    with pytest.raises(ConfigError, match=r'trained on halos with redshift_space = "none"; .* redshift_space = "z"'):
        reconstruct(data, estimator)
    found = reconstruct(data, estimator, survey_may_differ=True, update={"rotate": True, "match_halos": 1.0})
    assert found.halos.attrs["redshift_space"] == "z"
