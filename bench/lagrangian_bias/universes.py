"""The universes of the benchmark: made once from their seeds, by the commands, and kept; CPU seconds of commands."""

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lss.config import Settings, read_toml

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "lagrangian-bias"
TRUTH = EXAMPLES / "truth.toml"
TRAINING, HELD_OUT = (0, 1), (2, 3, 4, 5, 6)
BIN = Path(sys.executable).parent


def settings() -> Settings:
    """The tables of the universes."""
    return read_toml(TRUTH)


def commands(steps: Sequence[Sequence[str]]) -> float:
    """Run commands one after the other on one thread; the CPU seconds of all of them, imports included."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for step in steps:
        subprocess.run([BIN / step[0], *step[1:], "--threads", "1", "--quiet"], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def chain(index: int, output: Path, *sets: str, halo: Sequence[str] = ()) -> float:
    """One universe of the ensemble from its seed to `output`; returns the CPU seconds."""
    names = [part for assignment in sets for part in ("--set", assignment)]
    ic, sim = output.with_suffix(".ic.h5"), output.with_suffix(".sim.h5")
    for file in (ic, sim):
        file.unlink(missing_ok=True)
    seconds = commands(
        [
            ["lss-ic", str(TRUTH), "--index", str(index), "-o", str(ic), *names],
            ["lss-sim", str(ic), "-o", str(sim), *names],
            ["lss-halo", str(sim), "--force", "-o", str(output), *names, *halo],
        ]
    )
    ic.unlink()
    sim.unlink()
    return seconds


def universe_file(folder: Path, index: int) -> Path:
    """The P3M universe of this index, made if it is not there."""
    path = folder / "universes" / f"{index:06d}.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.h5")
        part.unlink(missing_ok=True)
        chain(index, part)
        part.rename(path)
    return path
