"""Figures of halo masses predicted from the initial conditions (Lucie-Smith et al. 2020, Figs. 2, 3 and 5)."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lss.universe import Group
from lss_stats.figures.halos import draw_violins
from lss_stats.figures.shown import Shown
from lss_stats.figures.style import BLACK, CYCLE, PAGE
from lss_stats.measures.halo_mass import PLACES, THIRDS

Table = Mapping[str, np.ndarray]


def figure(shown: Shown) -> Figure | None:
    """Violins of the predictions; below, the residuals in thirds of the mass range, by place in the halo."""
    by_mass, residuals = shown.result("halo_mass", "by_mass"), shown.result("halo_mass", "residuals")
    if by_mass is None or residuals is None:
        return None
    drawn, grid = plt.subplot_mosaic("AAA;BCD", figsize=(PAGE, 5.0), layout="constrained")
    draw_violins(grid["A"], by_mass.own)
    attrs = by_mass.own.attrs
    grid["A"].set_title(f"r = {attrs['r']:.3f}, rms {attrs['rms_dex']:.3f} dex, {attrs['particles']} particles")
    draw_residuals([grid[name] for name in "BCD"], {"": residuals.own.data})
    return drawn


def draw_residuals(axes: Sequence[Any], tables: Mapping[str, Table]) -> None:
    """Residuals in the three mass ranges, an axis each; a single table by place in the halo, several by their names."""
    for axis, third in zip(axes, THIRDS, strict=True):
        curves = {name: table[f"count_{third}"] for name, table in tables.items()}
        table, *others = tables.values()
        if not others and f"count_{third}_{PLACES[0]}" in table:
            curves = {"all": table[f"count_{third}"]} | {place: table[f"count_{third}_{place}"] for place in PLACES}
        for (label, count), colour in zip(curves.items(), (BLACK, *CYCLE), strict=False):
            centre = table["residual"]
            density = count / max(count.sum(), 1) / (centre[1] - centre[0])
            axis.step(centre, density, where="mid", color=colour, label=label or None)
        axis.axvline(0, color="0.5", lw=0.6)
        axis.set(
            xlim=(-1.6, 1.6), title=f"{third} third of the masses", xlabel=r"$\log_{10}(M_{\rm pred}/M_{\rm true})$"
        )
    axes[0].set_ylabel("density [1/dex]")
    if axes[0].get_legend_handles_labels()[1]:
        axes[0].legend()


def draw_likelihood(axes: Sequence[Any], slices: Sequence[tuple[float, Group]]) -> None:
    """The truth d in slices of the network's output y, and the likelihood that it was trained with."""
    for axis, (y, group) in zip(axes, slices, strict=True):
        d, density = group.data["d"], group.data["density"]
        axis.bar(d, density, width=d[1] - d[0], color="0.8")
        axis.plot(d, group.data["likelihood"], color=BLACK)
        axis.set(title=f"y = {y:.2f}", xlabel="d", xlim=(-1, 1))
    axes[0].set_ylabel("p(d | y)")
