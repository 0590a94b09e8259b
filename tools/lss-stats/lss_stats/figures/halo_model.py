"""The figure of a Lagrangian bias: how far its halo field is that of the halos (Wu et al. 2023, Fig. 3)."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lss_stats.figures.shown import Shown
from lss_stats.figures.style import BAND, SUBJECT, few_labels, few_powers

_PANELS = {
    "power_ratio": r"$P_\mathrm{model} / P_h$",
    "inverse_r2": r"$1 / r^2$",
    "error": r"$E = P_{m-h} / P_h$",
    "uncorrelated": r"$P_\mathrm{uncorr} / P_h$",
}


def halo_model(shown: Shown) -> Figure | None:
    """The four ratios against k."""
    result = shown.result("halo_model")
    if result is None:
        return None
    figure, axes = plt.subplots(2, 2, sharex=True, figsize=(5.2, 3.6))
    k = result.own.data["k"]
    inside = k <= result.own.attrs.get("nyquist", np.inf)  # files of earlier versions do not say it
    for axis, (name, text) in zip(axes.flat, _PANELS.items(), strict=True):
        if result.band is not None and f"{name}_mean" in result.band.data:
            axis.plot(k[inside], result.band.data[f"{name}_mean"][inside], color=BAND, label=shown.band_label)
        axis.plot(k[inside], result.own.data[name][inside], color=SUBJECT, label=shown.label)
        axis.set(xscale="log", ylabel=text)
        if name in ("power_ratio", "inverse_r2"):
            axis.axhline(1, color="0.6", lw=0.6, zorder=0)
        else:
            axis.set_yscale("log")
            few_powers(axis.yaxis)
        few_labels(axis)
    axes[0, 0].legend(loc="best")
    for axis in axes[1]:
        axis.set_xlabel(r"$k$ [$h$/Mpc]")
    return figure
