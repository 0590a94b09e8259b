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


def figures() -> dict[str, statistic.Figure]:
    """Name -> what every statistic declares."""
    return {name: figure for one in measures.every() for name, figure in one.figures.items()}


def draw(figure: statistic.Figure, shown: Shown) -> Figure | None:
    """The figure, or None where there is nothing to draw."""
    module, function = figure.draw.split(":")
    return getattr(importlib.import_module(module), function)(shown)


def draw_all(shown: Shown) -> Iterator[tuple[str, str, Figure]]:
    """Name, caption and figure of everything that can be drawn."""
    for name, figure in figures().items():
        drawn = draw(figure, shown)
        if drawn is not None:
            yield name, figure.caption, drawn


def save_overview(shown: Shown, path: Path) -> None:
    """The one figure that shows the universe together; of an ensemble, its spectra; of parameters, their posterior.

    Where none of those can be drawn, the first figure that can.
    """
    with style.styled():
        if shown.members:
            figure = ensemble.spectra(shown) or posterior.coverage(shown) or posterior.estimates(shown)
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
