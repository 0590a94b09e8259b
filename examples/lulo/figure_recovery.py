"""r(k) and T(k) of the six fields by method: python figure_recovery.py OUTPUT.png TRUTHS NAME=FOLDER...

TRUTHS and every FOLDER hold universes of the same names, as bench.lulo keeps them. Lines are medians over the truths
that a method has, bands run from the lowest to the highest; ticks at r = 0.8 are the paper's.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from lss.files.universe_file import ensemble_members, read_universe
from lss.grid.comparison import K80, LEAST_MODES, TRANSFER_BAND, Comparison
from lss.halos.six_fields import NAMES, recovery, reference_bins, six_fields
from lss_stats.figures.style import BLACK, CYCLE, PAGE, save, styled

TITLES = ("initial field", "matter", "halos, by mass", "halos, counts", "momentum", "velocity (q)")
TICKS = (0.1, 0.3, 1)  # h/Mpc
PAPER = (0.23, 1.0, 1.28, 1.15, 0.59, 0.24)  # h/Mpc
_READ = ["ic", "PartType1", "halos"]


def recovered(folder: Path, truths: Path) -> list[dict[str, Comparison]]:
    """The six fields of every reconstruction of a folder against the truth of its name."""
    found = []
    for path in ensemble_members(folder):
        universe, truth = read_universe(path, _READ), read_universe(truths / path.name, _READ)
        bins = reference_bins(truth)
        found.append(recovery(six_fields(universe, bins), six_fields(truth, bins), truth.box.size))
    return found


def main(output: str, truths: str, *methods: str) -> None:
    """Draw the figure."""
    found = {name: recovered(Path(folder), Path(truths)) for name, folder in (m.split("=", 1) for m in methods)}
    with styled():
        shape = {"figsize": (PAGE, 3.4), "sharex": "col", "sharey": "row", "height_ratios": (1, 1.5)}
        figure, axes = plt.subplots(2, len(NAMES), **shape)
        for column, (field, title, paper) in enumerate(zip(NAMES, TITLES, PAPER, strict=True)):
            transfer, correlation = axes[:, column]
            for (name, runs), colour in zip(found.items(), CYCLE, strict=False):
                k, counted = runs[0][field].k, runs[0][field].n_modes >= LEAST_MODES
                draw(correlation, k, [run[field].correlation for run in runs], colour, f"{name} ({len(runs)})")
                draw(transfer, k[counted], [run[field].transfer[counted] for run in runs], colour, name)
            correlation.axhline(K80, color=BLACK, lw=0.5, ls=(0, (4, 4)))
            correlation.plot([paper], [K80], "|", color=BLACK, ms=8, label="r = 0.8 in LULO")
            transfer.axhspan(1 - TRANSFER_BAND, 1 + TRANSFER_BAND, color="0.92", lw=0)
            transfer.set(title=title, ylim=(0.6, 1.4))
            correlation.set(xscale="log", xlim=(k[0], k[counted].max() / np.sqrt(3)), ylim=(-0.05, 1.05))
            correlation.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
            correlation.xaxis.set_minor_formatter("")
            correlation.set_xlabel("k [h/Mpc]")
        axes[0, 0].set_ylabel("T(k)")
        axes[1, 0].set_ylabel("r(k)")
        figure.legend(*axes[1, -1].get_legend_handles_labels(), loc="outside lower center", ncols=len(found) + 1)
        save(figure, Path(output))


def draw(axis, k: np.ndarray, curves: list[np.ndarray], colour: str, label: str) -> None:
    """The median of some curves, and a band that holds them all."""
    axis.plot(k, np.median(curves, axis=0), color=colour, label=label)
    axis.fill_between(k, np.min(curves, axis=0), np.max(curves, axis=0), color=colour, alpha=0.15, lw=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
