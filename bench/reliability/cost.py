"""What checksums cost: a universe of 100 MB written with fsync and read, with and without them, in pairs."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lss.config import Configuration
from lss.files import hdf5, integrity, universe_file
from lss.files.universe_file import read_universe, write_universe
from lss.universe import Group, Universe

PAIRS = 10
N = 128


def measured(folder: Path) -> dict[str, Any]:
    """checksum_cost: medians over the pairs, of the ratios of CPU seconds (fsync waits for the disk, not for us)."""
    folder.mkdir(parents=True, exist_ok=True)
    universe, path = _universe(), folder / "cost.h5"
    write_universe(universe, path)
    read_universe(path)  # the inspection of a file is done once, and measured by itself
    ratios: dict[str, list[float]] = {"write": [], "read": []}
    for _ in range(PAIRS):
        for name, work in (("write", lambda: write_universe(universe, path)), ("read", lambda: read_universe(path))):
            with_checksums = _cpu(work)
            ratios[name].append(with_checksums / _without(work))
        write_universe(universe, path)
    path.unlink()
    return {"checksum_cost": {name: round(statistics.median(values), 3) for name, values in ratios.items()}}


def _universe() -> Universe:
    draw = np.random.default_rng(1)
    position = draw.random((N**3, 3), np.float32)
    data = dict.fromkeys(("position", "velocity", "more", "again"), position)
    config = Configuration.model_validate({"box": {"size": 250.0, "n": N}})
    return Universe(config.cosmology, config.box, {}, {"halos_like": Group(data, {}, {})}, "cost")


def _cpu(work: Callable[[], Any]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def _without(work: Callable[[], Any]) -> float:
    """The same with the checksums left out."""
    kept = integrity.checksum, hdf5.verify_dataset, universe_file.verify_group
    integrity.checksum = lambda array: "0" * 32
    hdf5.verify_dataset = universe_file.verify_group = lambda *_: None
    try:
        return _cpu(work)
    finally:
        integrity.checksum, hdf5.verify_dataset, universe_file.verify_group = kept
        os.sync()
