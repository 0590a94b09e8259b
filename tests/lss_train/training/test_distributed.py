"""Trainings of several processes: the same losses as one, and only one that writes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lss.nets.checkpoint import read_card

BIN = Path(sys.executable).parent
PATIENCE = 1800  # seconds, on a machine that others use too: what hangs is found, what is slow is let be
TABLES = """[train]
model = "{model}"
channels = 4
levels = 2
batch = 3
epochs = {epochs}
warm_up = 2
validation = 0.2
"""


def words(folder, ensemble, output, processes, *further, model="estimator", epochs=6):
    """The command of a training, by torchrun or by one process without it."""
    toml = folder / "train.toml"
    toml.write_text(TABLES.format(model=model, epochs=epochs))
    own = [str(BIN / "lss-train"), str(toml), str(ensemble), "-o", str(folder / output), "--threads", "1", *further]
    if processes == 1:
        return own
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", *own]


def environment():
    alone = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE")}
    return alone | {"OMP_NUM_THREADS": "1"}


def trained(*line, check=True, **tables):
    command = words(*line, **tables)
    return subprocess.run(command, check=check, capture_output=True, text=True, env=environment(), timeout=PATIENCE)


def losses(folder, output):
    lines = (folder / output).with_suffix(".jsonl").read_text().splitlines()
    return [entry["loss"] for entry in map(json.loads, lines) if "loss" in entry]


def test_two_processes_make_the_losses_of_one(ensemble, tmp_path):
    trained(tmp_path, ensemble, "one.safetensors", 1)
    found = trained(tmp_path, ensemble, "two.safetensors", 2)
    one, two = (losses(tmp_path, f"{name}.safetensors") for name in ("one", "two"))
    assert len(one) == len(two) >= 12
    np.testing.assert_allclose(two, one, rtol=1e-4)
    cards = [read_card(str(tmp_path / f"{name}.safetensors")) for name in ("one", "two")]
    assert cards[0]["data"] == cards[1]["data"]
    assert cards[1]["validation"]["loss"] == pytest.approx(cards[0]["validation"]["loss"], rel=1e-3)
    assert found.stderr.count("validation loss") == 1
    assert not list(tmp_path.glob("*.state"))


@pytest.mark.slow
def test_a_training_that_two_processes_began_is_finished_by_one(ensemble, tmp_path):
    trained(tmp_path, ensemble, "whole.safetensors", 1, epochs=40)
    output = "stopped.safetensors"
    begun = subprocess.Popen(
        words(tmp_path, ensemble, output, 2, epochs=40), env=environment(), stderr=subprocess.DEVNULL
    )
    journal = (tmp_path / output).with_suffix(".jsonl")
    until = time.monotonic() + PATIENCE
    while not (journal.exists() and len(journal.read_text().splitlines()) > 3):
        assert begun.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    begun.terminate()
    begun.wait(timeout=PATIENCE)
    assert (tmp_path / f"{output}.state").is_dir()
    assert not (tmp_path / output).exists()
    stopped_at = len(losses(tmp_path, output))
    trained(tmp_path, ensemble, output, 1, "--resume", epochs=40)
    whole, resumed = losses(tmp_path, "whole.safetensors"), losses(tmp_path, output)
    assert 3 <= stopped_at < len(whole) == len(resumed)
    np.testing.assert_allclose(resumed[:20], whole[:20], rtol=1e-4)
    assert not (tmp_path / f"{output}.state").exists()


def test_a_model_of_one_process_says_so(ensemble, tmp_path):
    found = trained(tmp_path, ensemble, "one.safetensors", 2, model="halo-mass", check=False)
    assert found.returncode != 0
    assert "is trained by one process, and torchrun started 2" in found.stderr
    with pytest.raises(FileNotFoundError):
        losses(tmp_path, "one.safetensors")
