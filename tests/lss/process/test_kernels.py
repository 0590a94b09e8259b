"""numba, configured once: caches that are written somewhere, kernels that are found again."""

import os
import subprocess
import sys
from pathlib import Path

from lss.process import caches, kernels

KERNEL = """
import numpy as np
from lss.process.kernels import kernel, parallel_kernel, prange

@kernel
def total(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i]
    return s

@parallel_kernel
def doubled(x):
    for i in prange(len(x)):
        x[i] *= 2

def hits(function):
    return sum(function.stats.cache_hits.values())
"""
USE = """
import kernels_here as k, numpy as np
x = np.ones(9)
k.doubled(x)
print(k.total(x), k.hits(k.total), k.hits(k.doubled))
"""


def test_a_second_process_compiles_nothing(tmp_path):
    (tmp_path / "kernels_here.py").write_text(KERNEL)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    run = [
        subprocess.run([sys.executable, "-c", USE], env=environment, capture_output=True, text=True) for _ in range(2)
    ]
    assert run[0].stdout.split() == ["18.0", "0", "0"], run[0].stderr
    assert run[1].stdout.split() == ["18.0", "1", "1"], run[1].stderr


def test_without_a_writable_place_the_cache_goes_to_one_private_folder(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(kernels.os, "access", lambda path, mode: False)
    monkeypatch.setattr(caches.tempfile, "gettempdir", lambda: str(tmp_path))
    found = []
    for _ in range(2):
        monkeypatch.setenv("NUMBA_CACHE_DIR", "")
        monkeypatch.delenv("NUMBA_CACHE_DIR")
        with caplog.at_level("INFO", "lss.kernels"):
            kernels.settle_environment()
        found.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    assert found[0] == found[1], "the second run finds what the first has compiled"
    assert found[0].parent == tmp_path
    assert found[0].stat().st_mode & 0o077 == 0
    assert str(found[0]) in caplog.text


def test_a_cache_folder_that_was_chosen_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kernels.os, "access", lambda path, mode: False)
    kernels.settle_environment()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path)
