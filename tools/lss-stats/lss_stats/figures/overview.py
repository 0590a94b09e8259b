"""One figure that shows the universe together: slices, spectra, correlation, transfer, mass function."""

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lss.grid.comparison import K80
from lss.universe import Group
from lss_stats.fields import label
from lss_stats.figures import errors
from lss_stats.figures.fields import draw_slice, told
from lss_stats.figures.halos import draw_mass_function
from lss_stats.figures.shown import Result, Shown
from lss_stats.figures.spectra import K_LABEL, draw_correlation, lowest
from lss_stats.figures.style import CYCLE, PAGE, few_labels, few_powers

_SLICES = ("initial", "matter", "halo_mass_weighted")
_SPECTRA = ("initial", "matter", "halo_mass_weighted", "halo_count", "halos")


def overview(shown: Shown) -> Figure | None:
    """Upper row: slices of initial field, matter and halos. Lower row: P(k), r(k) and T(k), mass function."""
    halos, spectra = shown.result("mass_function"), shown.results("power", _SPECTRA)
    if halos is None and not spectra:
        return None
    if "halo_count" in spectra:
        spectra.pop("halos", None)  # the same points once more
    panels: list[Callable[[Any], None]] = []
    if spectra:
        panels.append(lambda axis: _power(axis, spectra, shown))
    if shown.results("comparison", tuple(spectra)) or shown.results("initial", tuple(spectra)):
        panels.append(lambda axis: _relation(axis, shown, tuple(spectra)))
    if halos is not None and halos.own.attrs["halos"]:
        panels.append(lambda axis: _mass_function(axis, halos, shown))
    pictures = _pictures(shown)
    parts: list[tuple[int, Callable[[Any], None]]] = []  # how many panels each has, and what draws them
    if pictures:
        parts.append((len(pictures), lambda figure: _slices(figure, pictures)))
    if panels:
        parts.append((len(panels), lambda figure: _side_by_side(figure, panels)))
    together = sum(count for count, _ in parts) <= 3  # in one row
    widest = (sum if together else max)(count for count, _ in parts)
    figure = plt.figure(figsize=(PAGE if widest > 2 else 0.36 * PAGE * widest, 2.7 if together else 4.5))
    shape: Any = (
        {"ncols": len(parts), "width_ratios": [count for count, _ in parts]}
        if together
        else {"nrows": 2, "height_ratios": (0.87, 1)}
    )
    for part, (_, draw) in zip(np.ravel(figure.subfigures(**shape, squeeze=False)), parts, strict=True):
        draw(part)
    return figure


def _side_by_side(figure: Any, panels: list[Callable[[Any], None]]) -> None:
    for axis, draw in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw(axis)


def _mass_function(axis: Any, halos: Result, shown: Shown) -> None:
    draw_mass_function(axis, halos, shown)
    axis.set_xlabel(r"$M$ [M$_\odot/h$]")


def _pictures(shown: Shown) -> list[tuple[str, Group, str]]:
    """The fields of which there is a slice: name, slices, whose. A field alone is shown beside the truth's."""
    result = shown.result("slices")
    if result is None:
        return []
    pictures = [(name, result.own, "") for name in told(Result(result.own), _SLICES)]
    if len(pictures) == 1 and result.truth is not None and pictures[0][0] in result.truth.data:
        name = pictures[0][0]
        return [(name, result.own, f", {shown.label}"), (name, result.truth, f", {shown.truth_label}")]
    return pictures


def _slices(figure: Any, pictures: list[tuple[str, Group, str]]) -> None:
    axes = figure.subplots(1, len(pictures), squeeze=False)[0]
    for axis, (name, group, whose) in zip(axes, pictures, strict=True):
        image = draw_slice(axis, group, name, group.data[name])
        smoothed = f", R = {group.attrs['smoothing_initial']:g} Mpc/$h$" if name == "initial" else ""
        axis.set_title(label(name) + whose + smoothed)
        axis.set_xlabel("$x$ [Mpc/$h$]")
        text = r"$\delta$" if name == "initial" else r"$\log_{10}(1+\delta)$"
        figure.colorbar(image, ax=axis, label=text, shrink=0.8, pad=0.02)
    axes[0].set_ylabel("$y$ [Mpc/$h$]")
    figure.suptitle(f"mean over {pictures[0][1].attrs['thickness']:g} Mpc/$h$ along $z$", fontsize=7, color="0.3")


