import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest

from lss import stages
from lss.config import merge
from lss.universe_file import read_universe, write_universe

PROGRAM = Path(sys.executable).with_name("lss-recon")


@pytest.fixture(scope="module")
def observed_file(observed, tmp_path_factory):
    path = tmp_path_factory.mktemp("observed") / "observed.h5"
    write_universe(observed, path)
    return path


def command(observed_file, output, estimator, *further, simulations=12):
    settings = [f"recon.checkpoint={estimator}", f"recon.max_simulations={simulations}", "recon.step=line_search"]
    return [PROGRAM, observed_file, "-o", output, "--quiet", *(f"--set={word}" for word in settings), *further]


def simulations_so_far(state):
    try:
        with h5py.File(state / "history.h5", locking=False) as file:
            return len(file["data/loss"])
    except OSError:
        return 0


def datasets(universe):
    return {
        f"{path}/{name}": array.tobytes()
        for path, group in universe.groups.items()
        if not path.startswith("provenance")
        for name, array in group.data.items()
    }


def test_run_killed_at_any_moment_goes_on_to_the_same_bits(observed, observed_file, estimator, tmp_path):
    output = tmp_path / "reconstructed.h5"
    running = subprocess.Popen(command(observed_file, output, estimator))
    while running.poll() is None and simulations_so_far(tmp_path / "reconstructed.h5.state") < 3:
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not output.exists()
    subprocess.run(command(observed_file, output, estimator, "--resume"), check=True)
    assert not (tmp_path / "reconstructed.h5.state").exists()

    recon = {"checkpoint": estimator, "max_simulations": 12, "step": "line_search"}
    whole = stages.run("recon", observed, merge(observed.config, {"recon": recon}))
    write_universe(whole, tmp_path / "whole.h5")
    assert datasets(read_universe(output)) == datasets(read_universe(tmp_path / "whole.h5"))


def test_dry_run_says_what_it_would_cost_and_runs_nothing(observed_file, estimator, tmp_path):
    output = tmp_path / "r.h5"
    said = subprocess.run(
        command(observed_file, output, estimator, "--dry-run"), capture_output=True, text=True, check=True
    ).stdout
    assert "at most 12 simulations" in said
    assert "memory:" in said
    assert not output.exists()
