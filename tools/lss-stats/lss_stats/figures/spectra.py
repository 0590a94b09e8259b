"""Figures of spectra: P, T and r of fields (LULO Figs. 5, 6), multipoles, and the (k_perp, k_par) plane."""

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lss.grid.comparison import K80, LEAST_MODES, TRANSFER_BAND
from lss.universe import Group
from lss_stats.fields import VECTORS, label
from lss_stats.figures import errors
from lss_stats.figures.shown import Result, Shown
from lss_stats.figures.style import BAND, COLUMN, CYCLE, PAGE, SUBJECT, TRUTH, few_labels, few_powers, ratio_rows

SCALARS = ("initial", "matter", "halo_mass_weighted", "halo_count")
_SEEN = ("matter", "halos")  # in redshift space
_MULTIPOLES = ("monopole", "quadrupole", "hexadecapole")
K_LABEL = r"$k$ [$h$/Mpc]"
_POWER_LABEL = r"$P(k)$ [(Mpc/$h)^3$]"
_VELOCITY_LABEL = r"$P(k)$ [(Mpc/$h)^3$ (km/s)$^2$]"


def fields(shown: Shown) -> Figure | None:
    """Power, transfer function and cross-correlation of the fields."""
    return _spectra(shown, SCALARS, _POWER_LABEL)


def velocities(shown: Shown) -> Figure | None:
    """The same of momenta and Lagrangian velocities."""
    return _spectra(shown, VECTORS, _VELOCITY_LABEL)


def draw_power(axis: Any, result: Result, shown: Shown, *, legend: bool) -> None:
    """P(k) of one field with its shot noise, that of the truth, and the band of the ensemble; room for a legend."""
    own, nyquist = result.own.data, result.own.attrs["nyquist"]
    axis.set(xscale="log", yscale="log")
    if result.band is not None:
        draw_band(axis, own["k"], result.band, "power", shown.band_label)
    if result.truth is not None:
        truth = result.truth.data
        axis.loglog(truth["k"], truth["power"], color=TRUTH, lw=1.6, label=shown.truth_label)
    errors.draw(axis, own["k"], own["power"], errors.of_power(result.own), SUBJECT)
    axis.loglog(own["k"], own["power"], color=SUBJECT, label=shown.label)
    inside = own["k"] <= nyquist
    low, high = limits(own["power"][inside], legend=legend)
    if own["shot_noise"][0] > low:
        axis.loglog(own["k"], own["shot_noise"], color="0.6", ls=":", lw=0.9, label="shot noise")
    axis.set_xlim(own["k"][0], nyquist)
    axis.set_ylim(low, high)
    few_powers(axis.yaxis)


def draw_band(
    axis: Any, x: np.ndarray, band: Group, column: str, text: str, reference: Any = 0.0, scale: Any = 1.0
) -> None:
    """1, 2 and 3 standard deviations of an ensemble about its mean, as shades; (value - reference) / scale."""
    mean, std = band.data[f"{column}_mean"], band.data[f"{column}_std"]
    logarithmic = axis.get_yscale() == "log"
    for width, shade in ((3, 0.15), (2, 0.2), (1, 0.3)):
        low, high = ((mean + sign * width * std - reference) / scale for sign in (-1, 1))
        if logarithmic:
            low = np.maximum(low, 1e-4 * np.abs(mean))  # below zero there is nothing to shade
        axis.fill_between(x, low, high, color=BAND, alpha=shade, lw=0, label=text if width == 1 else None)


def draw_correlation(axis: Any, group: Group, **line: Any) -> None:
    """r(k) with the k where it falls through 0.8 marked."""
    axis.set_xscale("log")
    colour = line.get("color", SUBJECT)
    errors.draw(axis, group.data["k"], group.data["correlation"], errors.of_correlation(group), colour)
    axis.semilogx(group.data["k"], group.data["correlation"], **line)
    k80 = float(group.attrs["k80"])
    if k80 > 0:
        axis.plot([k80], [K80], "o", ms=3, color=colour, zorder=5)


def leave_out(axis: Any, above: Any) -> None:
    """Take away a panel without anything to show; the one above gets its x axis."""
    axis.set_visible(False)
    above.tick_params(labelbottom=True)
    above.set_xlabel(K_LABEL)
    few_labels(above)


