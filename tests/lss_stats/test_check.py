"""`--check`: one line a file, and an exit code that scripts can act on."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

from lss.config import Box, Configuration
from lss.files.restart import Restart
from lss.files.universe_file import write_universe
from lss.nets.checkpoint import CARD_KEYS, save_checkpoint
from lss.universe import Group, Universe, WhiteNoise
from lss_stats.check import check


def _ensemble(folder: Path) -> Path:
    blank = Universe.create(Configuration(box=Box(size=20.0, n=4)))
    for i in range(2):
        write_universe(blank.with_noise(WhiteNoise(np.ones((4, 4, 4), np.float32), i)), folder / f"{i}.h5")
    Restart(folder / "o.h5.state").save("loop", Group({"x": np.arange(9.0)}))
    return folder


def test_whole_files_are_said_to_be_whole(tmp_path, capsys):
    assert check([_ensemble(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("whole" in line for line in lines)


def test_a_damaged_file_is_named_among_whole_ones(tmp_path, capsys):
    _ensemble(tmp_path)
    with h5py.File(tmp_path / "1.h5", "r+") as file:
        file["ic/white_noise"][1, 2, 3] += 1
    assert not check([tmp_path])
    assert next(line for line in capsys.readouterr().out.splitlines() if ": damaged" in line).startswith(
        f"{tmp_path}/1.h5"
    )


def test_files_without_checksums_and_checkpoints_are_told(tmp_path, capsys, edited):
    _ensemble(tmp_path)
    with edited(tmp_path / "0.h5"):
        pass
    assert check([tmp_path / "0.h5"])
    assert "no checksums" in capsys.readouterr().out
    import torch

    save_checkpoint(tmp_path / "n.safetensors", {"w": torch.ones(3)}, {key: {} for key in CARD_KEYS})
    assert check([tmp_path / "n.safetensors"])
    assert "whole (2 checksums)" in capsys.readouterr().out


def test_the_command_ends_with_one_for_a_missing_or_damaged_file(tmp_path):
    _ensemble(tmp_path)
    command = [Path(sys.executable).parent / "lss-stats", "--check", tmp_path / "0.h5", tmp_path / "missing.h5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    assert "missing.h5: no such file" in done.stdout
