"""What commands cost before and beside their work: CPU seconds of a small universe, warm."""

import resource
from pathlib import Path

from bench.comfort.commands import shell

SMALL = '[box]\nsize = 50.0\nn = 16\n[sim]\nmethod = "pm"\n[halo]\nmass_definition = "fof"\n'
COMMANDS = {
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


def per_command(folder: Path, repeats: int = 3) -> dict[str, float]:
    """Command -> CPU seconds of 16^3, the least of some runs after a first one that compiles."""
    (folder / "s.toml").write_text(SMALL)
    for line in COMMANDS.values():
        shell(line, folder)
    return {name: round(min(seconds(line, folder) for _ in range(repeats)), 2) for name, line in COMMANDS.items()}


def of_an_ensemble(folder: Path, count: int) -> float:
    """CPU seconds a universe of 32^3, from seed to halos, of `count` made by one process."""
    (folder / "e.toml").write_text(SMALL.replace("n = 16", "n = 32").replace("50.0", "125.0"))
    line = f"lss-ic e.toml --threads 1 -q --through sim,halo --drop PartType1 -o ensemble/ --force --count {count}"
    return round(seconds(line, folder) / count, 2)
