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
KEYS = ("checksum_cost", "checksum_cost_cpu")
Seconds = tuple[float, float]


def measured(folder: Path) -> dict[str, Any]:
    """checksum_cost: ratios of the medians of wall seconds, fsync included; checksum_cost_cpu: of CPU seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    universe, path = _universe(), folder / "cost.h5"
    write_universe(universe, path)
    read_universe(path)  # the inspection of a file is done once, and measured by itself
    times: dict[str, list[tuple[Seconds, Seconds]]] = {"write": [], "read": []}
    for _ in range(PAIRS):
        bare = _without(lambda: write_universe(universe, path))
        times["write"].append((_seconds(lambda: write_universe(universe, path)), bare))
        times["read"].append((_seconds(lambda: read_universe(path)), _without(lambda: read_universe(path))))
    path.unlink()
    return {key: {name: _ratio(pairs, clock) for name, pairs in times.items()} for clock, key in enumerate(KEYS)}


def _ratio(pairs: list[tuple[Seconds, Seconds]], clock: int) -> float:
    with_checksums, without = (statistics.median(pair[side][clock] for pair in pairs) for side in (0, 1))
    return round(with_checksums / without, 3)


def _universe() -> Universe:
    draw = np.random.default_rng(1)
    position = draw.random((N**3, 3), np.float32)
    data = dict.fromkeys(("position", "velocity", "more", "again"), position)
    config = Configuration.model_validate({"box": {"size": 250.0, "n": N}})
    return Universe(config.cosmology, config.box, {}, {"halos_like": Group(data, {}, {})}, "cost")


def _seconds(work: Callable[[], Any]) -> Seconds:
    """Wall and CPU."""
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


def _without(work: Callable[[], Any]) -> Seconds:
    """The same with the checksums left out."""
    kept = integrity.checksum, hdf5.verify_dataset, universe_file.verify_group
    integrity.checksum = lambda array: "0" * 32
    hdf5.verify_dataset = universe_file.verify_group = lambda *_: None
    try:
        return _seconds(work)
    finally:
        integrity.checksum, hdf5.verify_dataset, universe_file.verify_group = kept
        os.sync()
