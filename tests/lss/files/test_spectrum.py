"""The table of the spectrum travels in the universe file: its numbers count, not where they once lay."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lss.config import Cosmology
from lss.errors import DataError
from lss.files.universe_file import read_universe
from lss.physics.linear_power import linear_power

BIN = Path(sys.executable).parent
K = np.geomspace(1e-4, 50, 400)


def run(folder, *line):
    return subprocess.run([BIN / line[0], *line[1:]], cwd=folder, capture_output=True, text=True, check=False)


def power(folder, *inputs):
    """P of the initial field in the second shell, as lss-stats prints it; None where it refuses."""
    done = run(folder, "lss-stats", *inputs, "--set", "stats.measure=['power']", "--tables", "t/")
    rows = [row for row in (folder / "t" / "power-initial.csv").read_text().splitlines() if row[0].isdigit()]
    return float(rows[1].split(",")[2]) if done.returncode == 0 else done.stderr


def test_a_universe_keeps_its_table_when_files_move_or_change(tmp_path, edited):
    folder = tmp_path / "a"
    folder.mkdir()
    np.savetxt(folder / "pk.dat", np.c_[K, linear_power(K, Cosmology())])
    (folder / "u.toml").write_text('[cosmology]\ntransfer = "pk.dat"\n[box]\nn = 16\nsize = 50.0\n')
    assert run(tmp_path, "lss-ic", "a/u.toml", "-o", "a/u.h5").returncode == 0
    first = power(tmp_path, "a/u.h5")
    folder.rename(tmp_path / "b")
    assert power(tmp_path, "b/u.h5") == first
    assert power(tmp_path, "b/u.toml", "b/u.h5") == first  # the same table under another path
    table = np.loadtxt(tmp_path / "b" / "pk.dat")
    table[:, 1] *= table[:, 0] ** 0.1
    np.savetxt(tmp_path / "b" / "pk.dat", table)
    assert power(tmp_path, "b/u.h5") == first
    assert "[cosmology] transfer = 'sha256:" in power(tmp_path, "b/u.toml", "b/u.h5")  # another table of the same name
    with edited(tmp_path / "b" / "u.h5") as file:
        assert file["spectrum/k"].attrs["units"] == "h/Mpc"
        file["spectrum/power"][3] *= 2
    with pytest.raises(DataError, match="not those of its hash"):
        read_universe(tmp_path / "b" / "u.h5")
