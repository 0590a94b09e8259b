"""Two snapshots of another code, no TOML, one command: how far they agree, and a figure with the user's names."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.snapshots import as_gadget

import lss
from lss.errors import ConfigError
from lss_stats.run import _labels

BIN = Path(sys.executable).parent


@pytest.fixture
def snapshots(tmp_path):
    for name, steps in (("coarse", 4), ("fine", 12)):
        initial = lss.run("ic", box={"size": 50.0, "n": 16}, ic={"seed": 5, "redshift": 19.0})
        lss.write(lss.run("sim", initial, sim={"method": "pm", "steps": steps}), tmp_path / f"{name}.h5")
        as_gadget(tmp_path / f"{name}.h5", tmp_path / f"{name}.hdf5")
    return tmp_path


def test_two_snapshots_are_compared_without_a_configuration(snapshots):
    command = [
        BIN / "lss-stats",
        "coarse.hdf5",
        "--truth",
        "fine.hdf5",
        "--label",
        "4 steps,12 steps",
        "--plot",
        "p.svg",
    ]
    done = subprocess.run([*command, "-o", "s.h5"], cwd=snapshots, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with h5py.File(snapshots / "s.h5") as file:
        compared = file["stats/comparison/matter"]
        assert compared["correlation"][0] > 0.99
        ratio = file["stats/power/matter/power"][:] / file["stats/truth/power/matter/power"][:]
        np.testing.assert_allclose(compared["transfer"][:] ** 2, ratio, rtol=1e-4)
        assert np.abs(ratio - 1).max() > 0.01
    assert "unknown: omega_b, n_s, sigma8" in done.stderr


def test_labels_are_one_name_or_two():
    assert _labels("a", "u") == ("a", "truth")
    assert _labels("a, b", "u") == ("a", "b")
    assert _labels(None, "u") == ("u", "truth")
    with pytest.raises(ConfigError, match="--label a,b,c: expected one name, or two"):
        _labels("a,b,c", "u")
