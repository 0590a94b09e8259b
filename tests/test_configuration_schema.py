"""One schema for the whole configuration: what it accepts, every command accepts, and what is misspelt, none."""

import json
import sys
import tomllib
from importlib import import_module

import pytest
from bench.comfort import configurations

from lss.command import inputs
from lss.command.definition import Arguments
from lss.errors import ConfigError

TOOLS = ("ic", "sim", "halo", "train", "recon", "stats")


ALL = configurations.texts()


@pytest.fixture(scope="module")
def validator():
    return configurations.validator()


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """`read(tool, text)`: what a command does with a configuration before anything else."""
    path = tmp_path_factory.mktemp("toml") / "u.toml"

    def configured(tool, text):
        path.write_text(text)
        command = import_module(f"lss_{tool}.cli").main.description
        return inputs.configuration(inputs.understand(command, Arguments([path])))

    return configured


@pytest.mark.parametrize("name", ALL)
def test_every_toml_of_the_examples_and_the_manual_is_valid(name, validator):
    validator.validate(tomllib.loads(ALL[name]))


def test_the_manual_has_blocks_of_toml():
    assert sum(name.startswith("docs/") for name in ALL) >= 5


def test_every_key_misspelt_is_refused_by_the_schema_and_by_every_command(validator):
    """By what every command does first; the commands themselves below."""
    tried = 0
    for name, path, settings in configurations.every_misspelling():
        assert not validator.is_valid(settings), (name, path)
        for tool in TOOLS:
            assert configurations.is_refused(settings, name, tool), (tool, name, path)
            tried += 1
    assert tried > 600


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("line", ["[halo]\nmass_bin = 3", "[recon.hmc]\ndraw = 3", "[train.imnn]\nband = 1"])
def test_no_command_reads_past_a_wrong_key_of_another(tool, line, read):
    with pytest.raises(ConfigError, match="unknown key; did you mean"):
        read(tool, line)


@pytest.mark.parametrize(
    "line",
    [
        '[box]\nsize = "125"',
        "[box]\nn = true",
        "[ic]\nfixed = 1",
        '[sim]\nredshifts = ["1.0"]',
        "[halo]\nmass_definition = 200",
        "[recon]\nschedule = [1.0]",
    ],
)
def test_types_are_as_strict_in_the_schema_as_in_the_commands(line, read, validator):
    assert not validator.is_valid(tomllib.loads(line))
    with pytest.raises(ConfigError):
        read("stats", line)


@pytest.mark.parametrize("line", ["[box]\nsize = 125", "[box]\nn = 64.0", "[halo]\nmass_range = [1e12, 1e15]"])
def test_whole_numbers_may_be_written_either_way(line, read, validator):
    assert validator.is_valid(tomllib.loads(line))
    read("ic", line)


def test_every_command_prints_the_same_schema(capsys, monkeypatch):
    said = set()
    for tool in TOOLS:
        monkeypatch.setattr(sys, "argv", [f"lss-{tool}", "--schema"])
        main = import_module(f"lss_{tool}.cli").main
        with pytest.raises(SystemExit):
            main()
        said.add(capsys.readouterr().out)
    assert len(said) == 1
    assert json.loads(said.pop())["properties"].keys() >= {"box", "sim", "halo", "recon", "stats"}
