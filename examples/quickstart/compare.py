"""The demo's table and picture: python compare.py RECONSTRUCTION.h5 START.h5 TRUTH.h5 OUTPUT_FOLDER

r(k) with the true initial field: the reconstruction, the estimator alone, and the halo field with no method at all;
r(k) with Gadget-4's matter at z = 0: the reconstruction, and the first simulation of the loop. Particles and halos are
painted with CIC as recorded values were; the line "default" has the same k painted as lss-stats does by default.
"""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np

from lss.config import Painting
from lss.files.universe_file import read_universe
from lss.grid.comparison import K80, compare_modes, falls_through
from lss.grid.fourier import forward, smooth
from lss.grid.interlacing import painted_modes
from lss.grid.mesh import overdensity
from lss.grid.spectra import measure
from lss.halos.six_fields import RECORDED
from lss.learned import estimator
from lss.physics.random_field import linear_overdensity
from lss.universe import Group, Universe
from lss_stats.figures.style import BLACK, BLUE, GREEN, PAGE, PURPLE, SKY, VERMILION, save, styled

SHOWN = 2.0  # Mpc/h, smoothing of the initial fields in the picture
DEPTH = 0.16  # of the box, thickness of the slices
TABLE = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 0.8, 1.0, 1.2)  # h/Mpc


def fields(universe: Universe, start: Universe, truth: Universe) -> dict[str, np.ndarray]:
    """The grids that are compared: initial fields at z = 0, linear, and matter at z = 0; painted as RECORDED says."""
    box, observed = universe.box, universe.group("recon/observed").data
    position, mass, velocity = observed["position"], observed["mass"], observed["velocity"]
    checkpoint = universe.group("recon").attrs["checkpoint"]
    return {
        "initial": linear_overdensity(universe.noise.value, universe.cosmology, box.size),
        "initial_true": linear_overdensity(truth.noise.value, universe.cosmology, box.size),
        "estimate": estimator.load(checkpoint).estimate(position, mass, box.n, box.size, velocity),
        "halo_field": overdensity(position, box.n, box.size, RECORDED.assignment, mass),
        "matter": overdensity(universe.particles.position, box.n, box.size, RECORDED.assignment),
        "matter_start": overdensity(start.particles.position, box.n, box.size, RECORDED.assignment),
        "matter_true": truth.field("matter").value,
    }


def correlations(found: dict[str, np.ndarray], box_size: float) -> dict[str, np.ndarray]:
    """r(k) of each field with the truth it stands for, and k (h/Mpc)."""
    initial = measure([found[name] for name in ("initial_true", "initial", "estimate", "halo_field")], box_size)
    matter = measure([found[name] for name in ("matter_true", "matter", "matter_start")], box_size)
    return {
        "k": initial.k,
        "reconstruction": initial.correlation(0, 1),
        "estimator alone": initial.correlation(0, 2),
        "halo field": initial.correlation(0, 3),
        "matter": matter.correlation(0, 1),
        "first simulation": matter.correlation(0, 2),
    }


