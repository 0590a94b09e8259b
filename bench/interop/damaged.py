"""Damaged files of other codes: read right, or refused in one line. What is right is known from the whole file."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from bench.interop.formats import COMMON, FORMATS, SIZE, Format, N, Rows, whole_rows
from bench.reliability.forks import LONG, Done, call, warm_up
from lss import notebook

ROUNDING = 2e-3  # of the largest value: half precision and whole km/s are read as what they are
COLUMNS = ("position", "velocity", "mass")


def measured(work: Path, count: int, seed: int = 1, formats: Sequence[str] = ()) -> dict[str, int]:
    """damaged_tried, damaged_tracebacks (crashes, hangs and excesses among them), damaged_silent; `count` a format.

    formats : only these, by the names of their files
    """
    warm_up()
    notebook.run(
        "halo", notebook.run("ic", box={"size": SIZE, "n": N}), halo={"mass_definition": "fof"}
    )  # loads the kernels
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    tried = faults = silent = 0
    for of in (one for one in FORMATS if not formats or one.name in formats):
        before = (tried, faults, silent)
        draw, rows = random.Random(f"{of.name} {seed}"), whole_rows()
        whole = work / f"whole-{of.name}"
        of.write(whole, rows)
        right = _found(of, whole, work, seconds=LONG)  # kernels may have to be compiled
        if right[1] is None or is_wrong(right[1], rows):
            raise RuntimeError(f"{of.name}: the whole file is not read right: {right[0].err}")
        for _ in range(count):
            path = work / of.name
            shutil.copy(whole, path)
            kind = of.damage(path, draw)
            done, found = _found(of, path, work)
            wrong = found is not None and is_wrong(found, rows)
            tried, faults, silent = tried + 1, faults + bool(done.fault), silent + wrong
            if done.fault or wrong:
                kept = work / f"found-{tried}-{of.name}"
                shutil.copy(path, kept)
                print(f"{kept.name}: {done.fault or 'silent'}: {kind}: {done.err.strip()[-200:]}", flush=True)
        counts = [now - then for now, then in zip((tried, faults, silent), before, strict=True)]
        print(f"{of.name}: {counts[0]} tried, {counts[1]} tracebacks, {counts[2]} silent", flush=True)
    return {"damaged_tried": tried, "damaged_tracebacks": faults, "damaged_silent": silent}


def _found(of: Format, path: Path, work: Path, seconds: float = 10.0) -> tuple[Done, Rows | None]:
    """How the command ended, and the rows that it read, if it says that it read any."""
    output = work / "x.h5"
    output.unlink(missing_ok=True)
    done = call(of.tool, [path.name, "-o", output.name, *COMMON, *of.words], work, seconds=seconds)
    if done.code or not output.exists():
        return done, None
    with h5py.File(output) as file:
        if of.group == "halos":
            return done, {name: file["halos"][name][()] for name in COLUMNS if name in file["halos"]}
        if of.group == "noise":
            return done, {"noise": file["ic/white_noise"][()].reshape(-1, 1)}
        particles = file["PartType1"]
        return done, {"particles": particles["Coordinates"][()], "speeds": particles["Velocities"][()]}


def is_wrong(found: Rows, rows: Rows) -> bool:
    """Whether a row is none of the file's, or a particle is missing. Fewer halos are a shorter table, and no error."""
    if "noise" in found:
        return found["noise"].shape != rows["noise"].shape or not np.allclose(found["noise"], rows["noise"])
    known = [rows[name] for name in found]
    count = len(next(iter(found.values())))
    if "particles" in found and count != len(rows["particles"]):
        return True
    if not count:
        return False
    table = np.concatenate([np.reshape(one, (len(one), -1)) for one in known], axis=1)
    read = np.concatenate([np.reshape(one, (count, -1)) for one in found.values()], axis=1)
    scale = np.maximum(np.abs(table).max(axis=0), 1e-30)
    distance = np.abs(read[:, None] - table[None]) / scale
    return bool((distance.max(axis=2).min(axis=1) > ROUNDING).any())
