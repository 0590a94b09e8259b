"""Configuration: defaults, layers, and errors that name the place and the remedy."""

import tomllib
from typing import Literal

import pytest

from lss.config import Configuration, Table, complete, merge, parse_assignment, quantity, read_toml, validate
from lss.errors import ConfigError
from lss.stages import config_of
from lss.toml import commented_toml


class Inner(Table):
    format: str = quantity("ahf", "of the file")


class Simulation(Table):
    method: Literal["pm", "p3m"] = quantity("pm", "solver")
    steps: int = quantity(20, "mesh steps", gt=0)
    softening: float = quantity(0.05, "softening", "Mpc/h", gt=0)
    schedule: tuple[float, float] = quantity((1.0, 0.9), "of its steps")
    catalogue: Inner | None = quantity(None, "a foreign catalogue")


class Config(Configuration):
    sim: Simulation = quantity(Simulation(), "simulation")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sim": {"step": 4}}, ["u.toml", "[sim] step = 4", "did you mean 'steps'?"]),
        ({"sim": {"method": "tree"}}, ["[sim] method = 'tree'", "'pm' or 'p3m'"]),
        ({"sim": {"softening": -1}}, ["[sim] softening = -1", "greater than 0", "Mpc/h"]),
        ({"sim": {"softening": float("inf")}}, ["[sim] softening = inf", "finite number"]),
        ({"cosmology": {"n_s": float("nan")}}, ["[cosmology] n_s = nan", "finite number"]),
        ({"sims": {}}, ["[sims]", "did you mean 'sim'?"]),
        ({"box": {"n": "many"}}, ["[box] n = 'many'", "integer"]),
        ({"box": 5}, ["box = 5", "expected a table"]),
        ({"sim": {"schedule": 0.9}}, ["[sim] schedule = 0.9: input should be a list (of its steps)"]),
        ({"sim": {"catalogue": {"fromat": "x"}}}, ["[sim.catalogue] fromat", "did you mean 'format'?"]),
    ],
)
def test_a_bad_key_is_answered_with_place_and_remedy(settings, said):
    with pytest.raises(ConfigError) as error:
        validate(Config, settings, "u.toml")
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
    for words in said:
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("power", r'as \["power"\] \(statistics'),
        ("[power, wedges]", r'as \["power", "wedges"\] \(in a shell within single quotes\)'),
    ],
)
def test_a_word_for_a_list_is_answered_with_the_list(value, said):
    with pytest.raises(ConfigError, match=said):
        validate(config_of("stats"), parse_assignment(f"stats.measure={value}"), "--set")


def test_settings_override_key_by_key():
    below = {"sim": {"steps": 40, "method": "p3m"}, "box": {"n": 32}}
    merged = merge(below, {"sim": {"steps": 60}})
    assert merged == {"sim": {"steps": 60, "method": "p3m"}, "box": {"n": 32}}
    assert below["sim"]["steps"] == 40


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("sim.steps=40", {"sim": {"steps": 40}}),
        ("sim.method=pm", {"sim": {"method": "pm"}}),
        ("sim.redshifts=[1.0, 0.0]", {"sim": {"redshifts": [1.0, 0.0]}}),
        ("halo.catalogue.format=ahf", {"halo": {"catalogue": {"format": "ahf"}}}),
    ],
)
def test_an_assignment_is_toml_or_a_word(text, settings):
    assert parse_assignment(text) == settings


@pytest.mark.parametrize("text", ["sim.steps", "steps=4", ".steps=4", "nothing.steps=4"])
def test_an_assignment_without_table_is_refused(text):
    with pytest.raises(ConfigError, match="--set"):
        parse_assignment(text)


def test_printed_configuration_reads_back_and_carries_descriptions():
    config = validate(Config, {"sim": {"steps": 7}}, "x")
    text = commented_toml(complete(config, {}), Config)
    assert validate(Config, tomllib.loads(text), "x") == config
    assert "# softening [Mpc/h]" in text


def test_tables_of_other_tools_travel_on():
    settings = {"recon": {"samples": 3}, "sim": {"steps": 9}}
    travelling = complete(validate(Config, settings, "x"), settings)
    assert travelling["recon"] == {"samples": 3}
    assert travelling["sim"]["softening"] == 0.05


def test_toml_errors_name_file_and_line(tmp_path):
    path = tmp_path / "u.toml"
    path.write_text("[box\nn = 3")
    with pytest.raises(ConfigError, match=r"u\.toml: not valid TOML.*line 1"):
        read_toml(path)
    with pytest.raises(ConfigError, match="no such file"):
        read_toml(tmp_path / "none.toml")


def test_a_transfer_table_is_found_beside_its_toml(tmp_path):
    (tmp_path / "camb.txt").write_text("1 1\n")
    (tmp_path / "u.toml").write_text('[cosmology]\ntransfer = "camb.txt"\n')
    assert read_toml(tmp_path / "u.toml")["cosmology"]["transfer"] == str((tmp_path / "camb.txt").resolve())
