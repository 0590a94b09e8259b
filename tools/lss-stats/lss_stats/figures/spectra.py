"""Figures of spectra: P, T and r of fields (LULO Figs. 5, 6), multipoles, and the (k_perp, k_par) plane."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lss.grid.comparison import K80, LEAST_MODES, TRANSFER_BAND
from lss.universe import Group
from lss_stats.fields import VECTORS, label
from lss_stats.figures.shown import Result, Shown
from lss_stats.figures.style import BAND, COLUMN, CYCLE, PAGE, SUBJECT, TRUTH, few_labels, ratio_rows

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


def draw_power(axis: Any, result: Result, shown: Shown) -> None:
    """P(k) of one field with its shot noise, that of the truth, and the band of the ensemble."""
    own, nyquist = result.own.data, result.own.attrs["nyquist"]
    axis.set(xscale="log", yscale="log")
    if result.band is not None:
        draw_band(axis, own["k"], result.band, "power", shown.band_label)
    if result.truth is not None:
        truth = result.truth.data
        axis.loglog(truth["k"], truth["power"], color=TRUTH, lw=1.6, label="truth")
    axis.loglog(own["k"], own["power"], color=SUBJECT, label=shown.label)
    inside = own["k"] <= nyquist
    low, high = _limits(own["power"][inside])
    if own["shot_noise"][0] > low:
        axis.loglog(own["k"], own["shot_noise"], color="0.6", ls=":", lw=0.9, label="shot noise")
    axis.set_xlim(own["k"][0], nyquist)
    axis.set_ylim(low, high)


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
    axis.semilogx(group.data["k"], group.data["correlation"], **line)
    k80 = float(group.attrs["k80"])
    if k80 > 0:
        axis.plot([k80], [K80], "o", ms=3, color=line.get("color", SUBJECT), zorder=5)


def _spectra(shown: Shown, names: tuple[str, ...], unit: str) -> Figure | None:
    drawn = shown.results("power", names)
    if not drawn:
        return None
    compared, with_initial = (shown.results(kind, tuple(drawn)) for kind in ("comparison", "initial"))
    heights = (2.0, 1.0, 1.4) if compared else (2.0, 1.2)
    width = COLUMN if len(drawn) == 1 else min(PAGE, 2.2 * len(drawn) + 0.5)
    figure, axes = ratio_rows(len(drawn), heights, width, 4.2 if compared else 3.4)
    for column, (name, result) in enumerate(drawn.items()):
        axes[0, column].set_title(label(name))
        draw_power(axes[0, column], result, shown)
        if compared:
            _draw_comparison(axes[1:, column], compared.get(name))
        else:
            _draw_with_initial(axes[1, column], with_initial.get(name))
        axes[-1, column].set_xlabel(K_LABEL)
        few_labels(axes[-1, column])
    # Of every panel: the first one has no shot noise.
    handles = {text: line for axis in axes[0] for line, text in zip(*axis.get_legend_handles_labels(), strict=True)}
    axes[0, 0].legend(handles.values(), handles.keys(), loc="lower left")
    axes[0, 0].set_ylabel(unit)
    for row, text in enumerate(("$T(k)$", "$r(k)$") if compared else ("$r(k)$ with initial",), start=1):
        axes[row, 0].set_ylabel(text)
        for axis in axes[row, 1:]:
            axis.tick_params(labelleft=False)
    return figure


def _draw_comparison(axes: Any, result: Result | None) -> None:
    transfer, correlation = axes
    transfer.axhspan(1 - TRANSFER_BAND, 1 + TRANSFER_BAND, color="0.9", lw=0)
    transfer.axhline(1, color="0.5", lw=0.6)
    transfer.set_ylim(0.5, 1.5)
    correlation.axhline(K80, color="0.5", lw=0.6, ls="--")
    correlation.set_ylim(-0.1, 1.05)
    if result is not None:
        group = result.own
        transfer.semilogx(group.data["k"], group.data["transfer"], color=SUBJECT)
        draw_correlation(correlation, group, color=SUBJECT)
        correlation.text(
            0.04, 0.08, f"$k_{{0.8}}$ = {group.attrs['k80']:.2f}", transform=correlation.transAxes, fontsize=7
        )


def _draw_with_initial(axis: Any, result: Result | None) -> None:
    axis.set_ylim(-0.1, 1.05)
    axis.axhline(K80, color="0.5", lw=0.6, ls="--")
    if result is not None:
        draw_correlation(axis, result.own, color=SUBJECT)


def _limits(power: np.ndarray) -> tuple[float, float]:
    """Room below for a legend, and a little above."""
    positive = power[power > 0]
    return (float(positive.min()) / 8, float(positive.max()) * 3) if len(positive) else (0.1, 10.0)


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
        axes[0, 0].plot([], [], color="0.3", ls=":", lw=1, label="truth")
    axes[0, 0].set_ylabel(r"$k\,P_\ell(k)$ [(Mpc/$h)^2$]")
    axes[0, 0].legend()
    return figure


def wedges(shown: Shown) -> Figure | None:
    """log10 P in the plane of k_perp and k_par, redshift space."""
    drawn = shown.results("wedges", _SEEN)
    if not drawn:
        return None
    figure, axes = plt.subplots(1, len(drawn), figsize=(2.9 * len(drawn) + 0.4, 2.6), squeeze=False)
    for axis, (name, result) in zip(axes[0], drawn.items(), strict=True):
        data = result.own.data
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.log10(data["power"].T)
        value[~np.isfinite(value)] = np.nan
        image = axis.pcolormesh(
            data["k_perp"], data["k_par"], value, cmap="cividis", shading="nearest", rasterized=True
        )
        nyquist = result.own.attrs["nyquist"]
        axis.set(xlim=(0, nyquist), ylim=(0, nyquist), xlabel=r"$k_\perp$ [$h$/Mpc]", title=label(name))
        axis.set_aspect("equal")
        figure.colorbar(image, ax=axis, label=r"$\log_{10} P$ [(Mpc/$h)^3$]", shrink=0.85)
    axes[0, 0].set_ylabel(r"$k_\parallel$ [$h$/Mpc]")
    return figure