def label_row(axes: Any, text: str) -> None:
    """The label and numbers of panels that share their y axis, at the first that is shown."""
    first, *others = [axis for axis in axes if axis.get_visible()] or [axes[0]]
    first.set_ylabel(text)
    first.tick_params(labelleft=True)
    for axis in others:
        axis.tick_params(labelleft=False)


def lowest(groups: Iterable[Group]) -> float:
    """Where an axis of r(k) begins: below all that is shown up to Nyquist."""
    least = -0.05
    for group in groups:
        inside = group.data["k"] <= group.attrs["nyquist"]
        least = min(least, float(np.nanmin(group.data["correlation"][inside], initial=0.0)))
    return max(least - 0.05, -1.05)


def _spectra(shown: Shown, names: tuple[str, ...], unit: str) -> Figure | None:
    drawn = shown.results("power", names)
    if not drawn:
        return None
    compared, with_initial = (shown.results(kind, tuple(drawn)) for kind in ("comparison", "initial"))
    heights = (2.0, 1.0, 1.4) if compared else (2.0, 1.2) if with_initial else (2.0,)
    width = COLUMN if len(drawn) == 1 else min(PAGE, 2.2 * len(drawn) + 0.5)
    figure, axes = ratio_rows(len(drawn), heights, width, 0.5 + 0.9 * sum(heights))
    for column, (name, result) in enumerate(drawn.items()):
        axes[0, column].set_title(label(name))
        draw_power(axes[0, column], result, shown, legend=column == 0)
        if name in compared:
            _draw_comparison(axes[1:, column], compared[name])
            axes[2, column].set_ylim(lowest(one.own for one in compared.values()), 1.05)
        elif compared:  # the truth has no such field
            axes[1, column].set_visible(False)
            leave_out(axes[2, column], axes[0, column])
        elif with_initial:
            _draw_with_initial(axes[1, column], with_initial.get(name))
            axes[1, column].set_ylim(lowest(one.own for one in with_initial.values()), 1.05)
            if name not in with_initial:  # the initial field itself
                leave_out(axes[1, column], axes[0, column])
        axes[-1, column].set_xlabel(K_LABEL)
        few_labels(axes[-1, column])
    # Of every panel: the first one has no shot noise.
    handles = {text: line for axis in axes[0] for line, text in zip(*axis.get_legend_handles_labels(), strict=True)}
    axes[0, 0].legend(handles.values(), handles.keys(), loc="lower left")
    axes[0, 0].set_ylabel(unit)
    below = ("$T(k)$", "$r(k)$") if compared else ("$r(k)$ with initial",)
    for row, text in zip(axes[1:], below, strict=False):
        label_row(row, text)
    return figure


def _draw_comparison(axes: Any, result: Result) -> None:
    transfer, correlation = axes
    transfer.axhspan(1 - TRANSFER_BAND, 1 + TRANSFER_BAND, color="0.9", lw=0)
    transfer.text(0.97, 0.06, "grey: 10% about 1", transform=transfer.transAxes, fontsize=6, color="0.4", ha="right")
    transfer.axhline(1, color="0.5", lw=0.6)
    transfer.set_ylim(0.5, 1.5)
    correlation.axhline(K80, color="0.5", lw=0.6, ls="--")
    group = result.own
    transfer.set_xscale("log")
    errors.draw(transfer, group.data["k"], group.data["transfer"], errors.of_transfer(group), SUBJECT)
    transfer.semilogx(group.data["k"], group.data["transfer"], color=SUBJECT)
    draw_correlation(correlation, group, color=SUBJECT)
    if group.attrs["k80"] > 0:
        text = f"$k_{{0.8}}$ = {group.attrs['k80']:.2f}"
        correlation.text(0.96, 0.86, text, transform=correlation.transAxes, fontsize=7, ha="right")


def _draw_with_initial(axis: Any, result: Result | None) -> None:
    axis.axhline(K80, color="0.5", lw=0.6, ls="--")
    if result is not None:
        draw_correlation(axis, result.own, color=SUBJECT)


def limits(power: np.ndarray, *, legend: bool) -> tuple[float, float]:
    """A little room, and below enough for a legend."""
    positive = power[power > 0]
    if not len(positive):
        return 0.1, 10.0
    return float(positive.min()) / (8 if legend else 2), float(positive.max()) * (3 if legend else 2)


