"""The configurations of examples/halo-mass: every one is accepted, and the paper's is the paper's network."""

import re
from pathlib import Path

import pytest

from lss.config import read_toml, validate
from lss.learned.halo_mass import Inputs
from lss.nets.checkpoint import build
from lss_halo import stage as halo
from lss_ic import stage as ic
from lss_sim import stage as sim
from lss_train.config import Config
from lss_train.models.halo_mass import architecture_of
from lss_train.training.halo_mass_settings import Settings

FOLDER = Path(__file__).parents[1] / "examples" / "halo-mass"
FILES = sorted(FOLDER.glob("*.toml"))


def settings(name: str) -> Settings:
    return validate(Config, read_toml(FOLDER / f"{name}.toml"), name).train.sub_table(Settings)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_configuration_is_accepted(path):
    tables = read_toml(path)
    assert validate(Config, tables, path.name).train.model == "halo-mass"
    if "box" in tables:
        for stage in (ic, sim, halo):
            validate(stage.Config, tables, path.name)


def test_the_papers_configuration_is_the_papers_network():
    table = settings("paper")
    inputs = Inputs(table.network, table.input, table.mass_range, 50.0 / 256, side=table.side)
    network = build(architecture_of(table, inputs), "paper.toml")
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_108_258
    assert table.side * 50.0 / 256 == pytest.approx(15, rel=0.03)
    assert table.loss == "cauchy"


def test_networks_that_are_compared_differ_in_what_they_are_shown_alone():
    raw, averaged, late = (settings(name).model_dump() for name in ("raw", "averaged", "late"))
    for other in (averaged, late):
        assert {key for key in raw if raw[key] != other[key]} <= {
            "input",
            "side",
            "shells",
            "shell_range",
            "refinement",
        }
    spherical, anisotropic = (settings(name).model_dump() for name in ("spherical", "anisotropic"))
    assert {key for key in spherical if spherical[key] != anisotropic[key]} == {"multipoles"}


def test_the_makefile_trains_every_network_there_is_a_file_of():
    names = re.search(r"^NAMES := (.*)$", (FOLDER / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert {f"{name}.toml" for name in names if name != "dense"} | {"small.toml", "paper.toml"} == {
        path.name for path in FILES
    }
