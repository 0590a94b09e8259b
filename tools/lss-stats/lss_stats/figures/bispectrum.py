"""Reduced bispectra against angle and of equilateral triangles, with what is left against the truth (LULO Fig. 9)."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lss_stats.fields import label
from lss_stats.figures import errors
from lss_stats.figures.shown import Result, Shown
from lss_stats.figures.spectra import draw_band
from lss_stats.figures.style import COLUMN, PAGE, SUBJECT, TRUTH, few_labels, ratio_rows

_FIELDS = ("matter", "halo_mass_weighted", "halo_count")


def against_angle(shown: Shown) -> Figure | None:
    """Q(theta) of each field for fixed k1 and k2; below, the relative difference to the truth."""
    return _reduced(shown, "angle")


def equilateral(shown: Shown) -> Figure | None:
    """Q(k) of equilateral triangles; below, the relative difference to the truth."""
    return _reduced(shown, "equilateral")


def _reduced(shown: Shown, kind: str) -> Figure | None:
    drawn = shown.results("bispectrum", _FIELDS, kind)
    if not drawn:
        return None
    compared = any(result.truth is not None for result in drawn.values())
    width = COLUMN if len(drawn) == 1 else min(PAGE, 2.3 * len(drawn) + 0.3)
    figure, axes = ratio_rows(len(drawn), (2.0, 1.0) if compared else (1.0,), width, 3.4 if compared else 2.5)
    for column, (name, result) in enumerate(drawn.items()):
        own = result.own
        x = own.data["theta"] / np.pi if kind == "angle" else own.data["k"]
        _draw(axes[:, column], x, result, shown, shown.result("power", name))
        sides = f"\n$k_1 = {own.data['k1'][0]:g}$, $k_2 = {own.data['k2'][0]:g}$ $h$/Mpc" if kind == "angle" else ""
        axes[0, column].set_title(label(name) + sides)
        axes[-1, column].set_xlabel(r"$\theta/\pi$" if kind == "angle" else "$k$ [$h$/Mpc]")
        if kind == "equilateral":
            axes[-1, column].set_xscale("log")
            few_labels(axes[-1, column])
    axes[0, 0].set_ylabel("$Q$" if kind == "angle" else "$Q$ (equilateral)")
    axes[0, 0].legend(loc="best")
    if compared:
        axes[1, 0].set_ylabel(r"$Q/Q_{\rm truth} - 1$")
        for axis in axes[1, 1:]:
            axis.tick_params(labelleft=False)
    return figure


def _draw(axes: Any, x: np.ndarray, result: Result, shown: Shown, spectrum: Result | None) -> None:
    truth, band = result.truth, result.band
    q = result.own.data["reduced"]
    if band is not None:
        draw_band(axes[0], x, band, "reduced", shown.band_label)
    if truth is not None:
        reference = truth.data["reduced"]
        axes[0].plot(x, reference, color=TRUTH, lw=1.6, label=shown.truth_label)
        axes[1].axhspan(-0.1, 0.1, color="0.9", lw=0)
        axes[1].axhline(0, color="0.5", lw=0.6)
        if band is not None:
            draw_band(axes[1], x, band, "reduced", shown.band_label, reference, np.abs(reference))
        difference = (q - reference) / np.abs(reference)
        axes[1].plot(x, difference, color=SUBJECT)
        most = float(np.clip(1.1 * np.nanmax(np.abs(difference), initial=0.0), 0.6, 2.0))
        axes[1].set_ylim(-most, most)
    if spectrum is not None:
        errors.draw(axes[0], x, q, errors.of_reduced_bispectrum(result.own, spectrum.own), SUBJECT)
    axes[0].plot(x, q, color=SUBJECT, label=shown.label)
    _robust_limits(axes[0], q if truth is None else np.concatenate([q, truth.data["reduced"]]))


def _robust_limits(axis: Any, q: np.ndarray) -> None:
    low, high = np.nanpercentile(q, [5, 95])
    margin = 0.7 * (high - low) + 0.05
    axis.set_ylim(low - margin, high + margin)
