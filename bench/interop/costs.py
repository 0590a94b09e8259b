"""What reading costs, against the disk and the clock: CPU seconds with the files in memory."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from lss.files.universe_file import read_universe
from lss_halo.catalogues.text_table import read_text_table

PAIRS, HALOS = 10, 1_000_000


def snapshot_ratio(reference: Path) -> float:
    """CPU time of reading the 128^3 snapshot over that of a plain read of its datasets; median of ten pairs."""
    path = reference / "gadget4-128-a" / "snapshot_z0.hdf5"
    ours, plain = lambda: read_universe(path), lambda: _plain(path)
    ours(), plain()  # into memory
    return float(np.median([_seconds(ours) / _seconds(plain) for _ in range(PAIRS)]))


def csv_seconds() -> float:
    """CPU seconds of a CSV of a million halos of seven columns."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "halos.csv"
        rows = np.c_[rng.random((HALOS, 6)), 10 ** rng.uniform(12, 15, HALOS)]
        np.savetxt(path, rows, fmt="%.6g", delimiter=",", header="x,y,z,vx,vy,vz,m", comments="")
        return _seconds(lambda: read_text_table(path, separators=",;\t|"))


def _plain(path: Path) -> None:
    with h5py.File(path) as file:
        for name in ("Coordinates", "Velocities", "ParticleIDs"):
            file["PartType1"][name][()]


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
