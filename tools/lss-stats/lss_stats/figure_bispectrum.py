"""Reduced bispectra against angle and of equilateral triangles, with what is left against the truth (LULO Fig. 9)."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lss.universe import Group
from lss_stats.figure_spectra import draw_band
from lss_stats.labels import label
from lss_stats.shown import Shown
from lss_stats.style import PAGE, SUBJECT, TRUTH, ratio_rows

_FIELDS = ("matter", "halo_mass_weighted", "halo_count")


def bispectrum(shown: Shown) -> Figure | None:
    """One column a field and configuration; Q above, the relative difference to the truth below."""
    drawn = [
        (f"bispectrum/{name}/{kind}", name, kind)
        for kind in ("angle", "equilateral")
        for name in _FIELDS
        if f"bispectrum/{name}/{kind}" in shown.own
    ]
    if not drawn:
        return None
    compared = any(path in shown.truth for path, _, _ in drawn)
    figure, axes = ratio_rows(
        len(drawn), (2.0, 1.0) if compared else (1.0,), min(PAGE, 1.4 * len(drawn) + 0.8), 3.1 if compared else 2.4
    )
    for column, (path, name, kind) in enumerate(drawn):
        own = shown.own[path]
        x, text = (own.data["theta"] / np.pi, r"$\theta/\pi$") if kind == "angle" else (own.data["k"], r"$k$ [$h$/Mpc]")
        _draw(axes[:, column], x, own, shown.truth.get(path), shown.band.get(path), shown)
        axes[0, column].set_title(f"{label(name).replace(', ', ',' + chr(10))}\n{kind}", fontsize=6.5)
        axes[-1, column].set_xlabel(text)
        if kind == "equilateral":
            axes[-1, column].set_xscale("log")
    axes[0, 0].set_ylabel("$Q$")
    axes[0, 0].legend(loc="best")
    if compared:
        axes[1, 0].set_ylabel(r"$Q/Q_{\rm truth} - 1$")
        for axis in axes[1, 1:]:
            axis.tick_params(labelleft=False)
    return figure


def _draw(axes: Any, x: np.ndarray, own: Group, truth: Group | None, band: Group | None, shown: Shown) -> None:
    q = own.data["reduced"]
    if band is not None:
        draw_band(axes[0], x, band, "reduced", shown.band_label)
    if truth is not None:
        reference = truth.data["reduced"]
        axes[0].plot(x, reference, color=TRUTH, lw=1.6, label="truth")
        axes[1].axhspan(-0.1, 0.1, color="0.9", lw=0)
        axes[1].axhline(0, color="0.5", lw=0.6)
        if band is not None:
            draw_band(axes[1], x, band, "reduced", shown.band_label, reference, np.abs(reference))
        axes[1].plot(x, (q - reference) / np.abs(reference), color=SUBJECT)
        axes[1].set_ylim(-0.6, 0.6)
    axes[0].plot(x, q, color=SUBJECT, label=shown.label)
    _robust_limits(axes[0], q if truth is None else np.concatenate([q, truth.data["reduced"]]))


def _robust_limits(axis: Any, q: np.ndarray) -> None:
    low, high = np.nanpercentile(q, [5, 95])
    margin = 0.5 * (high - low) + 0.05
    axis.set_ylim(low - margin, high + margin)