def _power(axis: Any, spectra: dict[str, Result], shown: Shown) -> None:
    for (name, result), colour in zip(spectra.items(), CYCLE, strict=False):
        group = result.own
        inside = group.data["k"] <= group.attrs["nyquist"]
        axis.set(xscale="log", yscale="log")
        k, power, error = (a[inside] for a in (group.data["k"], group.data["power"], errors.of_power(group)))
        errors.draw(axis, k, power, error, colour)
        axis.loglog(k, power, color=colour, label=label(name))
        if result.truth is not None:
            truth = result.truth.data
            axis.loglog(truth["k"][inside], truth["power"][inside], color=colour, ls=":", lw=1)
    if shown.truth:
        axis.plot([], [], color="0.3", label=shown.label)
        axis.plot([], [], color="0.3", ls=":", lw=1, label=shown.truth_label)
    axis.set_ylim(_bottom(axis, spectra))
    axis.set(xlabel=K_LABEL, ylabel=r"$P(k)$ [(Mpc/$h)^3$]")
    few_labels(axis)
    few_powers(axis.yaxis)
    axis.legend(loc="lower left")


def _bottom(axis: Any, spectra: dict[str, Result]) -> float:
    """Where the axis of P(k) begins, so that its legend, lower left, lies below every curve above it."""
    bottom, top = axis.get_ylim()
    share = 0.04 + 0.08 * len(axis.get_legend_handles_labels()[1])  # of the height
    for result in spectra.values():
        k, power = result.own.data["k"], result.own.data["power"]
        beside = power[(k < k[0] ** 0.35 * result.own.attrs["nyquist"] ** 0.65) & (power > 0)]
        if len(beside):
            bottom = min(bottom, (beside.min() / top**share) ** (1 / (1 - share)))
    return float(bottom)


def _reach(group: Group) -> str:
    reached, nyquist = float(group.attrs["k80"]), float(group.attrs["nyquist"])
    return "nowhere" if reached <= 0 else f">{nyquist:.2f}" if reached > nyquist else f"{reached:.2f}"


def _relation(axis: Any, shown: Shown, names: tuple[str, ...]) -> None:
    """r(k), and dashed T(k), against the truth; without one, r(k) of each field with the initial one."""
    kind = "comparison" if shown.results("comparison", names) else "initial"
    compared = shown.results(kind, names)
    highest = 1.0
    for name, colour in zip(names, CYCLE, strict=False):
        if name not in compared:
            continue
        group = compared[name].own
        draw_correlation(axis, group, color=colour, label=f"{label(name)}: {_reach(group)}")
        if kind == "comparison":
            axis.semilogx(group.data["k"], group.data["transfer"], color=colour, ls="--", lw=0.8)
            highest = max(highest, float(np.nanmax(group.data["transfer"][group.data["k"] <= group.attrs["nyquist"]])))
        axis.set_xlim(group.data["k"][0], group.attrs["nyquist"])
    axis.axhline(K80, color="0.5", lw=0.6, ls="--")
    below = lowest(result.own for result in compared.values())
    highest = min(highest, 2.0) + 0.05
    axis.set_ylim(below, highest + (0.2 + 0.12 * len(compared)) * (highest - below))  # room for the legend
    axis.set_yticks([tick for tick in axis.get_yticks() if below <= tick < highest])
    axis.set_xlabel(K_LABEL)
    few_labels(axis)
    axis.set_ylabel("$r(k)$ (full), $T(k)$ (dashed)" if kind == "comparison" else "$r(k)$ with the initial field")
    axis.legend(title=r"$k_{0.8}$ [$h$/Mpc]", title_fontsize=6.5, loc="upper right")
