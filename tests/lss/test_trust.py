"""What a file says never opens another file and never runs a program: only what the user wrote does."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pydantic
import pytest
import tomli_w

from lss import stages
from lss.config import TABLES, Box, Configuration, parse_toml, table_of
from lss.errors import ConfigError
from lss.files.universe_file import read_universe, write_universe
from lss.toml import as_toml, commented_toml
from lss.trust import MARK, NAMES, is_marked, stated, unmarked
from lss.universe import Halos, Universe

NO_PATH = ("halo.catalogue.columns", "cosmology.unknown")  # names of columns, and of keys
SUSPICIOUS = ("path", "command", "file", "checkpoint", "network", "initial", "mask", "program", "folder", "directory")


def _keys(model: type[pydantic.BaseModel], path: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, field in model.model_fields.items():
        found.append((f"{path}.{key}", field))
        if below := table_of(field):
            found += _keys(below, f"{path}.{key}")
    return found


def _all_keys() -> dict[str, Any]:
    return dict(entry for table in TABLES for entry in _keys(stages.model_of(table), table))


def _names(field: Any) -> str:
    return (field.json_schema_extra or {}).get("names", "")


def _with_config(path: Path, settings: dict[str, Any]) -> Path:
    """A universe file that carries these settings, as a stranger would write it."""
    write_universe(Universe.create(Configuration(box=Box(size=20.0, n=8))), path)
    with h5py.File(path, "r+") as file:
        for item in [file, *(g for g in file.values() if isinstance(g, h5py.Group))]:
            item.attrs.pop("checksum", None)
        file.attrs["config"] = tomli_w.dumps({"box": {"size": 20.0, "n": 8}, **settings})
    return path


def _nested(key: str, value: Any) -> dict[str, Any]:
    for name in reversed(key.split(".")):
        value = {name: value}
    return value


def _at(settings: Any, key: str) -> Any:
    for name in key.split("."):
        settings = settings[name]
    return settings


def test_every_key_whose_words_speak_of_a_path_or_a_command_says_what_it_names():
    for key, field in _all_keys().items():
        kind, text = str(field.annotation), f"{key.rpartition('.')[2]} {field.description or ''}".lower()
        holds_words = "str" in kind and "Literal" not in kind and "OneOf" not in repr(field.metadata)
        if holds_words and any(word in text for word in SUSPICIOUS) and key not in NO_PATH:
            assert _names(field) in NAMES, key


@pytest.mark.parametrize("key", [key for key, field in _all_keys().items() if _names(field)])
def test_an_embedded_path_or_command_is_marked_passed_on_and_refused_where_it_would_be_used(key: str, tmp_path: Path):
    value: Any = ["sh", "-c", "touch x {input} {output}"] if "tuple" in str(_all_keys()[key].annotation) else "/etc/x"
    given = read_universe(_with_config(tmp_path / "a.h5", _nested(key, value)))
    found = _at(given.config, key)
    assert is_marked(found)
    assert unmarked(found) == value
    with pytest.raises(ConfigError, match=rf"{key.rpartition('.')[2]} = .*--set {key}=") as refused:
        stated(found)
    assert "\0" not in str(refused.value)
    assert refused.value.exit_code == 2
    write_universe(given, tmp_path / "b.h5")
    with h5py.File(tmp_path / "b.h5") as file:
        assert _at(parse_toml(file.attrs["config"]), key) == value


def test_no_file_can_be_opened_by_a_marked_name(tmp_path: Path):
    (tmp_path / "secret").write_text("1")
    given = read_universe(_with_config(tmp_path / "a.h5", {"cosmology": {"transfer": str(tmp_path / "secret")}}))
    with pytest.raises(ValueError, match="null"):
        open(given.cosmology.transfer)  # noqa: SIM115


def test_names_of_what_ships_with_the_package_still_travel(tmp_path: Path):
    settings = {"recon": {"checkpoint": "estimator-64"}, "cosmology": {"transfer": "no-wiggle"}}
    given = read_universe(_with_config(tmp_path / "a.h5", settings))
    assert given.config["recon"]["checkpoint"] == "estimator-64"
    assert given.cosmology.transfer == "no-wiggle"


def test_paths_inside_a_table_that_is_passed_to_another_tool_are_marked(tmp_path: Path):
    settings = {"recon": {"cheap": {"halo": {"network": "/tmp/x.safetensors"}}}}
    given = read_universe(_with_config(tmp_path / "a.h5", settings))
    assert given.config["recon"]["cheap"]["halo"]["network"].startswith(MARK)


def _run(program: str, *words: Any) -> "subprocess.CompletedProcess[str]":
    command = [Path(sys.executable).parent / f"lss-{program}", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_the_embedded_table_of_a_spectrum_is_refused_by_the_command_that_needs_it(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("1.0 top-secret-word")
    path = _with_config(tmp_path / "a.h5", {"cosmology": {"transfer": str(secret)}})
    made = _run("ic", path, "-o", tmp_path / "b.h5")
    assert made.returncode == 2, made.stderr
    assert "--set cosmology.transfer=" in made.stderr
    assert "top-secret" not in made.stderr
    assert made.stderr.count("\n") == 1
    assert not (tmp_path / "b.h5").exists()
    shown = _run("ic", path, "--print-config")
    assert shown.returncode == 0
    assert f'# transfer = "{secret}"  # from the input' in shown.stdout


def test_a_file_that_names_a_program_does_not_run_it(tmp_path: Path):
    command = ["sh", "-c", f"id > {tmp_path}/PWNED; : {{input}} {{output}}"]
    settings = {
        "box": {"size": 62.5, "n": 32},
        "halo": {"mass_definition": "fof"},
        "recon": {"checkpoint": "estimator-64-pm", "forward": {"command": command}},
    }
    blank = Universe.create(Configuration(box=Box(size=62.5, n=32)), settings)
    columns = {"position": np.ones((5, 3), "f4"), "velocity": np.zeros((5, 3), "f4"), "mass": np.full(5, 2e14)}
    write_universe(blank.with_halos(Halos(columns, "fof", "test", 0.0)), tmp_path / "halo.h5")
    made = _run("recon", tmp_path / "halo.h5", "-o", tmp_path / "r.h5")
    assert made.returncode == 2, made.stderr
    assert "--set recon.forward.command=" in made.stderr
    assert not (tmp_path / "PWNED").exists()
    passed = _run("stats", tmp_path / "halo.h5", "-o", tmp_path / "s.h5", "--set", "stats.measure=['mass_function']")
    assert passed.returncode == 0, passed.stderr
    assert unmarked(read_universe(tmp_path / "s.h5").config)["recon"]["forward"]["command"] == command


def test_print_config_of_marked_values_is_toml_without_them():
    settings = {"cosmology": {"transfer": f"{MARK}cosmology.transfer{MARK}/x \"y'"}, "box": {"n": 8}}
    assert parse_toml(commented_toml(settings, Configuration)) == {"cosmology": {}, "box": {"n": 8}}
    assert np.array_equal(parse_toml(as_toml(settings))["cosmology"]["transfer"], "/x \"y'")
