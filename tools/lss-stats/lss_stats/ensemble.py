"""Statistics of many universes: each member's, and the mean and scatter of them all."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lss.errors import DataError, LssError
from lss.files.universe_file import read_universe
from lss.inference import Inference
from lss.process.progress import progress
from lss.universe import Group
from lss_stats.agreement import ABSCISSAE, refuse_other_abscissae
from lss_stats.config import Statistics
from lss_stats.measurements import Groups, Measured, measure

log = logging.getLogger("lss.stats")

_READ = ["ic", "PartType1", "halos", "fields", "recon/posterior"]
# Columns that are the same in every member: where they stand, how much was averaged, and models.
_SHARED = ABSCISSAE | {"n_modes", "n_triangles", "tinker08", "sheth99", "press74"}


def measure_members(
    paths: Sequence[Path],
    config: Statistics,
    truth: Path | None = None,
    keep_going: bool = False,
    inference: Inference | None = None,
) -> list[Measured]:
    """The statistics of every member; `truth` is a file for all, or a directory with a file of the same name for each.

    Raises DataError naming the first member that cannot be used; with `keep_going` it is left out, and counted.
    """
    members: list[Measured] = []
    with progress("ensemble", len(paths)) as bar:
        for path in paths:
            try:
                members.append(_member(path, config, truth, members, inference))
            except LssError as error:
                if not keep_going:
                    raise DataError(f"{error} (--keep-going leaves such members out)") from None
                log.warning("left out: %s", error)
            bar.update(1, path.name)
    if not members:
        raise DataError(f"{paths[0].parent}: none of {len(paths)} universes could be measured")
    if len(members) < len(paths):
        log.warning("%d of %d universes left out", len(paths) - len(members), len(paths))
    return members


def truth_of(path: Path, truth: Path) -> Path:
    """The file to hold a universe against; of a directory, the one that has the universe's name."""
    return truth / path.name if truth.is_dir() else truth


def scatter(members: Sequence[Groups]) -> Groups:
    """Mean and standard deviation of each column over the members: "power" becomes "power_mean", "power_std".

    Statistics that some members lack are averaged over those that have them; their number is an attribute.
    """
    return {path: _scatter([m[path] for m in members if path in m]) for path in _paths(members)}


def _member(
    path: Path, config: Statistics, truth: Path | None, earlier: Sequence[Measured], inference: Inference | None
) -> Measured:
    universe = read_universe(path, _READ)
    against = read_universe(truth_of(path, truth), _READ) if truth is not None else None
    measured = measure(universe, config, against, inference)
    if earlier:
        refuse_other_abscissae(measured.own, universe.source, earlier[0].own, "the first member")
    # Thousands of members are held at once, and no slice of theirs is shown.
    own, of_truth = ({p: g for p, g in groups.items() if p != "slices"} for groups in (measured.own, measured.truth))
    return Measured(own, of_truth)


def _paths(members: Sequence[Groups]) -> Iterator[str]:
    seen = dict.fromkeys(path for member in members for path in member)
    return iter(seen)


def _scatter(groups: list[Group]) -> Group:
    data: dict[str, np.ndarray] = {}
    units: dict[str, str] = {}
    for name, first in groups[0].data.items():
        if name in _SHARED:
            data[name], units[name] = first, groups[0].units.get(name, "1")
            continue
        values = np.array([group.data[name] for group in groups if name in group.data], np.float64)
        data[f"{name}_mean"] = values.mean(axis=0)
        data[f"{name}_std"] = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(values[0])
        units |= dict.fromkeys((f"{name}_mean", f"{name}_std"), groups[0].units.get(name, "1"))
    return Group(data, {"members": len(groups)}, units)
