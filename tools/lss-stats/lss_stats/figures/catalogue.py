"""Every figure that the statistics declare; each is left out where its statistics were not measured."""

import importlib
import logging
from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from lss_stats import measures, statistic
from lss_stats.figures import ensemble, fields, posterior, style
from lss_stats.figures.overview import overview
from lss_stats.figures.shown import Shown

log = logging.getLogger("lss.stats")

OVERVIEW = statistic.Figure(
    "Overview",
    "lss_stats.figures.overview:overview",
    (
        "Top: the fields, averaged over a slab along z. Below: power of each field; its correlation with the truth "
        "and, dashed, T(k), or without a truth its correlation with the initial field, with the k where it falls "
        "through 0.8; and the mass function of the halos beside its models."
    ),
    (*statistic.PAINTING, "slice_thickness", "slice_smoothing", "mass_range", "mass_bins"),
)


def figures() -> dict[str, statistic.Figure]:
    """Name -> what every statistic declares."""
    return {name: figure for one in measures.every() for name, figure in one.figures.items()}


def draw(figure: statistic.Figure, shown: Shown) -> Figure | None:
    """The figure, or None where there is nothing to draw."""
    module, function = figure.draw.split(":")
    return getattr(importlib.import_module(module), function)(shown)


def draw_all(shown: Shown) -> Iterator[tuple[str, statistic.Figure, Figure]]:
    """Name, description and figure of everything that can be drawn."""
    for name, figure in figures().items():
        drawn = draw(figure, shown)
        if drawn is not None:
            yield name, figure, drawn


def save_overview(shown: Shown, path: Path) -> None:
    """The one figure that shows a universe or an ensemble together; of parameters, their posterior.

    Where none of those can be drawn, the first figure that can.
    """
    with style.styled():
        if shown.members:
            figure = ensemble.overview(shown) or posterior.coverage(shown) or posterior.estimates(shown)
        else:
            figure = posterior.corner(shown) or fields.random_field(shown) or overview(shown)
        figure = figure or next((drawn for _, _, drawn in draw_all(shown)), None)
        if figure is None:
            log.warning("%s: not written: no figure shows what was measured", path)
        else:
            style.save(figure, path)


def save_all(shown: Shown, folder: Path, suffixes: tuple[str, ...] = (".png", ".pdf")) -> list[Path]:
    """Every figure, as PNG and PDF, into a folder."""
    written = []
    with style.styled():
        for name, _, figure in draw_all(shown):
            written += style.save(figure, *(folder / f"{name}{suffix}" for suffix in suffixes))
    return written
