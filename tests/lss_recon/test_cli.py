import dataclasses
import os
import signal
import subprocess
import time

import h5py
import pytest

from lss import stages
from lss.config import merge
from lss.files.digest import digest
from lss.files.universe_file import read_universe, write_universe


def simulations_so_far(state):
    try:
        with h5py.File(state / "history.h5", locking=False) as file:
            return len(file["data/loss"])
    except OSError:
        return 0


def test_run_killed_at_any_moment_goes_on_to_the_same_bits(observed, line, estimator, tmp_path):
    output = tmp_path / "reconstructed.h5"
    running = subprocess.Popen(line(output))
    while running.poll() is None and simulations_so_far(tmp_path / "reconstructed.h5.state") < 3:
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not output.exists()
    subprocess.run(line(output, "--resume"), check=True)
    assert not (tmp_path / "reconstructed.h5.state").exists()

    recon = {"checkpoint": estimator, "max_simulations": 6, "step": "line_search"}
    whole = stages.run("recon", observed, merge(observed.config, {"recon": recon}))
    write_universe(whole, tmp_path / "whole.h5")
    assert digest(read_universe(output)) == digest(read_universe(tmp_path / "whole.h5"))


def test_dry_run_says_what_it_would_cost_and_runs_nothing(line, tmp_path):
    output = tmp_path / "r.h5"
    said = subprocess.run(line(output, "--dry-run"), capture_output=True, text=True, check=True).stdout
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
    observed, observed_file, line, tmp_path, change, code, message
):
    if change == "no halos":
        empty = {name: column[:0] for name, column in observed.halos.columns.items()}
        observed_file = tmp_path / "observed.h5"
        halos = dataclasses.replace(observed.halos, columns=empty, members=None)
        write_universe(observed.with_halos(halos), observed_file)
    options = [change] if change.startswith("--") else []
    words = line(tmp_path / "r.h5", *options, observed=observed_file)
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("r.h5*"))
