"""All statistics of a universe that are asked for and that its data allow, as groups of /stats."""

import dataclasses
import logging

from lss.errors import DataError
from lss.inference import Inference
from lss.process.progress import progress
from lss.universe import Universe
from lss_stats.agreement import refuse_other_abscissae
from lss_stats.config import Statistics
from lss_stats.fields import Fields
from lss_stats.measures import wanted
from lss_stats.same_universe import facts_of, hold_against
from lss_stats.statistic import Groups, Measured, Statistic, Subject

log = logging.getLogger("lss.stats")


def measure(
    universe: Universe, config: Statistics, truth: Universe | None = None, inference: Inference | None = None
) -> Measured:
    """Every statistic of `config.measure`; those whose data are not there are left out, and the log says so.

    The log names in what else the truth is another universe (`same_universe`).
    Raises DataError for a truth of another box, or whose statistics stand at other k, triangles or distances.
    """
    if truth is not None:
        hold_against(facts_of(universe), facts_of(truth))
    inference = inference or Inference()
    there = Subject(truth, Fields(truth, config), config, inference) if truth is not None else None
    here = Subject(universe, Fields(universe, config), config, inference, there)
    statistics = wanted(config)
    own, of_truth = Groups(), Groups()
    needed = _fields_needed(statistics, here)
    with progress("statistics", len(needed) + 1) as bar:
        while needed:
            name = next(iter(needed))
            bar.update(1, name)
            for statistic in needed.pop(name):
                own |= _of_field(statistic, here, name)
                if there is not None and not statistic.compares:
                    of_truth |= _of_field(statistic, there, name)
            later = _with_partners(needed, here)
            here.fields.keep(later)
            if there is not None:
                there.fields.keep(later)
        bar.update(1, "catalogues")
        own |= _of_universe(statistics, here)
        if there is not None:
            of_truth |= _of_universe([one for one in statistics if not one.compares], there)
    if not own:
        raise DataError(f"{universe.source}: nothing to measure: it has no data for any of {', '.join(config.measure)}")
    if truth is not None:
        refuse_other_abscissae(own, universe.source, of_truth, truth.source)
    return Measured(own, of_truth)


def _fields_needed(statistics: list[Statistic], subject: Subject) -> dict[str, list[Statistic]]:
    """Field -> the statistics that are measured of it, field by field so that each is painted once."""
    needed: dict[str, list[Statistic]] = {name: [] for name in subject.fields.everything}
    for statistic in statistics:
        for name in statistic.fields(subject) if statistic.fields else ():
            needed[name].append(statistic)
    return {name: of_it for name, of_it in needed.items() if of_it}


def _with_partners(needed: dict[str, list[Statistic]], subject: Subject) -> set[str]:
    """These fields, and those that are needed with them."""
    partners = {
        field
        for name, statistics in needed.items()
        for one in statistics
        if one.fields is not None
        for field in one.fields(subject)[name]
    }
    return partners | needed.keys()


def _of_field(statistic: Statistic, subject: Subject, name: str) -> Groups:
    if statistic.of_field is None or name not in subject.fields:
        return {}
    return _with_units(statistic, statistic.of_field(subject, name))


def _of_universe(statistics: list[Statistic], subject: Subject) -> Groups:
    groups, universe = Groups(), subject.universe
    lacking: dict[str, list[str]] = {}
    for statistic in statistics:
        missing = next((path for path in statistic.needs if not universe.has(path)), None)
        if missing is not None:
            lacking.setdefault(missing, []).append(statistic.groups[0])
        elif statistic.of_universe is not None:
            groups |= _with_units(statistic, statistic.of_universe(subject))
    for path, names in lacking.items():
        log.info("%s: no /%s: no %s", universe.source, path, ", ".join(names))
    return groups


def _with_units(statistic: Statistic, groups: Groups) -> Groups:
    """A group's own units over those that its statistic declares."""
    return {
        path: dataclasses.replace(
            group, units={name: unit for name, unit in statistic.units.items() if name in group.data} | group.units
        )
        for path, group in groups.items()
    }
