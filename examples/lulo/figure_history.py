"""LULO Fig. C1: python figure_history.py OUTPUT.png TRUTH.h5 RECONSTRUCTION.h5...

The mismatch with the data against the number of simulations, and slices of what the loop had found after a few of
them. Every reconstruction is one of the same truth by the same method with its own max_simulations, the longest last.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from lss.files.universe_file import read_universe
from lss.grid.fourier import smooth
from lss.grid.mesh import overdensity
from lss.halos.six_fields import RECORDED, lattice_velocity
from lss.physics.random_field import linear_overdensity
from lss.universe import Universe
from lss_stats.figures.style import BLACK, BLUE, PAGE, VERMILION, save, styled

SMOOTHING, DEPTH = 5.0, 15.0  # Mpc/h: of the initial field; thickness of the slices
CURVE = 2.0  # inches
ROWS = ("initial field", "matter", "velocity $v_x$ (q)", "mass-weighted halos")


def slices(universe: Universe) -> dict[str, np.ndarray]:
    """(n, n) means over a slab along z."""
    box, halos = universe.box, universe.halos
    linear = linear_overdensity(universe.noise.value, universe.cosmology, box.size)
    fields = (
        smooth(linear, SMOOTHING, box.size),
        overdensity(universe.particles.position, box.n, box.size, RECORDED.assignment),
        np.ascontiguousarray(lattice_velocity(universe)[..., 0]),
        overdensity(halos.position, box.n, box.size, RECORDED.assignment, halos.mass),
    )
    layers = max(1, round(DEPTH * box.n / box.size))
    found = dict(zip(ROWS, (field[..., :layers].mean(axis=2) for field in fields), strict=True))
    found["matter"] = np.log10(np.maximum(1 + found["matter"], 0.03))
    found["mass-weighted halos"] = np.log10(np.maximum(1 + found["mass-weighted halos"], 0.03))
    return found


def draw_slices(axes, columns: dict[str, dict[str, np.ndarray]], size: float) -> None:
    """One column for each number of simulations and the truth, one row for each field, one scale a row."""
    for row, name in enumerate(ROWS):
        true = columns["truth"][name]
        limit = float(np.quantile(np.abs(true), 0.995))
        centred = name in ("initial field", "velocity $v_x$ (q)")
        look = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit} if centred else {"cmap": "magma", "vmax": limit}
        for axis, (title, found) in zip(axes[row], columns.items(), strict=True):
            axis.imshow(found[name].T, extent=(0, size, 0, size), **({"vmin": float(true.min())} | look))
            axis.set(xticks=[], yticks=[], title=title if row == 0 else None)
        axes[row, 0].set_ylabel(name)


def draw_loss(axis, universe: Universe) -> None:
    """The loss of every simulation, the best so far, and where each update begins.

    Early simulations come first, shaded: by a model of their own, whose losses are no measure for the others.
    """
    before, updates = 0, 0
    for path in ("recon/early", "recon"):
        if not universe.has(path):
            continue
        history = universe.group(path).data
        simulation, loss = before + history["simulation"], history["loss"]
        axis.plot(simulation, loss, ".", color=BLUE, ms=3)
        axis.plot(simulation, np.minimum.accumulate(loss), color=VERMILION, lw=1)
        first = np.flatnonzero(np.diff(history["update"], prepend=-1))
        if len(first) < len(simulation):  # a line search: several simulations an update
            for position in simulation[first]:
                axis.axvline(position, color=BLACK, lw=0.3, alpha=0.4)
        if path == "recon/early":
            axis.axvspan(0.5, simulation[-1] + 0.5, color="0.94", lw=0, label="cheap forward model")
        before, updates = int(simulation[-1]), updates + len(first) - 1
    axis.set(xlabel=f"simulations ({updates} updates)", ylabel="mismatch with the data", yscale="log")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    for drawn, label in zip(axis.lines[:2], ("every simulation", "best so far"), strict=True):
        drawn.set_label(label)
    axis.legend(loc="upper right")


def main(output: str, truth: str, *reconstructions: str) -> None:
    """Draw the figure."""
    found = [read_universe(path) for path in reconstructions]
    columns = {f"after {u.group('recon').attrs['simulations']}": slices(u) for u in found}
    true = read_universe(truth)
    columns["truth"] = slices(true)
    with styled():
        tall = PAGE * len(ROWS) / len(columns)
        figure = plt.figure(figsize=(PAGE, CURVE + tall))
        above, below = figure.subfigures(2, 1, height_ratios=(CURVE, tall))
        draw_loss(above.subplots(), found[-1])
        draw_slices(below.subplots(len(ROWS), len(columns), squeeze=False), columns, true.box.size)
        save(figure, Path(output))


if __name__ == "__main__":
    main(*sys.argv[1:])
