"""The figure of a Lagrangian bias: how far its halo field is that of the halos (Wu et al. 2023, Fig. 3)."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lss_stats.figures.shown import Shown
from lss_stats.figures.style import BAND, COLUMN, SUBJECT

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
    figure, axes = plt.subplots(4, 1, sharex=True, figsize=(COLUMN, 5.6))
    for axis, (name, text) in zip(axes, _PANELS.items(), strict=True):
        if result.band is not None and name in result.band.data:
            axis.plot(result.band.data["k"], result.band.data[name], color=BAND, label=shown.band_label)
        axis.plot(result.own.data["k"], result.own.data[name], color=SUBJECT, label=shown.label)
        axis.set(xscale="log", ylabel=text)
        if name in ("power_ratio", "inverse_r2"):
            axis.axhline(1, color="0.6", lw=0.6, zorder=0)
        else:
            axis.set_yscale("log")
    axes[0].legend(loc="best")
    axes[-1].set_xlabel(r"$k$ [$h$/Mpc]")
    return figure
