"""The recipe of docs/development.md: a network is one module and one line of MODELS."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from lss.config import Table
from lss.nets.checkpoint import load_checkpoint, read_card
from lss_train.config import Train
from lss_train.data.universes import read_training_set
from lss_train.models import MODELS, load

DOCS = Path(__file__).parents[3] / "docs"

TOY = '''\
"""`model = "mean-mass"`: one number, the mean logarithm of the halos' masses, by gradient descent."""

from lss.config import Table, quantity
from lss.stages import IMPORTS_BYTES, Plan


class Settings(Table):
    """[train.mean_mass]: the descent."""

    steps: int = quantity(40, "updates of the number", ge=1)


def train(run):
    import torch
    from lss.nets.checkpoint import save_checkpoint
    from lss_train.data.universes import read_training_set

    universes = read_training_set(run.inputs)
    target = torch.from_numpy(universes.mass).log10()
    number = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([number], lr=run.config.train.learning_rate)
    for _ in range(run.config.train.sub_table(Settings).steps):
        loss = (number - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    card = {
        "model": "mean-mass",
        "architecture": {"kind": "number"},
        "inputs": {},
        "training": run.config.train.as_card(),
        "data": {"universes": len(universes)},
        "validation": {"loss": loss.item()},
    }
    save_checkpoint(run.checkpoint, {"number": number}, card)


def plan(inputs, config):
    return Plan(IMPORTS_BYTES, 1.0, ["train the mean mass"])
'''
LINE = 'from lss_train.models import MODELS, Model; MODELS["mean-mass"] = Model("toy", "halos to their mean mass")'
COMMAND = f"{LINE}; from lss_train.cli import main; main()"


@pytest.fixture(name="python")
def _python(tmp_path):
    """Runs a program in a process of its own, where the toy is a module."""
    (tmp_path / "toy.py").write_text(TOY)

    def run(program, *arguments):
        line = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(DOCS)!r}]; {program}"]
        return subprocess.run([*line, *map(str, arguments)], capture_output=True, text=True, check=True).stdout

    return run


def test_a_network_is_one_module_and_one_line(python, ensemble, tmp_path):
    assert re.search("mean-mass +halos to their mean mass", python(COMMAND, "--help"))
    schema = json.loads(python(COMMAND, "--schema"))
    assert "mean-mass" in schema["$defs"]["Train"]["properties"]["model"]["enum"]
    assert "mean_mass" in schema["$defs"]["Train"]["properties"]
    page = python(f"{LINE}; import generate; print(generate.configuration())")
    assert "## [train.mean_mass]\n\n[train.mean_mass]: the descent." in page
    assert '"mean-mass": halos to their mean mass' in page

    output, chosen = (
        tmp_path / "mean.safetensors",
        ["--set", "train.model=mean-mass", "--set", "train.learning_rate=0.2"],
    )
    assert "train the mean mass" in python(COMMAND, ensemble, *chosen, "--dry-run")
    python(COMMAND, ensemble, *chosen, "--set", "train.mean_mass.steps=60", "-o", output)
    assert read_card(output)["training"]["mean_mass"] == {"steps": 60}
    expected = np.log10(read_training_set([ensemble]).mass).mean()
    assert load_checkpoint(output, model="mean-mass")[0]["number"].item() == pytest.approx(expected, abs=1e-4)


def test_every_model_keeps_the_protocol():
    tables = []
    for name in MODELS:
        module = load(name)
        assert callable(module.train)
        assert callable(module.plan)
        if hasattr(module, "Settings"):
            assert issubclass(module.Settings, Table)
            assert Train.model_fields[name.replace("-", "_")].annotation is module.Settings
            tables.append(module.Settings)
    assert len(set(tables)) == len(tables)  # Train.sub_table finds a table by its class


def test_the_configuration_loads_no_library_of_networks():
    program = "import sys, lss_train.config; print(*({'torch', 'numba', 'scipy', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"


def test_an_unknown_model_is_refused_with_those_there_are():
    with pytest.raises(ValidationError, match="expected one of estimator, optimizer, imnn"):
        Train(model="unet")


def test_a_card_keeps_the_tables_of_its_own_model_alone():
    assert "imnn" in Train(model="imnn").as_card()
    assert not {"imnn", "density"} & Train(model="estimator").as_card().keys()