def multipoles(shown: Shown) -> Figure | None:
    """k P_l(k) of matter and halos in redshift space."""
    drawn = shown.results("multipoles", _SEEN)
    if not drawn:
        return None
    figure, axes = plt.subplots(1, len(drawn), figsize=(COLUMN if len(drawn) == 1 else 5.4, 2.6), squeeze=False)
    for axis, (name, result) in zip(axes[0], drawn.items(), strict=True):
        group, truth = result.own, result.truth
        k = group.data["k"]
        for order, (column, colour) in enumerate(zip(_MULTIPOLES, CYCLE, strict=False)):
            axis.semilogx(k, k * group.data[column], color=colour, label=rf"$\ell = {2 * order}$")
            errors.draw(axis, k, k * group.data[column], k * errors.of_multipole(group, 2 * order), colour)
            if truth is not None:
                axis.semilogx(k, truth.data["k"] * truth.data[column], color=colour, ls=":", lw=1)
        axis.axhline(0, color="0.5", lw=0.6)
        axis.set_xlim(k[0], group.attrs["nyquist"])
        # The first shells and those beyond Nyquist hold too few directions to set the scale.
        shells = (group.data["n_modes"] >= LEAST_MODES) & (k <= group.attrs["nyquist"])
        values = np.concatenate([k[shells] * group.data[column][shells] for column in _MULTIPOLES])
        if len(values):
            margin = 0.15 * float(np.ptp(values))
            axis.set_ylim(values.min() - margin, values.max() + 2 * margin)
        axis.set_title(f"{label(name)}, redshift space")
        axis.set_xlabel(K_LABEL)
    if shown.truth:
        axes[0, 0].plot([], [], color="0.3", ls=":", lw=1, label=shown.truth_label)
    axes[0, 0].set_ylabel(r"$k\,P_\ell(k)$ [(Mpc/$h)^2$]")
    axes[0, 0].legend()
    return figure


def wedges(shown: Shown) -> Figure | None:
    """log10 P in the plane of k_perp and k_par, redshift space, up to the Nyquist frequency; the truth's above."""
    drawn = shown.results("wedges", _SEEN)
    if not drawn:
        return None
    compared = any(result.truth is not None for result in drawn.values())
    rows = 2 if compared else 1
    figure, axes = plt.subplots(
        rows, len(drawn), figsize=(2.9 * len(drawn) + 0.4, 2.5 * rows + 0.1), squeeze=False, sharex=True, sharey=True
    )
    for column, (name, result) in enumerate(drawn.items()):
        both = [(shown.truth_label, result.truth), (shown.label, result.own)] if compared else [("", result.own)]
        values = [_inside_nyquist(group) if group is not None else None for _, group in both]
        known = np.concatenate([value[np.isfinite(value)] for value in values if value is not None])
        # Near both axes a cell holds few modes: the lowest of them would set the scale.
        limits = tuple(np.percentile(known, (1, 100))) if len(known) else (0.0, 1.0)
        for row, ((text, group), value) in enumerate(zip(both, values, strict=True)):
            axis = axes[row, column]
            if group is None or value is None:
                axis.set_axis_off()
                continue
            image = axis.pcolormesh(
                *(group.data["k_perp"], group.data["k_par"], value),
                **{"cmap": "cividis", "shading": "nearest", "rasterized": True, "vmin": limits[0], "vmax": limits[1]},
            )
            nyquist = group.attrs["nyquist"]
            axis.set(xlim=(0, nyquist), ylim=(0, nyquist), title=", ".join(filter(None, (label(name), text))))
            axis.set_aspect("equal")
            figure.colorbar(image, ax=axis, label=r"$\log_{10} P$ [(Mpc/$h)^3$]", shrink=0.85)
        axes[-1, column].set_xlabel(r"$k_\perp$ [$h$/Mpc]")
    for axis in axes[:, 0]:
        axis.set_ylabel(r"$k_\parallel$ [$h$/Mpc]")
    return figure


def _inside_nyquist(group: Group) -> np.ndarray:
    """log10 P, (q, p); NaN beyond the Nyquist frequency, and where there are no modes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log10(group.data["power"].T)
    k = np.hypot(group.data["k_perp"][None, :], group.data["k_par"][:, None])
    return np.where(np.isfinite(value) & (k <= group.attrs["nyquist"]), value, np.nan)
