"""LULO Fig. 12: python figure_data.py OUTPUT.png TRUTH.h5 BOTH.h5 MASS_WEIGHTED.h5 COUNT.h5

Reconstructions from both halo fields, from the mass-weighted one alone, and from the counts alone: power of the initial
field over the truth's, and the halo mass function.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from lss.files.universe_file import read_universe
from lss.grid.comparison import LEAST_MODES, TRANSFER_BAND
from lss.halos.six_fields import recovery, six_fields
from lss.universe import Universe
from lss_stats.config import Statistics
from lss_stats.figures.style import BLACK, BLUE, GREEN, PAGE, VERMILION, save, styled
from lss_stats.measures.mass_function import mass_function

LINES = (("both fields", BLUE), ("mass-weighted only", VERMILION), ("counts only", GREEN))


def draw_power(axis, found: Universe, truth: Universe, label: str, colour: str) -> None:
    """T(k) of the initial field."""
    compared = recovery(six_fields(found, None), six_fields(truth, None), truth.box.size)["ic"]
    counted = compared.n_modes >= LEAST_MODES
    axis.semilogx(compared.k[counted], compared.transfer[counted], color=colour, label=label)


def draw_mass_function(axis, universe: Universe, label: str, colour: str) -> None:
    """dn/dlnM with Poisson errors."""
    data = mass_function(universe, Statistics(mass_bins=10)).data
    full = data["count"] > 0
    columns = (data[name][full] for name in ("mass", "density", "error"))
    axis.errorbar(*columns, fmt="o-", ms=2.5, lw=0.9, color=colour, label=label)


def main(output: str, truth: str, *reconstructions: str) -> None:
    """Draw the figure."""
    true = read_universe(truth)
    with styled():
        figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.8))
        left.axhspan(1 - TRANSFER_BAND, 1 + TRANSFER_BAND, color="0.92", lw=0)
        draw_mass_function(right, true, "truth", BLACK)
        for path, (label, colour) in zip(reconstructions, LINES, strict=True):
            found = read_universe(path)
            draw_power(left, found, true, label, colour)
            draw_mass_function(right, found, label, colour)
        nyquist = np.pi * true.box.n / true.box.size
        left.set(xlabel="k [h/Mpc]", ylabel="T(k) of the initial field", xlim=(0.05, nyquist))
        right.set(xscale="log", yscale="log", xlabel=r"M$_{200c}$ [M$_\odot$/h]", ylabel=r"dn/dlnM [(h/Mpc)$^3$]")
        left.legend(loc="lower left")
        right.legend(loc="lower left")
        save(figure, Path(output))


if __name__ == "__main__":
    main(*sys.argv[1:])
