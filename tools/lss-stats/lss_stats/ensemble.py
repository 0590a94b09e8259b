"""Statistics of many universes: each member's, and the mean and scatter of them all."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lss.errors import DataError, LssError
from lss.files.universe_file import read_universe
from lss.inference import Inference
from lss.process.progress import progress
from lss.universe import Group, Universe
from lss_stats.agreement import refuse_other_abscissae
from lss_stats.config import Statistics
from lss_stats.measurements import measure
from lss_stats.measures import every, statistic_of
from lss_stats.same_universe import Facts, differences, facts_of
from lss_stats.statistic import Groups, Measured

log = logging.getLogger("lss.stats")

_READ = ["ic", "PartType1", "halos", "fields", "recon/posterior"]


def measure_members(
    paths: Sequence[Path],
    config: Statistics,
    truth: Path | None = None,
    keep_going: bool = False,
    inference: Inference | None = None,
) -> list[Measured]:
    """The statistics of every member; `truth` is a file for all, or a directory with a file of the same name for each.

    The log says how many are of another universe than the first (`same_universe`).
    Raises DataError naming the first member that cannot be used; with `keep_going` it is left out, and counted.
    """
    members: list[Measured] = []
    first: Facts | None = None
    unlike: list[str] = []
    with progress("ensemble", len(paths)) as bar:
        for path in paths:
            try:
                universe = read_universe(path, _READ)
                facts = facts_of(universe)
                found = differences(facts, first) if first else ""
                members.append(_member(universe, config, truth, members, inference))
                first = first or facts
                if found:
                    unlike.append(f"{path}: {found}")
            except LssError as error:
                if not keep_going:
                    raise DataError(f"{error} (--keep-going leaves such members out)") from None
                log.warning("left out: %s", error)
            bar.update(1, path.name)
    if not members:
        raise DataError(f"{paths[0].parent}: none of {len(paths)} universes could be measured")
    if unlike and first:
        count = "1 universe differs" if len(unlike) == 1 else f"{len(unlike)} universes differ"
        log.warning("%s from %s; %s", count, first["source"], unlike[0])
    if len(members) < len(paths):
        log.warning("%d of %d universes left out", len(paths) - len(members), len(paths))
    return members


def truth_of(path: Path, truth: Path) -> Path:
    """The file to compare a universe with; of a directory, the one that has the universe's name."""
    return truth / path.name if truth.is_dir() else truth


def scatter(members: Sequence[Groups]) -> Groups:
    """Mean and standard deviation of each column over the members: "power" becomes "power_mean", "power_std".

    Columns that are the same in every member (k, numbers of modes, models) stay as they are. Statistics that some
    members lack are averaged over those that have them; their number is an attribute.
    """
    found = Groups()
    for path in dict.fromkeys(path for member in members for path in member):
        statistic = statistic_of(path)
        same = statistic.abscissae | statistic.shared if statistic else frozenset()
        found[path] = _scatter([member[path] for member in members if path in member], same)
    return found


def of_members(members: Sequence[Measured]) -> Groups:
    """The scatter, and what statistics make of all members together (the coverage of their posteriors)."""
    found = scatter([member.own for member in members])
    for statistic in every():
        if statistic.of_members is not None:
            found |= statistic.of_members(members)
    return found


def _member(
    universe: Universe, config: Statistics, truth: Path | None, earlier: Sequence[Measured], inference: Inference | None
) -> Measured:
    against = read_universe(truth_of(Path(universe.source), truth), _READ) if truth is not None else None
    measured = measure(universe, config, against, inference)
    if earlier:
        refuse_other_abscissae(measured.own, universe.source, earlier[0].own, "the first member")
    # Thousands of members are held at once, and no picture of theirs is shown.
    pictures = {path for statistic in every() for path in statistic.pictures}
    own, of_truth = (
        {p: g for p, g in groups.items() if p not in pictures} for groups in (measured.own, measured.truth)
    )
    return Measured(own, of_truth)


def _scatter(groups: list[Group], same: frozenset[str]) -> Group:
    data: dict[str, np.ndarray] = {}
    units: dict[str, str] = {}
    for name, first in groups[0].data.items():
        if name in same:
            data[name], units[name] = first, groups[0].units.get(name, "1")
            continue
        values = np.array([group.data[name] for group in groups if name in group.data], np.float64)
        data[f"{name}_mean"] = values.mean(axis=0)
        data[f"{name}_std"] = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(values[0])
        units |= dict.fromkeys((f"{name}_mean", f"{name}_std"), groups[0].units.get(name, "1"))
    return Group(data, {"members": len(groups)}, units)
