"""lss-stats as a stage: what it measures is in run.py, which is imported when there is something to measure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lss.files.digest import digest
from lss.files.universe_file import read_universe
from lss.stages import IMPORTS_BYTES, Plan
from lss.universe import Universe
from lss_stats.config import Config
from lss_stats.output.listing import listing

__all__ = ["Config", "check", "listing", "plan", "report", "run", "run_directory"]


def run(universe: Universe, config: Config, **options: Any) -> Universe:
    """The universe with its statistics. See lss_stats.run.run."""
    from lss_stats import run as work

    return work.run(universe, config, **options)[0]


def report(universe: Universe, config: Config, **options: Any) -> tuple[Universe | None, str]:
    """The same, and what is said of it; see lss_stats.run."""
    from lss_stats import run as work

    if options.pop("digest"):
        return None, digest(universe)
    return work.run(universe, config, **options)


def run_directory(paths: Sequence[Path], config: Config, **options: Any) -> tuple[Universe | None, str]:
    """See lss_stats.run.run_directory."""
    from lss_stats import run as work

    if options.pop("digest", False):
        return None, "\n".join(f"{digest(read_universe(path))}  {path}" for path in paths)
    return work.run_directory(paths, config, **options)


def check(paths: Sequence[Path]) -> bool:
    """See lss_stats.check.check."""
    from lss_stats import check as work

    return work.check(paths)


def plan(universe: Universe | None, config: Config) -> Plan:
    """Memory: the universe, and the grids and modes of the field that is measured (a truth adds its own size)."""
    box = universe.box if universe is not None else config.box
    n = max(config.stats.mesh or box.n, box.n)
    held = sum(a.nbytes for g in universe.groups.values() for a in g.data.values()) if universe else 28 * box.n**3
    components = 4.5 if config.stats.wants("momentum", "velocity") else 1  # three, and the grid they are made from
    modes = 4 * n**2 * (n + 2)  # bytes of one field in Fourier space
    # Beside the field: the initial field's modes, a stack of both, one grid; and matplotlib, if a figure is drawn.
    memory = IMPORTS_BYTES + 20_000_000 + held + (components + 4) * modes + 12 * box.n**3
    cpu = 3.0 + 4e-7 * n**3 * (12 if config.stats.wants("bispectrum") else 4)
    steps = [f"measure {', '.join(config.stats.measure)} on grids of {n}^3 ({config.stats.assignment})"]
    return Plan(int(memory), cpu, steps)
