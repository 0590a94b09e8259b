import dataclasses
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
from lss_stats.digest import digest

PROGRAM = Path(sys.executable).with_name("lss-recon")


@pytest.fixture(scope="module")
def observed_file(observed, tmp_path_factory):
    path = tmp_path_factory.mktemp("observed") / "observed.h5"
    write_universe(observed, path)
    return path


def command(observed_file, output, estimator, *further, simulations=6):
    settings = [f"recon.checkpoint={estimator}", f"recon.max_simulations={simulations}", "recon.step=line_search"]
    return [PROGRAM, observed_file, "-o", output, "--quiet", *(f"--set={word}" for word in settings), *further]


def simulations_so_far(state):
    try:
        with h5py.File(state / "history.h5", locking=False) as file:
            return len(file["data/loss"])
    except OSError:
        return 0


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

    recon = {"checkpoint": estimator, "max_simulations": 6, "step": "line_search"}
    whole = stages.run("recon", observed, merge(observed.config, {"recon": recon}))
    write_universe(whole, tmp_path / "whole.h5")
    assert digest(read_universe(output)) == digest(read_universe(tmp_path / "whole.h5"))


def test_dry_run_says_what_it_would_cost_and_runs_nothing(observed_file, estimator, tmp_path):
    output = tmp_path / "r.h5"
    said = subprocess.run(
        command(observed_file, output, estimator, "--dry-run"), capture_output=True, text=True, check=True
    ).stdout
    assert "at most 6 simulations" in said
    assert "memory:" in said
    assert not output.exists()


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ("no halos", 1, "observed.h5: /halos is empty: there is nothing to reconstruct from"),
        ("--set=box.size=62.5", 2, "[box] size = 62.5 disagrees with"),
    ],
)
def test_what_cannot_be_reconstructed_gives_one_line_and_no_output(
    observed, observed_file, estimator, tmp_path, change, code, message
):
    if change == "no halos":
        empty = {name: column[:0] for name, column in observed.halos.columns.items()}
        observed_file = tmp_path / "observed.h5"
        halos = dataclasses.replace(observed.halos, columns=empty, members=None)
        write_universe(observed.with_halos(halos), observed_file)
    options = [change] if change.startswith("--") else []
    done = subprocess.run(
        command(observed_file, tmp_path / "r.h5", estimator, *options), capture_output=True, text=True
    )
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("r.h5*"))
