"""One figure that shows the universe together: slices, spectra, correlation, transfer, mass function."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lss.grid.comparison import K80
from lss_stats.fields import label
from lss_stats.figures.fields import draw_slice
from lss_stats.figures.halos import draw_mass_function
from lss_stats.figures.shown import Result, Shown
from lss_stats.figures.spectra import K_LABEL, draw_correlation
from lss_stats.figures.style import CYCLE, PAGE

_SLICES = ("initial", "matter", "halo_mass_weighted")
_SPECTRA = ("initial", "matter", "halo_mass_weighted", "halo_count", "halos")


def overview(shown: Shown) -> Figure | None:
    """Upper row: slices of initial field, matter and halos. Lower row: P(k), r(k) and T(k), mass function."""
    halos, spectra = shown.result("mass_function"), shown.results("power", _SPECTRA)
    if halos is None and not spectra:
        return None
    figure = plt.figure(figsize=(PAGE, 4.9))
    rows: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.2))
    upper, lower = rows
    _slices(upper, shown)
    left, middle, right = lower.subplots(1, 3)
    if "halo_count" in spectra:
        spectra.pop("halos", None)  # the same points once more
    _power(left, spectra, bool(shown.truth))
    _relation(middle, shown, tuple(spectra))
    if halos is not None:
        draw_mass_function(right, halos, shown.label, shown.band_label)
        right.set_xlabel(r"$M$ [M$_\odot/h$]")
    else:
        _write(right, "no halos")
    return figure


def _slices(figure: Any, shown: Shown) -> None:
    result = shown.result("slices")
    names = [name for name in _SLICES if result is not None and name in result.own.data]
    if result is None or not names:
        return
    group = result.own
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        image = draw_slice(axis, group, name, group.data[name])
        smoothed = f", R = {group.attrs['smoothing_initial']:g} Mpc/$h$" if name == "initial" else ""
        axis.set_title(label(name) + smoothed)
        axis.set_xlabel("$x$ [Mpc/$h$]")
        text = r"$\delta$" if name == "initial" else r"$\log_{10}(1+\delta)$"
        figure.colorbar(image, ax=axis, label=text, shrink=0.8, pad=0.02)
    axes[0].set_ylabel("$y$ [Mpc/$h$]")


def _power(axis: Any, spectra: dict[str, Result], with_truth: bool) -> None:
    for (name, result), colour in zip(spectra.items(), CYCLE, strict=False):
        group = result.own
        inside = group.data["k"] <= group.attrs["nyquist"]
        axis.loglog(group.data["k"][inside], group.data["power"][inside], color=colour, label=label(name))
        if result.truth is not None:
            truth = result.truth.data
            axis.loglog(truth["k"][inside], truth["power"][inside], color=colour, ls=":", lw=1)
    if with_truth:
        axis.plot([], [], color="0.3", ls=":", lw=1, label="truth")
    axis.set(xlabel=K_LABEL, ylabel=r"$P(k)$ [(Mpc/$h)^3$]")
    axis.legend(loc="lower left")


def _relation(axis: Any, shown: Shown, names: tuple[str, ...]) -> None:
    """r(k), and dashed T(k), against the truth; without one, r(k) of each field with the initial one."""
    kind = "comparison" if shown.results("comparison", names) else "initial"
    compared = shown.results(kind, names)
    if not compared:
        _write(axis, "nothing to compare with")
        return
    for name, colour in zip(names, CYCLE, strict=False):
        if name not in compared:
            continue
        group = compared[name].own
        draw_correlation(axis, group, color=colour, label=f"{label(name)}: {group.attrs['k80']:.2f}")
        if kind == "comparison":
            axis.semilogx(group.data["k"], group.data["transfer"], color=colour, ls="--", lw=0.8)
        axis.set_xlim(group.data["k"][0], group.attrs["nyquist"])
    axis.axhline(K80, color="0.5", lw=0.6, ls="--")
    axis.set_ylim(-0.1, 1.9 if kind == "comparison" else 1.5)  # room for the legend
    axis.set_xlabel(K_LABEL)
    axis.set_ylabel("$r(k)$ (full), $T(k)$ (dashed)" if kind == "comparison" else "$r(k)$ with the initial field")
    axis.legend(title=r"$k_{0.8}$ [$h$/Mpc]", title_fontsize=6.5, loc="upper right")


def _write(axis: Any, text: str) -> None:
    """Words in the place of a panel."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, ha="center", color="0.4", transform=axis.transAxes)
