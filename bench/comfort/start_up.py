"""What commands cost before and beside their work: CPU seconds of a small universe, warm."""

import os
import resource
import statistics
from pathlib import Path

from bench.comfort.commands import shell

SMALL = '[box]\nsize = 50.0\nn = 16\n[sim]\nmethod = "pm"\n[halo]\nmass_definition = "fof"\n'
COMMANDS = {
    "imports": "python -c 'import numba, scipy.fft, h5py, pydantic'",
    "lss-ic": "lss-ic s.toml --threads 1 -q --force -o 1.h5",
    "lss-sim": "lss-sim 1.h5 --threads 1 -q --force -o 2.h5",
    "lss-halo": "lss-halo 2.h5 --threads 1 -q --force -o 3.h5",
    "lss-stats": "lss-stats 3.h5 --threads 1 -q --force -o 4.h5",
    "lss-sim p3m": "lss-sim 1.h5 --set sim.method=p3m --threads 1 -q --force -o 2p.h5",
    "--help": "lss-sim --help",
}


def seconds(line: str, folder: Path) -> float:
    """CPU seconds of a line of commands."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = shell(line, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{line}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def per_command(folder: Path, rounds: int = 10) -> dict[str, float]:
    """Command -> CPU seconds of 16^3, the median of some rounds after a first one that compiles.

    "imports" is what the libraries take that no command can do without: on a shared machine CPU seconds stretch, and
    the ratio to it says more than they do. Every round runs all, so that they meet the same conditions.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # users have their modules compiled once, not in every run
    (folder / "s.toml").write_text(SMALL)
    for line in COMMANDS.values():
        shell(line, folder)
    taken = [{name: seconds(line, folder) for name, line in COMMANDS.items()} for _ in range(rounds)]
    return {name: round(statistics.median(one[name] for one in taken), 2) for name in COMMANDS}


def of_an_ensemble(folder: Path, count: int) -> float:
    """CPU seconds a universe of 32^3, from seed to halos, of `count` made by one process."""
    (folder / "e.toml").write_text(SMALL.replace("n = 16", "n = 32").replace("50.0", "125.0"))
    line = f"lss-ic e.toml --threads 1 -q --through sim,halo --drop PartType1 -o ensemble/ --force --count {count}"
    return round(seconds(line, folder) / count, 2)
