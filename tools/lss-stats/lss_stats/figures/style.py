"""How every figure looks: one column of a journal wide, Okabe and Ito's colours (safe for the colour-blind)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogFormatterSciNotation, LogLocator, NullFormatter

from lss import __version__
from lss.files.ownership import MARK, replaceable

COLUMN, PAGE = 3.5, 7.2  # inches: one and two columns

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#000000",
)
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
SUBJECT, TRUTH, BAND = BLUE, BLACK, ORANGE

_MARKED = {".png": "Software", ".pdf": "Creator", ".svg": "Creator"}  # what a kind of file calls the program

_SETTINGS: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 6.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.formatter.min_exponent": 2,  # 0.1 and 1, not powers of ten, along logarithmic axes
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "savefig.dpi": 200,
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,
    "image.origin": "lower",
    "image.interpolation": "nearest",
}


@contextmanager
def styled() -> Iterator[None]:
    """Within it, matplotlib draws as this project does."""
    with matplotlib.rc_context(_SETTINGS):
        yield


def save(figure: Figure, *paths: Path) -> list[Path]:
    """Write a figure as each suffix says (.png, .pdf, .svg), and forget it."""
    for path in paths:
        with replaceable(path, "figure") as temporary:
            figure.savefig(temporary, format=path.suffix[1:], metadata={_MARKED[path.suffix]: f"{MARK} {__version__}"})
        figure.set_layout_engine("none")  # laid out once
    plt.close(figure)
    return list(paths)


def ratio_rows(columns: int, heights: tuple[float, ...], width: float, height: float) -> tuple[Figure, Any]:
    """Panels one above the other that share their x axis, `columns` of such stacks: (figure, axes[row, column])."""
    figure, axes = plt.subplots(
        len(heights), columns, figsize=(width, height), sharex="col", squeeze=False, height_ratios=heights
    )
    return figure, axes


def few_labels(axis: Any) -> None:
    """Along the logarithmic x axis of a narrow panel, as its limits are: 1, 2, 5 of a decade, or 1 of many decades."""
    low, high = axis.get_xlim()
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 30 * low else (1.0,)))
    axis.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def few_powers(axis: Any) -> None:
    """Along one logarithmic axis of large numbers, as its limits are: powers of ten, or 1, 2, 5 of each."""
    low, high = axis.get_view_interval()
    if high < 30 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(np.inf, np.inf)))
    axis.set_minor_formatter(NullFormatter())
