"""Figures of an ensemble compared with its truths: a line each, with their mean (LULO Figs. 10, 11)."""

import dataclasses
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lss.grid.comparison import K80, TRANSFER_BAND
from lss_stats.fields import label
from lss_stats.figures.halos import draw_mass_function
from lss_stats.figures.shown import Result, Shown
from lss_stats.figures.spectra import K_LABEL, SCALARS, label_row, leave_out, limits, lowest
from lss_stats.figures.style import BLACK, COLUMN, PAGE, SKY, few_labels, few_powers, plt

_LINE = {"color": SKY, "lw": 0.7, "alpha": 0.9}


def overview(shown: Shown) -> Figure | None:
    """Spectra and mass functions side by side, or what there is of them."""
    names, masses = _names(shown), _masses(shown)
    if not names or not masses:
        return spectra(shown) or mass_functions(shown)
    width = 1.75 * len(names) + 2.9
    figure = plt.figure(figsize=(max(PAGE, width), 3.6))
    (left, right) = figure.subfigures(1, 2, width_ratios=(width - 2.6, 2.6), squeeze=False)[0]
    _draw_spectra(left, shown, names)
    _draw_mass_functions(right, shown, masses)
    return figure


def spectra(shown: Shown) -> Figure | None:
    """T(k) above r(k) of every member against its truth; without truths, P(k) above r(k) with the initial field."""
    names = _names(shown)
    if not names:
        return None
    figure = plt.figure(figsize=(min(PAGE, 2.0 * len(names) + 0.6), 3.4))
    _draw_spectra(figure, shown, names)
    return figure


def mass_functions(shown: Shown) -> Figure | None:
    """The band of the members' mass functions; below, sqrt(n / n_truth) of each where there are truths."""
    members = _masses(shown)
    if not members:
        return None
    figure = plt.figure(figsize=(COLUMN, 3.6 if any(m.truth is not None for m in members) else 2.6))
    _draw_mass_functions(figure, shown, members)
    return figure


def _names(shown: Shown) -> list[str]:
    """The fields of which members have spectra."""
    above = "comparison" if _compared(shown) else "power"
    return [name for name in SCALARS if shown.of_members(above, name)]


def _compared(shown: Shown) -> bool:
    return any(shown.of_members("comparison", name) for name in SCALARS)


def _masses(shown: Shown) -> list[Result]:
    """The mass functions of the members, if their scatter is known."""
    members = shown.of_members("mass_function")
    return members if members and members[0].band is not None else []


def _draw_spectra(figure: Any, shown: Shown, names: list[str]) -> None:
    compared = _compared(shown)
    kind, upper, above = ("comparison", "transfer", "comparison") if compared else ("initial", "power", "power")
    related = [name for name in names if shown.of_members(kind, name)]
    below = lowest(one.own for name in related for one in shown.of_members(kind, name))
    axes = figure.subplots(2 if related else 1, len(names), sharex="col", squeeze=False)
    for column, name in enumerate(names):
        _lines(axes[0, column], shown.of_members(above, name), upper)
        if upper == "transfer":
            axes[0, column].axhspan(1 - TRANSFER_BAND, 1 + TRANSFER_BAND, color="0.9", lw=0, zorder=0)
            axes[0, column].set_ylim(0.5, 1.8)  # room for the legend
        else:
            axes[0, column].set_yscale("log")
            groups = [result.own for result in shown.of_members(above, name)]
            inside = [g.data["power"][g.data["k"] <= g.attrs["nyquist"]] for g in groups]
            axes[0, column].set_ylim(*limits(np.concatenate(inside), legend=column == 0))
            few_powers(axes[0, column].yaxis)
        axes[0, column].set_title(label(name))
        if name in related:
            _lines(axes[1, column], shown.of_members(kind, name), "correlation")
            axes[1, column].axhline(K80, color="0.5", lw=0.6, ls="--")
            axes[1, column].set_ylim(below, 1.05)
        elif related:
            leave_out(axes[1, column], axes[0, column])
        axes[-1, column].set_xlabel(K_LABEL)
        few_labels(axes[-1, column])
        if column and upper == "transfer":
            axes[0, column].tick_params(labelleft=False)
    axes[0, 0].set_ylabel("$T(k)$" if upper == "transfer" else r"$P(k)$ [(Mpc/$h)^3$]")
    if related:
        label_row(axes[1], "$r(k)$" if kind == "comparison" else "$r(k)$ with initial")
    axes[0, 0].plot([], [], **_LINE, label=f"{len(shown.members)} members")
    axes[0, 0].plot([], [], color=BLACK, label="mean")
    if compared:
        axes[0, 0].fill_between([], [], [], color="0.9", lw=0, label="10% about 1")
    axes[0, 0].legend(loc="upper left" if upper == "transfer" else "lower left")


def _lines(axis: plt.Axes, results: list[Result], column: str) -> None:
    groups = [result.own for result in results]
    if not groups:
        return
    for group in groups:
        axis.semilogx(group.data["k"], group.data[column], **_LINE)
    axis.semilogx(groups[0].data["k"], np.mean([g.data[column] for g in groups], axis=0), color=BLACK)
    axis.set_xlim(groups[0].data["k"][0], groups[0].attrs["nyquist"])


def _draw_mass_functions(figure: Any, shown: Shown, members: list[Result]) -> None:
    compared = [(m.own.data, m.truth.data) for m in members if m.truth is not None]
    heights = (2.0, 1.0) if compared else (1.0,)
    axes = figure.subplots(len(heights), 1, sharex="col", squeeze=False, height_ratios=heights)
    first = Result(members[0].own, band=members[0].band)
    draw_mass_function(axes[0, 0], first, dataclasses.replace(shown, label="first member"))
    for own, truth in compared:
        both = (own["count"] > 0) & (truth["count"] > 0)
        axes[1, 0].plot(own["mass"][both], np.sqrt(own["count"][both] / truth["count"][both]), **_LINE)
    if compared:
        axes[1, 0].axhline(1, color="0.5", lw=0.6)
        axes[1, 0].set(ylim=(0.4, 1.6), ylabel=r"$\sqrt{n/n_{\rm truth}}$")
    axes[-1, 0].set_xlabel(r"$M$ [M$_\odot/h$]")
