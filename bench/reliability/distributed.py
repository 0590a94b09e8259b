"""A training by two processes of torchrun against one by one: the same losses."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

BIN = Path(sys.executable).parent
UNIVERSES, BATCH, UPDATES = 14, 2, 50
SETTINGS = {
    "train.channels": "4", "train.levels": "2", "train.batch": str(BATCH), "train.epochs": "10",
    "train.input_smoothing": "[2.0, 4.0]", "train.input_scale": "[2.0, 1.0]", "train.count_smoothing": "[4.0]",
    "train.validation": "0.25",
}  # fmt: skip


def measured(folder: Path) -> dict[str, Any]:
    """ddp_max_difference: the largest relative difference of the losses of 50 updates, two processes against one."""
    ensemble = folder / "distributed" / "ensemble"
    sets = ["--set=box.n=16", "--set=box.size=31.25", "--set=sim.method=pm", "--set=sim.steps=10"]
    halo = ["--set=halo.mass_definition=fof", "--set=halo.min_particles=10"]
    _run(["lss-ic", *sets, *halo, f"--count={UNIVERSES}", "--through=sim,halo", "--resume", "-o", f"{ensemble}/"])
    losses = [_losses(folder / "distributed", ensemble, processes) for processes in (1, 2)]
    one, two = (np.array(each[:UPDATES]) for each in losses)
    return {"ddp_updates": len(one), "ddp_max_difference": float(np.max(np.abs(two / one - 1)))}


def _losses(folder: Path, ensemble: Path, processes: int) -> list[float]:
    output = folder / f"{processes}.safetensors"
    words = ["lss-train", str(ensemble), "-o", str(output), "--force", "--threads=1"]
    words += [f"--set={key}={value}" for key, value in SETTINGS.items()]
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    _run(words, start if processes > 1 else [])
    lines = output.with_suffix(".jsonl").read_text().splitlines()
    return [entry["loss"] for entry in map(json.loads, lines) if "loss" in entry]


def _run(words: list[str], start: Sequence[str] = ()) -> None:
    command = [*start, str(BIN / words[0]), *words[1:], "--quiet"]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
