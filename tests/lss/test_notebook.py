"""lss from Python: the docstrings and the page of the manual do what they say, and agree with the commands."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lss
from lss import notebook
from lss.errors import ConfigError, DataError
from lss.files.digest import digest

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "python.md"


@pytest.mark.parametrize("name", ["", *notebook.__all__])
def test_the_docstrings_are_right(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    of = getattr(notebook, name) if name else notebook
    tests = [test for test in doctest.DocTestFinder(recurse=False).find(of, name or "lss.notebook") if test.examples]
    assert tests
    for test in tests:
        assert doctest.DocTestRunner().run(test).failed == 0


def test_the_page_runs_and_pandas_and_astropy_read_the_tables(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first, with_pandas, with_astropy = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = {}
    exec(first, found)
    assert "halos, the heaviest of" in capsys.readouterr().out
    assert np.all(found["bias"][:4] > 0.5)
    stats = Path(sys.executable).with_name("lss-stats")
    subprocess.run([stats, "u.h5", "--tables", "t"], check=True, capture_output=True)
    for code in (with_pandas, with_astropy):
        exec(code, found)
        np.testing.assert_allclose(found["table"]["power [(Mpc/h)^3]"][2], found["power"][2], rtol=0.05)
        assert "k [h/Mpc]" in (getattr(found["table"], "colnames", None) or found["table"].columns)


def test_a_stage_makes_the_bits_of_its_command(tmp_path):
    lss.write(lss.run("ic", box={"size": 50.0, "n": 8}, ic={"seed": 3}), tmp_path / "made.h5")
    (tmp_path / "u.toml").write_text("[box]\nsize = 50.0\nn = 8\n[ic]\nseed = 3\n")
    command = [Path(sys.executable).with_name("lss-ic"), tmp_path / "u.toml", "-o", tmp_path / "u.h5"]
    subprocess.run(command, check=True, capture_output=True)
    assert digest(lss.read(tmp_path / "u.h5")) == digest(lss.read(tmp_path / "made.h5"))


def test_keys_are_checked_and_files_are_not_lost(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        lss.run("ic", ic={"sed": 3})
    with pytest.raises(ConfigError, match=r"lss.run: \[halo\] mass_bin"):
        lss.run("ic", halo={"mass_bin": 3})
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="lss did not write"):
        lss.write(lss.run("ic", box={"size": 50.0, "n": 8}), tmp_path / "notes.txt")
    with pytest.raises(AttributeError, match="it offers load_network, paint"):
        lss.reed  # noqa: B018


def test_to_import_it_loads_nothing_heavy():
    code = "import lss, sys; print([m for m in ('numpy', 'pydantic', 'h5py', 'torch') if m in sys.modules], dir(lss))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("[] ['__version__', 'load_network', 'paint'")


def test_a_fitted_bias_is_no_torch_network():
    with pytest.raises(DataError, match=r"neural-bias-32: a fitted bias, not a torch network; lss.learned.fitted_bias"):
        lss.load_network("neural-bias-32")