def reached_by_default(universe: Universe, start: Universe, truth: Universe) -> dict[str, float]:
    """k (h/Mpc) where r(k) of what is painted falls through 0.8, painted as lss-stats does by default."""
    n, size, painting = universe.box.n, universe.box.size, Painting()
    observed = universe.group("recon/observed").data

    def modes(position: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        painted = partial(overdensity, position, n, size, painting.assignment, weight)
        return painted_modes(painted, n, interlaced=painting.interlaced)[None]

    stored = truth.field("matter")
    matter = forward(stored.value)[None]
    initial = forward(linear_overdensity(truth.noise.value, universe.cosmology, size))[None]
    window = "none" if stored.deconvolved else stored.assignment
    pairs = {
        "halo_field": (modes(observed["position"], observed["mass"]), initial, "none"),
        "matter": (modes(universe.particles.position), matter, window),
        "start": (modes(start.particles.position), matter, window),
    }
    return {
        name: round(compare_modes(ours, true, size, (painting.assignment, other)).k80, 3)
        for name, (ours, true, other) in pairs.items()
    }


def figures(r: dict[str, np.ndarray], recon: Group) -> dict:
    """The figures of merit: k (h/Mpc) where r(k) falls through 0.8, simulations and seconds."""
    k80 = {name: round(falls_through(r["k"], values), 3) for name, values in r.items() if name != "k"}
    return {
        "k80_ic": k80["reconstruction"],
        "k80_matter": k80["matter"],
        "k80_halo_field": k80["halo field"],
        "k80_estimate": k80["estimator alone"],
        "k80_start": k80["first simulation"],
        "simulations": int(recon.attrs["simulations"]),
        "loop_seconds": round(float(np.sum(recon.attrs["seconds"])), 1),
        "r_ic": [
            [round(k, 3), round(value, 3)] for k, value in zip(r["k"], r["reconstruction"], strict=True) if k < 1.3
        ],
    }


def table(r: dict[str, np.ndarray], merit: dict) -> str:
    """r(k) as text, one row per k."""
    names = [name for name in r if name != "k"]
    lines = ["", f"r(k) with the truth{'initial conditions':>24}{'matter at z = 0':>59}"]
    lines.append("k [h/Mpc]" + "".join(f"{name:>18}" for name in names))
    for k in TABLE:
        lines.append(f"{k:9.2f}" + "".join(f"{np.interp(k, r['k'], r[name]):18.3f}" for name in names))
    by_default = merit["k80_default"]
    falls = ("k80_ic", "k80_estimate", "k80_halo_field", "k80_matter", "k80_start")
    lines.append("below 0.8" + "".join(f"{'k = ' + format(merit[name], '.3f'):>18}" for name in falls))
    shown = (None, None, by_default["halo_field"], by_default["matter"], by_default["start"])
    lines.append("  default" + "".join(f"{'' if k is None else f'k = {k:.3f}':>18}" for k in shown))
    lines.append(f"{merit['simulations']} simulations, {merit['loop_seconds']:.0f} s")
    return "\n".join(lines)


def picture(universe: Universe, found: dict[str, np.ndarray], r: dict[str, np.ndarray], path: Path) -> None:
    """Slices of truth and reconstruction above, r(k) below."""
    import matplotlib.pyplot as plt

    size = universe.box.size
    with styled():
        figure = plt.figure(figsize=(PAGE, 4.8))
        above, below = figure.subfigures(2, 1, height_ratios=(1, 1.25))
        panels = {
            "initial field, truth": smooth(found["initial_true"], SHOWN, size),
            "initial field, reconstructed": smooth(found["initial"], SHOWN, size),
            "matter today, Gadget-4": found["matter_true"],
            "matter today, reconstructed": found["matter"],
        }
        position = universe.group("recon/observed").data["position"]
        inside = position[position[:, 2] < DEPTH * size]
        for axis, (title, field) in zip(above.subplots(1, 4, sharey=True), panels.items(), strict=True):
            slab = field[:, :, : int(DEPTH * len(field))].mean(axis=2)
            if "matter" in title:
                shown, look = np.log10(1 + slab), {"cmap": "magma", "vmin": -0.8, "vmax": 1.0}
                axis.scatter(*inside[:, :2].T, s=5, facecolors="none", edgecolors=SKY, linewidths=0.5)
            else:
                shown, look = slab, {"cmap": "RdBu_r", "vmin": -2.2, "vmax": 2.2}
            axis.imshow(shown.T, extent=(0, size, 0, size), interpolation="bilinear", **look)
            axis.set(xlim=(0, size), ylim=(0, size), xlabel="x [Mpc/h]")
            axis.set_title(title, fontsize=7)
        above.axes[0].set_ylabel("y [Mpc/h]")
        left, right = below.subplots(1, 2)
        left.plot(r["k"], r["reconstruction"], color=BLUE, label="reconstruction")
        left.plot(r["k"], r["estimator alone"], color=GREEN, ls="--", label="estimator alone")
        left.plot(r["k"], r["halo field"], color=VERMILION, ls=":", label="halo field, no method")
        left.set_ylabel("r(k), initial conditions")
        right.plot(r["k"], r["matter"], color=BLUE, label="reconstruction")
        right.plot(r["k"], r["first simulation"], color=PURPLE, ls="-.", label="first simulation of the loop")
        right.set_ylabel("r(k), matter at z = 0")
        for axis in (left, right):
            axis.axhline(K80, color=BLACK, lw=0.5, ls=(0, (4, 4)))
            axis.set(xscale="log", xlim=(0.05, 2.2), ylim=(-0.05, 1.05), xlabel="k [h/Mpc]")
            axis.legend(loc="lower left")
        save(figure, path)


def main(reconstruction: Path, first: Path, true: Path, output: Path) -> None:
    """Write comparison.json and reconstruction.png, and print the table."""
    universe, start, truth = read_universe(reconstruction), read_universe(first), read_universe(true)
    found = fields(universe, start, truth)
    r = correlations(found, universe.box.size)
    merit = figures(r, universe.group("recon")) | {"k80_default": reached_by_default(universe, start, truth)}
    (output / "comparison.json").write_text(json.dumps(merit) + "\n")
    picture(universe, found, r, output / "reconstruction.png")
    print(table(r, merit))
    print(f"picture: {output / 'reconstruction.png'}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
