"""What --dry-run says of the time, held against runs that were measured (single thread or two, compiled kernels)."""

from typing import get_args

import pytest

from lss.config import validate
from lss.errors import ConfigError
from lss_recon.config import Config, Reconstruction
from lss_recon.stage import plan

PM = {"sim": {"method": "pm"}, "halo": {"mass_definition": "fof", "min_particles": 28}}
P3M = {"sim": {"method": "p3m", "steps": 24, "eta": 0.05}, "ic": {"redshift": 19.0}}


KNOWS_PM = "estimator-64-pm"


def planned(**settings):
    return plan(None, validate(Config, {"box": {"n": 64, "size": 125.0}, **settings}, "test"))


def cpu_seconds(**settings):
    return planned(**settings).cpu_seconds


def test_cost_of_a_loop_is_what_was_measured_to_a_fifth():
    """16 simulations by particle mesh at 64^3: 47.3 CPU seconds (the demo) and 43.9 (the tutorial)."""
    assert cpu_seconds(**PM, recon={"max_simulations": 16, "checkpoint": KNOWS_PM}) == pytest.approx(45.6, rel=0.2)


def test_looking_from_other_sides_costs_seven_runs_of_the_network_and_one_more_an_update():
    """50.3 CPU seconds instead of 35.8, particle mesh at 64^3, 16 simulations in a process that had begun already."""
    recon = {"max_simulations": 16, "checkpoint": KNOWS_PM}
    turning = cpu_seconds(**PM, recon={**recon, "update": {"rotate": True}})
    assert turning - cpu_seconds(**PM, recon=recon) == pytest.approx(14.6, rel=0.25)


def test_cheap_simulations_cost_what_they_cost_alone():
    asked = {"simulations": 10, "checkpoint": KNOWS_PM, **PM}
    both = cpu_seconds(**P3M, recon={"max_simulations": 16, "cheap": asked})
    dear = [cpu_seconds(**P3M, recon={"max_simulations": n}) for n in (1, 7)]
    cheap = [cpu_seconds(**PM, recon={"max_simulations": n, "checkpoint": KNOWS_PM}) for n in (1, 11)]
    assert both == pytest.approx(dear[0] + (dear[1] - dear[0]) * 5 / 6 + cheap[1] - cheap[0], rel=0.02)


@pytest.mark.parametrize("step", get_args(Reconstruction.model_fields["step"].annotation))
def test_every_way_to_choose_a_step_has_a_cost(step):
    assert cpu_seconds(**P3M, recon={"max_simulations": 16, "step": step}) == cpu_seconds(**P3M)


def test_what_would_be_refused_is_not_planned():
    with pytest.raises(ConfigError, match=r'trained on "200c" halos.*shipped for "fof": estimator-64-pm'):
        planned(**PM)
    with pytest.raises(ConfigError, match="trained on voxels of"):
        planned(box={"n": 64, "size": 250.0})
    with pytest.raises(ConfigError, match="has no information beyond k ="):
        planned(recon={"update": {"k_max": 5.0}})
