import inspect
import sys
import types
from importlib.metadata import EntryPoint, entry_points

import pytest

from lss import stages
from lss.config import Configuration
from lss.errors import ConfigError

NAMES = ["ic", "sim", "halo", "recon", "stats"]


@pytest.fixture
def users_stage(monkeypatch):
    """A stage of somebody's own package that evolves nothing, and says what it takes."""
    module = types.ModuleType("users_stage")
    module.Config, module.run, module.plan = Configuration, lambda universe, config, **options: universe, None
    monkeypatch.setitem(sys.modules, "users_stage", module)
    entry = EntryPoint("own", "users_stage", "lss.stages")
    monkeypatch.setattr(stages, "entry_points", lambda group: [*entry_points(group=group), entry])
    return module


def test_the_table_of_another_stage_has_what_was_set_and_the_defaults_of_its_stage():
    sim = stages.table("sim", {"sim": {"method": "pm"}, "stats": {"measure": ["power"]}})
    assert (sim.method, sim.redshifts, sim.mesh_steps) == ("pm", [0.0], 20)
    assert stages.table("halo", {}).mass_range == (1e13, 2e15)


def test_a_wrong_key_in_the_table_of_another_stage_is_refused_with_its_source():
    with pytest.raises(ConfigError, match=r"u\.h5: \[sim\] step = 3: unknown key; did you mean 'steps'\?"):
        stages.table("sim", {"sim": {"step": 3}}, "u.h5")


def test_a_table_of_no_stage_is_refused(users_stage):
    with pytest.raises(ConfigError, match="no stage 'cosmology'; stages are halo, ic"):
        stages.table("cosmology", {})
    with pytest.raises(ConfigError, match=r"stage 'own' reads no table \[own\]"):
        stages.table("own", {})


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_declares_what_its_run_takes(name):
    taken = inspect.signature(stages.find(name).run).parameters
    assert [option for option in ("index", "restart") if stages.takes(name, option)] == [
        option for option in ("index", "restart") if option in taken
    ]


def test_a_users_stage_is_given_what_it_declares(users_stage):
    assert not stages.takes("own", "restart")
    users_stage.TAKES = ("restart",)
    assert stages.takes("own", "restart")
