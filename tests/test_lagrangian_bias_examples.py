"""The configurations of examples/lagrangian-bias are accepted, and the paper's says what the paper says."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from lss import stages
from lss.config import read_toml, validate
from lss.grid.bias_operators import check_radii
from lss_train.config import Config
from lss_train.training.lagrangian_bias.settings import Settings

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "lagrangian-bias"


def settings_of(name):
    return validate(Config, read_toml(FOLDER / name), name).train.sub_table(Settings)


@pytest.mark.parametrize("name", ["small.toml", "truth.toml", "paper.toml"])
def test_every_configuration_is_accepted(name):
    settings = read_toml(FOLDER / name)
    stages.check(["ic", "sim", "halo"], settings)
    box = settings["box"]
    if "train" in settings:
        check_radii(settings_of(name).radii, box["size"] / box["n"])


def test_the_papers_numbers_are_the_papers():
    paper = settings_of("paper.toml")
    assert paper.radii == (1.41, 2.83, 5.66)
    assert (paper.width, paper.layers, paper.members) == (64, 5, 5)
    assert (paper.cell, paper.cell_batch, paper.cell_rate, paper.cell_epochs) == (5.0, 100_000, 0.02, 50)
    assert paper.losses == ("cells",)
    assert paper.constraint == "printed"


def test_radii_of_the_figures_fit_the_voxels():
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("lagrangian_bias_models", FOLDER / "models.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["lagrangian_bias_models"] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    models = module.Models(FOLDER / "small.toml", Path(), 2.0)
    for name in module.TABLE_1:
        check_radii(models.radii(name), models.voxel)
    assert models.radii("1R") == [5.66]


def test_the_makefile_knows_its_steps():
    command = ["make", "--dry-run", "-C", str(FOLDER), "BIN=/bin", "all"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for step in ("lss-ic", "lss-sim", "lss-halo", "lss-train", "lss-stats", "figures.py"):
        assert step in text
