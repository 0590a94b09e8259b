"""One schema for the whole configuration: what it accepts, every command accepts, and what is misspelt, none."""

import json
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import jsonschema
import pytest

from lss import stages
from lss.command import inputs
from lss.command.definition import Arguments
from lss.config import Configuration, validate
from lss.errors import ConfigError

ROOT = Path(__file__).parents[1]
TOOLS = ("ic", "sim", "halo", "train", "recon", "stats")


def manual():
    """Every block of a page of the manual that is TOML with tables, by page and number."""
    found = {}
    for page in sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/*.md"), ROOT / "README.md"]):
        blocks = re.findall(r"(?:^    [^\n]*\n|^ *\n)+", page.read_text(), re.MULTILINE)
        for number, block in enumerate(blocks):
            text = "\n".join(line[4:] for line in block.splitlines())
            head = re.search(r"^\[[a-z_.]+\] *(#.*)?$", text, re.MULTILINE)
            if head:
                found[f"{page.relative_to(ROOT)}:{number}"] = text[head.start() :]
    return found


EXAMPLES = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(ROOT.glob("examples/*/*.toml"))}
del EXAMPLES["examples/own-stage/pyproject.toml"]
ALL = EXAMPLES | manual()


@pytest.fixture(scope="module")
def validator():
    found = stages.schema(Configuration)
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


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
    assert len(manual()) >= 5


def misspelt(settings, path=()):
    """Every key and table in turn with a letter too many: the path to it, and the settings."""
    for key, value in settings.items():
        rest = {name: other for name, other in settings.items() if name != key}
        yield (*path, key), {**rest, f"{key}x": value}
        if isinstance(value, dict) and path[-1:] != ("columns",):
            for below, changed in misspelt(value, (*path, key)):
                yield below, {**rest, key: changed}


def check(settings, source):
    """What every command does first."""
    validate(Configuration, settings, source)
    stages.check_tables(settings, settings, source, Configuration)


def test_every_key_misspelt_is_refused_by_the_schema_and_by_every_command(validator):
    """By what every command does first; the commands themselves below."""
    tried = set()
    for name, text in ALL.items():
        for path, settings in misspelt(tomllib.loads(text)):
            if path in tried:
                continue
            assert not validator.is_valid(settings), (name, path)
            with pytest.raises(ConfigError, match=r"unknown (key|table)"):
                check(settings, name)
            tried.add(path)
    assert len(tried) > 100


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
