"""Where the paths of a configuration begin."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from lss.command.inputs import beside

BIN = Path(sys.executable).parent


def test_paths_of_a_toml_begin_at_its_folder():
    settings = {
        "cosmology": {"transfer": "table.dat"},
        "halo": {"survey": {"mask": "masks/half.npy"}, "catalogue": {"members": "/data/x"}, "min_particles": 20},
        "recon": {"checkpoint": "mine.safetensors", "forward": {"command": ["./sim.sh", "data/{input}", "{output}"]}},
    }
    found = beside(settings, Path("project/u.toml"))
    assert found == {
        "cosmology": {"transfer": "project/table.dat"},
        "halo": {
            "survey": {"mask": "project/masks/half.npy"},
            "catalogue": {"members": "/data/x"},
            "min_particles": 20,
        },
        "recon": {
            "checkpoint": "project/mine.safetensors",
            "forward": {"command": ["project/./sim.sh", "data/{input}", "{output}"]},
        },
    }
    assert beside(settings, Path("u.toml")) == settings


def test_names_that_are_no_paths_stay():
    settings = {
        "cosmology": {"transfer": "eisenstein-hu"},
        "halo": {"survey": {"mask": ""}},
        "recon": {"checkpoint": "estimator-64", "forward": {"command": ["my-simulator", "{input}", "{output}"]}},
        "mistaken": {"checkpoint": "x/y"},
    }
    assert beside(settings, Path("project/u.toml")) == settings


def test_a_mask_is_found_beside_its_toml_and_one_of_set_where_the_command_runs(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "u.toml").write_text(
        '[box]\nsize = 40.0\nn = 16\n[sim]\nmethod = "pm"\nsteps = 8\n[halo]\nmass_definition = "fof"\n'
        '[halo.survey]\nmask = "mask.npy"\n'
    )
    np.save(project / "mask.npy", np.ones((16, 16, 16), np.float32))
    made = ["bash", "-c", f"'{BIN}'/lss-ic project/u.toml | '{BIN}'/lss-sim -o sim.h5"]
    assert subprocess.run(made, cwd=tmp_path).returncode == 0
    halo = [BIN / "lss-halo", "project/u.toml", "sim.h5"]
    assert subprocess.run([*halo, "-o", "a.h5"], cwd=tmp_path).returncode == 0
    done = subprocess.run(
        [*halo, "-o", "b.h5", "--set", "halo.survey.mask=mask.npy"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode != 0
    assert b"mask.npy" in done.stderr


def test_bytes_in_a_pipe_that_nobody_reads_are_warned_of(tmp_path):
    subprocess.run([BIN / "lss-ic", "--set", "box.n=8", "-o", "u.h5", "-q"], cwd=tmp_path, check=True)
    listed = [BIN / "lss-stats", "u.h5", "--list"]
    done = subprocess.run(listed, cwd=tmp_path, input=b"universe", capture_output=True)
    assert done.returncode == 0
    assert b"8 bytes wait in the pipe on standard input; they were not read" in done.stderr
    done = subprocess.run(listed, cwd=tmp_path, input=b"", capture_output=True)
    assert done.returncode == 0
    assert b"standard input" not in done.stderr
