"""Measure a universe, or a directory of them, alone or against a truth and an ensemble; write what was asked for."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lss.errors import ConfigError, DataError
from lss.files.universe_file import ensemble_members, read_first, read_universe, universe_files
from lss.universe import Group, Universe
from lss_stats.agreement import refuse_other_abscissae
from lss_stats.config import Config
from lss_stats.ensemble import measure_members, of_members, scatter, truth_of
from lss_stats.figures.shown import Shown
from lss_stats.measurements import measure
from lss_stats.measures.posterior import stored_posterior
from lss_stats.output.outputs import Outputs
from lss_stats.output.summary import as_json, summary
from lss_stats.statistic import Groups, Measured

log = logging.getLogger("lss.stats")


def run(
    universe: Universe,
    config: Config,
    *,
    truth: Path | None = None,
    ensemble: Path | None = None,
    posteriors: Path | None = None,
    keep_going: bool = False,
    json: bool = False,
    label: str | None = None,
    **wanted: Any,
) -> tuple[Universe, str]:
    """The universe with its statistics in /stats, and the tables of the result, as text or JSON.

    wanted : the fields of `Outputs`
    """
    outputs = Outputs(**wanted)
    against = read_universe(truth_of(Path(universe.source), truth)) if truth is not None else None
    measured = measure(universe, config.stats, against, config.inference)
    band = _band(ensemble, config, keep_going)
    refuse_other_abscissae(measured.own, universe.source, band, str(ensemble))
    result = with_statistics(universe, measured, band)
    name, other = _labels(label, "reconstruction" if universe.has("recon") else "universe")
    found = _posteriors(universe, posteriors)
    shown = Shown(measured.own, measured.truth, band, label=name, truth_label=other, posteriors=found)
    outputs.write(shown, result)
    return result, as_json(shown) if json else summary(shown)


def run_directory(
    paths: Sequence[Path],
    config: Config,
    *,
    truth: Path | None = None,
    ensemble: Path | None = None,
    posteriors: Path | None = None,
    keep_going: bool = False,
    json: bool = False,
    label: str | None = None,
    **wanted: Any,
) -> tuple[Universe, str]:
    """Statistics of every universe of a directory: one that holds their scatter in /stats/ensemble, and a table of it.

    truth : may be a directory that holds a truth of the same name for every member; wanted : the fields of `Outputs`.
    Raises DataError naming the first member that cannot be used; with `keep_going` it is left out.
    """
    outputs = Outputs(**wanted)
    if posteriors is not None:
        raise ConfigError("--posteriors: they are drawn over the posterior of one universe, not of a directory")
    members = measure_members(paths, config.stats, truth, keep_going, config.inference)
    scattered = of_members(members)
    band = _band(ensemble, config, keep_going) or scattered
    refuse_other_abscissae(members[0].own, str(paths[0].parent), band, str(ensemble))
    name, other = _labels(label, f"{len(members)} members")
    shown = Shown({}, band=band, band_label=name, truth_label=other, members=members)
    subject = dataclasses.replace(read_first(paths, ["provenance"]), source=str(paths[0].parent))
    result = with_statistics(subject, Measured({}), scattered)
    outputs.write(shown, result)
    said = dataclasses.replace(shown, band=scattered)
    return result, as_json(said) if json else summary(said)


def with_statistics(universe: Universe, measured: Measured, band: Groups) -> Universe:
    """/stats replaced: the universe's own statistics, those of the truth and of the ensemble below them."""
    universe = universe.without("stats")
    for folder, groups in (("stats", measured.own), ("stats/truth", measured.truth), ("stats/ensemble", band)):
        for path, group in groups.items():
            universe = universe.with_group(f"{folder}/{path}", group)
    return universe


def _labels(label: str | None, subject: str) -> tuple[str, str]:
    """What the universe and the truth are called in figures. Raises ConfigError for more names than two."""
    own, _, truth = (label or "").partition(",")
    if "," in truth:
        raise ConfigError(f"--label {label}: expected one name, or two with one comma: the universe's and the truth's")
    return own.strip() or subject, truth.strip() or "truth"


def _posteriors(universe: Universe, others: Path | None) -> dict[str, Group]:
    """The posterior of the universe, and those of a file or of a directory's files, by what each is called."""
    paths = universe_files([others]) if others is not None else []
    sources = [universe, *(read_universe(path, ["recon/posterior"]) for path in paths)]
    found: dict[str, Group] = {}
    for source in sources:
        if source is universe and not source.has("recon/posterior"):
            continue
        group = stored_posterior(source)
        parameters = str(group.attrs["parameters"])
        if found and parameters != (first := str(next(iter(found.values())).attrs["parameters"])):
            raise DataError(f"{source.source}: a posterior of {parameters}, but {universe.source} has one of {first}")
        label = str(group.attrs["method"]).upper()
        found[label if label not in found else f"{label}, {Path(source.source).stem}"] = group
    return found


def _band(ensemble: Path | None, config: Config, keep_going: bool) -> Groups:
    if ensemble is None:
        return {}
    members = measure_members(ensemble_members(ensemble), config.stats, None, keep_going, config.inference)
    log.info("ensemble: %d universes", len(members))
    return scatter([member.own for member in members])
