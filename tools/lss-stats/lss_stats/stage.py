"""lss-stats: measure a universe, alone or against a truth and an ensemble; write tables, figures and a report."""

import dataclasses
import logging
import textwrap
from collections.abc import Sequence
from pathlib import Path

from lss.errors import ConfigError, DataError
from lss.files.digest import digest as digest_of
from lss.files.universe_file import ensemble_members, read_first, read_universe, universe_files
from lss.stages import IMPORTS_BYTES, Plan
from lss.universe import Group, Universe
from lss_stats.agreement import refuse_other_abscissae
from lss_stats.config import Config
from lss_stats.ensemble import measure_members, scatter, truth_of
from lss_stats.figures.shown import Shown
from lss_stats.measurements import Groups, Measured, measure
from lss_stats.measures.posterior import coverage, stored_posterior
from lss_stats.output.listing import listing
from lss_stats.output.summary import (
    Row,
    as_text,
    coverage_rows,
    ensemble_rows,
    estimate_rows,
    halo_rows,
    parameter_rows,
    recovery_rows,
)

__all__ = ["Config", "listing", "plan", "run", "run_directory"]

FIGURE_FORMATS = (".png", ".pdf", ".svg")

log = logging.getLogger("lss.stats")


def run(
    universe: Universe,
    config: Config,
    *,
    truth: Path | None = None,
    ensemble: Path | None = None,
    posteriors: Path | None = None,
    plot: Path | None = None,
    figures: Path | None = None,
    tables: Path | None = None,
    report: Path | None = None,
    digest: bool = False,
    keep_going: bool = False,
) -> Universe | str:
    """The universe with its statistics in /stats; or, with `digest`, one hash of its data."""
    if digest:
        return digest_of(universe)
    _refuse_figure_format(plot)
    against = read_universe(truth_of(Path(universe.source), truth)) if truth is not None else None
    measured = measure(universe, config.stats, against, config.inference)
    band = _band(ensemble, config, keep_going)
    refuse_other_abscissae(measured.own, universe.source, band, str(ensemble))
    result = with_statistics(universe, measured, band)
    name = "reconstruction" if universe.has("recon") else "universe"
    shown = Shown(measured.own, measured.truth, band, label=name, posteriors=_posteriors(universe, posteriors))
    own = measured.own
    said = _said([recovery_rows(own), halo_rows(own, measured.truth), parameter_rows(own)])
    if said:
        log.info("%s\n%s", universe.source, textwrap.indent(said, "  "))
    _write_out(shown, result, plot, figures, tables, report)
    return result


def run_directory(
    paths: Sequence[Path],
    config: Config,
    *,
    truth: Path | None = None,
    ensemble: Path | None = None,
    posteriors: Path | None = None,
    plot: Path | None = None,
    figures: Path | None = None,
    tables: Path | None = None,
    report: Path | None = None,
    digest: bool = False,
    keep_going: bool = False,
) -> tuple[Universe | None, str]:
    """Statistics of every universe of a directory: one that holds their scatter in /stats/ensemble, and a table of it.

    truth : may be a directory that holds a truth of the same name for every member. With `digest`, one hash a line of
    the members' data, and no universe.
    Raises DataError naming the first member that cannot be used; with `keep_going` it is left out.
    """
    if posteriors is not None:
        raise ConfigError("--posteriors: shown with the posterior of one universe, not of a directory")
    if digest:
        return None, "\n".join(f"{digest_of(read_universe(path))}  {path}" for path in paths)
    _refuse_figure_format(plot)
    members = measure_members(paths, config.stats, truth, keep_going, config.inference)
    scattered = scatter([m.own for m in members])
    inferred = [m.own["posterior"] for m in members if "posterior" in m.own and "rank" in m.own["posterior"].data]
    if len(inferred) > 1:
        scattered["coverage"] = coverage(inferred)
    band = _band(ensemble, config, keep_going) or scattered
    refuse_other_abscissae(members[0].own, str(paths[0].parent), band, str(ensemble))
    shown = Shown({}, band=band, band_label=f"{len(members)} members", members=members)
    subject = dataclasses.replace(read_first(paths, ["provenance"]), source=str(paths[0].parent))
    result = with_statistics(subject, Measured({}), scattered)
    _write_out(shown, result, plot, figures, tables, report)
    return result, _said([ensemble_rows(members), estimate_rows(members), coverage_rows(scattered)])


def with_statistics(universe: Universe, measured: Measured, band: Groups) -> Universe:
    """/stats replaced: the universe's own statistics, those of the truth and of the ensemble below them."""
    universe = universe.without("stats")
    for folder, groups in (("stats", measured.own), ("stats/truth", measured.truth), ("stats/ensemble", band)):
        for path, group in groups.items():
            universe = universe.with_group(f"{folder}/{path}", group)
    return universe


def plan(universe: Universe | None, config: Config) -> Plan:
    """Memory: the universe, and the grids and modes of the sample that is measured (a truth adds its own size)."""
    box = universe.box if universe is not None else config.box
    n = max(config.stats.mesh or box.n, box.n)
    held = sum(a.nbytes for g in universe.groups.values() for a in g.data.values()) if universe else 28 * box.n**3
    components = 4.5 if config.stats.wants("momentum", "velocity") else 1  # three, and the grid they are made from
    modes = 4 * n**2 * (n + 2)  # bytes of one field in Fourier space
    # Beside the sample: the initial field's modes, a stack of both, one grid; and matplotlib, if a figure is drawn.
    memory = IMPORTS_BYTES + 20_000_000 + held + (components + 4) * modes + 12 * box.n**3
    cpu = 3.0 + 4e-7 * n**3 * (12 if config.stats.wants("bispectrum") else 4)
    steps = [f"measure {', '.join(config.stats.measure)} on grids of {n}^3 ({config.stats.assignment})"]
    return Plan(int(memory), cpu, steps)


def _said(tables: Sequence[Sequence[Row]]) -> str:
    """All tables that have more than a head, as text."""
    return "\n\n".join(as_text(rows) for rows in tables if len(rows) > 1)


def _refuse_figure_format(plot: Path | None) -> None:
    """Before the work, not after it."""
    if plot is not None and plot.suffix not in FIGURE_FORMATS:
        raise ConfigError(f"--plot {plot}: a figure ends in {', '.join(FIGURE_FORMATS)}")


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


def _write_out(
    shown: Shown, result: Universe, plot: Path | None, figures: Path | None, tables: Path | None, report: Path | None
) -> None:
    """What was asked for beside the universe itself; matplotlib is imported only for a figure."""
    if tables is not None:
        from lss_stats.output.tables import save_tables

        save_tables(result, tables)
    if plot is not None or figures is not None:
        from lss_stats.figures.catalogue import save_all, save_overview

        if plot is not None:
            save_overview(shown, plot)
        if figures is not None:
            save_all(shown, figures)
    if report is not None:
        from lss_stats.output.report import save_report

        save_report(shown, result, report)
