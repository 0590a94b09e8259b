"""A cheap forward model for the first simulations."""

import dataclasses

import numpy as np
import pytest
from tests.reconstructing import reconstruct, run_only_recon, with_halos

from lss import stages
from lss.config import merge, validate
from lss.errors import ConfigError, Stopped
from lss.files.digest import digest
from lss.files.restart import Restart
from lss.process import interrupt
from lss_recon.config import Config
from lss_recon.lulo import network, run
from lss_recon.lulo.cheap import cheap_config
from lss_recon.lulo.orientation import orientation
from lss_recon.lulo.start import prior_draw
from lss_recon.observation import put_on_scale_of

CHEAP = {"simulations": 2, "sim": {"method": "2lpt"}, "halo": {"mass_definition": "fof", "min_particles": 10}}


def test_later_simulations_begin_at_the_best_of_the_cheap_ones_and_never_compete_with_them(observed, estimator):
    result = reconstruct(observed, estimator, cheap=CHEAP)
    alone = merge(observed.config, {"sim": {"method": "2lpt", "steps": None}})
    alone = dataclasses.replace(observed, config={**alone, "sim": CHEAP["sim"], "halo": CHEAP["halo"]})
    first = reconstruct(alone, estimator, max_simulations=2)
    early, later = result.group("recon/early"), result.group("recon")
    assert np.array_equal(early.data["loss"], first.group("recon").data["loss"])
    assert later.attrs["simulations"] == 4
    assert len(later.data["loss"]) == 2
    assert later.data["rms"][0] == pytest.approx(float(np.sqrt(np.mean(first.noise.value**2, dtype=np.float64))))
    assert later.attrs["loss"] == later.data["loss"].min()


def test_run_with_a_cheap_model_goes_on_to_the_same_bits(observed, estimator, tmp_path, monkeypatch):
    whole = digest(reconstruct(observed, estimator, cheap=CHEAP))
    restart = Restart(tmp_path / "state", resume=True)
    for stop in ("early/history.h5", "history.h5"):
        monkeypatch.setattr(interrupt, "requested", lambda stop=stop: (tmp_path / "state" / stop).exists())
        with pytest.raises(Stopped):
            reconstruct(observed, estimator, {"restart": restart}, cheap=CHEAP)
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    assert digest(reconstruct(observed, estimator, {"restart": restart}, cheap=CHEAP)) == whole


def test_cheap_model_with_a_network_of_its_own_sees_masses_matched_by_abundance(truth):
    heavier = {**truth.halos.columns, "mass": truth.halos.mass * np.float32(3)}
    other = with_halos(truth, columns=heavier, mass_definition="200c")
    matched, of_truth = (
        put_on_scale_of(universe, "estimator-64-pm", truth.box.size**3).halos for universe in (other, with_halos(truth))
    )
    assert matched.mass_definition == "fof"
    assert np.array_equal(matched.mass, of_truth.mass)
    assert (np.diff(matched.mass) <= 0).all()
    assert np.array_equal(matched.position, truth.halos.position)


def test_what_does_not_fit_the_later_model_is_refused_before_the_cheap_simulations(observed, estimator, monkeypatch):
    monkeypatch.setattr(stages, "run", run_only_recon(stages.run))
    other = with_halos(observed, mass_definition="200c")
    other = dataclasses.replace(other, config=merge(other.config, {"halo": {"mass_definition": "200c"}}))
    with pytest.raises(ConfigError, match=r'trained on "fof" halos; \[halo\] mass_definition = "200c"'):
        reconstruct(other, estimator, cheap={**CHEAP, "checkpoint": "estimator-64-pm"})


def test_cheap_updates_draw_and_look_as_no_later_one_does(observed, estimator, monkeypatch):
    drawn, seen = [], []
    monkeypatch.setattr(run, "update_draw", lambda *key: drawn.append(key) or prior_draw(*key[:3]))
    monkeypatch.setattr(network, "orientation", lambda *key: seen.append(key) or orientation(*key))
    reconstruct(observed, estimator, cheap=CHEAP, update={"noise": [0.1, 0.9], "rotate": True})
    updates = [key for key in seen if len(key) == 5]  # the others are of the sides of the data
    assert len(set(updates)) == len(updates) == 2
    assert len(set(drawn)) == len(drawn) == 2


def test_cheap_models_survey_what_was_surveyed(observed):
    surveyed = merge(observed.config, {"halo": {"survey": {"redshift_space": "z"}}, "recon": {"cheap": CHEAP}})
    cheap = cheap_config(validate(Config, surveyed, "test"))
    assert cheap.halo == {**CHEAP["halo"], "survey": {"redshift_space": "z"}}


@pytest.mark.parametrize("table", [{"schedule": [0.0, 0.9]}, {"cheap": {**CHEAP, "schedule": [-1.0, 0.9]}}])
def test_steps_backwards_or_none_are_refused(observed, estimator, table):
    with pytest.raises(ConfigError, match="schedule: expected two positive numbers"):
        reconstruct(observed, estimator, **table)


def test_cheap_simulations_must_leave_some(observed, estimator):
    with pytest.raises(ConfigError, match=r"cheap.simulations = 4: with max_simulations = 4 no simulation is left"):
        reconstruct(observed, estimator, cheap={**CHEAP, "simulations": 4})


def test_halos_of_cheap_simulations_stay_where_they_are(observed, estimator):
    free, placed = (
        reconstruct(observed, estimator, update={"match_halos": strength}, cheap=CHEAP) for strength in (0.0, 1.0)
    )
    first, later = ([one.group(name).data["loss"] for one in (free, placed)] for name in ("recon/early", "recon"))
    assert np.array_equal(*first)
    assert later[0][0] == later[1][0]
    assert later[0][1] != later[1][1]
