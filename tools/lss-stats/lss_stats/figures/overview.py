"""One figure that shows the universe together: slices, spectra, correlation, transfer, mass function."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lss.grid.comparison import K80
from lss_stats.figures.fields import draw_slice
from lss_stats.figures.halos import draw_mass_function
from lss_stats.figures.labels import label
from lss_stats.figures.shown import Shown
from lss_stats.figures.spectra import K_LABEL, draw_correlation
from lss_stats.figures.style import CYCLE, PAGE

_SLICES = ("initial", "matter", "halo_mass_weighted")
_SPECTRA = ("initial", "matter", "halo_mass_weighted", "halo_count", "halos")


def overview(shown: Shown) -> Figure | None:
    """Upper row: slices of initial field, matter and halos. Lower row: P(k), r(k) and T(k), mass function."""
    if "mass_function" not in shown.own and not any(f"power/{name}" in shown.own for name in _SPECTRA):
        return None
    figure = plt.figure(figsize=(PAGE, 4.9))
    rows: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.2))
    upper, lower = rows
    _slices(upper, shown)
    left, middle, right = lower.subplots(1, 3)
    names = [name for name in _SPECTRA if f"power/{name}" in shown.own]
    if "halo_count" in names and "halos" in names:
        names.remove("halos")  # the same points once more
    _power(left, shown, names)
    _relation(middle, shown, names)
    if "mass_function" in shown.own:
        draw_mass_function(right, shown)
        right.set_xlabel(r"$M$ [M$_\odot/h$]")
    else:
        _say(right, "no halos")
    return figure


def _slices(figure: Any, shown: Shown) -> None:
    group = shown.own.get("slices")
    names = [name for name in _SLICES if group is not None and name in group.data]
    if group is None or not names:
        return
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        image = draw_slice(axis, group, name, group.data[name])
        smoothed = f", R = {group.attrs['smoothing_initial']:g} Mpc/$h$" if name == "initial" else ""
        axis.set_title(label(name) + smoothed)
        axis.set_xlabel("$x$ [Mpc/$h$]")
        text = r"$\delta$" if name == "initial" else r"$\log_{10}(1+\delta)$"
        figure.colorbar(image, ax=axis, label=text, shrink=0.8, pad=0.02)
    axes[0].set_ylabel("$y$ [Mpc/$h$]")


def _power(axis: Any, shown: Shown, names: list[str]) -> None:
    for name, colour in zip(names, CYCLE, strict=False):
        group = shown.own[f"power/{name}"]
        inside = group.data["k"] <= group.attrs["nyquist"]
        axis.loglog(group.data["k"][inside], group.data["power"][inside], color=colour, label=label(name))
        if f"power/{name}" in shown.truth:
            truth = shown.truth[f"power/{name}"].data
            axis.loglog(truth["k"][inside], truth["power"][inside], color=colour, ls=":", lw=1)
    if shown.truth:
        axis.plot([], [], color="0.3", ls=":", lw=1, label="truth")
    axis.set(xlabel=K_LABEL, ylabel=r"$P(k)$ [(Mpc/$h)^3$]")
    axis.legend(loc="lower left")


def _relation(axis: Any, shown: Shown, names: list[str]) -> None:
    """r(k), and dashed T(k), against the truth; without one, r(k) of each field with the initial one."""
    kind = "comparison" if any(path.startswith("comparison/") for path in shown.own) else "memory"
    if not any(f"{kind}/{name}" in shown.own for name in names):
        _say(axis, "nothing to compare with")
        return
    for name, colour in zip(names, CYCLE, strict=False):
        group = shown.own.get(f"{kind}/{name}")
        if group is None:
            continue
        draw_correlation(axis, group, color=colour, label=f"{label(name)}: {group.attrs['k80']:.2f}")
        if kind == "comparison":
            axis.semilogx(group.data["k"], group.data["transfer"], color=colour, ls="--", lw=0.8)
        axis.set_xlim(group.data["k"][0], group.attrs["nyquist"])
    axis.axhline(K80, color="0.5", lw=0.6, ls="--")
    axis.set_ylim(-0.1, 1.9 if kind == "comparison" else 1.5)  # room for the legend
    axis.set_xlabel(K_LABEL)
    axis.set_ylabel("$r(k)$ (full), $T(k)$ (dashed)" if kind == "comparison" else "$r(k)$ with the initial field")
    axis.legend(title=r"$k_{0.8}$ [$h$/Mpc]", title_fontsize=6.5, loc="upper right")


def _say(axis: Any, text: str) -> None:
    """Words in the place of a panel."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, ha="center", color="0.4", transform=axis.transAxes)
