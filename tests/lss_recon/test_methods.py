"""One table drives the choice of a method, its configuration, its help and its page."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lss import stages
from lss.config import Configuration, validate
from lss.errors import ConfigError
from lss.universe import Universe
from lss_recon import methods
from lss_recon.config import Config, Reconstruction
from lss_recon.methods import METHODS, Method

ROOT = Path(__file__).parents[2]

TOY = """
from lss.stages import Plan

def run(universe, config, *, index, truth, restart):
    return universe

def plan(universe, config):
    return Plan(1, 2.0, [f"toy of {config.box.n}"])

def members(config):
    return 3
"""


def test_every_method_has_what_the_stage_asks_of_it():
    for name in METHODS:
        module = methods.find(name)
        assert all(callable(getattr(module, part)) for part in ("run", "plan", "members"))


def test_tables_of_methods_are_tables_of_the_configuration():
    assert {"simulations", "delfi", "density", "abc", "hmc"} == methods.tables().keys()
    for name, table in methods.tables().items():
        assert isinstance(getattr(Reconstruction(), name), table)
        assert Reconstruction.model_fields[name].description == table.__doc__


def test_the_schema_and_the_help_and_the_page_name_every_method():
    key = Config.model_json_schema()["$defs"]["Reconstruction"]["properties"]["method"]
    assert key["enum"] == list(METHODS)
    program = Path(sys.executable).with_name("lss-recon")
    help_text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    (row,) = re.findall(r"\| `method` \| .*lulo.*", (ROOT / "docs" / "configuration.md").read_text())
    for name, method in METHODS.items():
        assert method.words in key["description"]
        assert f"{name:5}  {method.words}" in help_text
        assert f'`"{name}"`' in row
        assert method.words in row


def test_a_method_is_one_module_and_one_line(tmp_path, monkeypatch):
    (tmp_path / "toy_method.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(METHODS, "toy", Method("toy_method", "nothing at all"))
    settings = {"recon": {"method": "toy"}}
    config = validate(Config, settings, "test")
    stage = stages.find("recon")
    assert stage.plan(None, config).steps == ["toy of 64"]
    assert stage.members(config) == 3
    universe = Universe.create(validate(Configuration, {}, "test"))
    assert stages.run("recon", universe, settings).config["recon"]["method"] == "toy"


def test_a_method_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ConfigError, match=r"\[recon\] method = 'lul': expected one of lulo, .*did you mean 'lulo'"):
        validate(Config, {"recon": {"method": "lul"}}, "test")


def test_methods_are_imported_when_they_are_used():
    code = "import sys, lss_recon.stage; print([m for m in sys.modules if m in set(sys.argv[1:])])"
    modules = [method.module for method in METHODS.values()]
    done = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
