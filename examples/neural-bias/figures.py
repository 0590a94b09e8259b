"""Figures 2 to 5 of Charnock et al. (2020), and our ensembles against an exact posterior.

python figures.py mass CHECKPOINT UNIVERSE... | traces CHAIN | fields CHAIN TRUTH | spectrum CHAIN | judge JSON, -o FILE
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from lss.files.universe_file import read_universe
from lss_stats.figures.style import few_labels, few_powers


def mass(paths):
    """Fig. 2: the mass distribution in bins of density, of the model and of the catalogues."""
    import torch

    from lss.differentiable.forward import forward_model
    from lss.differentiable.lpt import hartley
    from lss.learned import fitted_bias
    from lss.learned.bias_checks import mass_distribution
    from lss.learned.neural_bias import catalogue
    from lss.physics.random_field import replace_large_scales

    fitted = fitted_bias.load(paths[0])
    data = []
    for number, path in enumerate(paths[1:]):
        made = read_universe(path, ["ic", "halos"])
        size = made.box.size
        n = round(size / fitted.bias.voxel)
        noise = replace_large_scales(np.zeros((n, n, n), np.float32), made.noise.value)
        with torch.no_grad():
            forward = forward_model("1lpt", made.cosmology, n, size, dtype=torch.float64)
            density = forward(hartley(torch.from_numpy(noise).double()))
        halos, least = made.halos, float(np.exp(fitted.bias.head.ln_threshold))
        each = float(np.median(halos.mass / halos.n_particles))
        data.append((density, catalogue(halos.position, halos.mass, n, size, least, particle_mass=each, seed=number)))
    found = mass_distribution(fitted.bias, fitted.theta, data, density_bins=4, mass_bins=8)
    centre = np.sqrt(found.mass_edges[1:] * found.mass_edges[:-1])
    width = np.diff(np.log(found.mass_edges))
    figure, axes = plt.subplots(figsize=(5.5, 4.2), layout="constrained")
    for row in range(len(found.volume))[::-1]:
        per = found.volume[row] * width
        low, high = found.density_edges[row : row + 2]
        label = f"{low:.1f} < rho < {high:.1f}" if np.isfinite(high) else f"rho > {low:.1f}"
        colour = plt.get_cmap("viridis")(row / len(found.volume))
        axes.plot(centre, found.expected[row] / per, color=colour, label=label)
        counted = found.observed[row] > 0
        error = np.sqrt(found.observed[row][counted])
        axes.errorbar(
            centre[counted],
            found.observed[row][counted] / per[counted],
            (error / per[counted]),
            fmt="d",
            ms=4,
            color=colour,
        )
    axes.set(xscale="log", yscale="log", xlabel="M [Msun/h]", ylabel="dn / d ln M [(h/Mpc)$^3$]", ylim=(1e-8, None))
    few_powers(axes.xaxis)
    axes.set_title(f"lines: the model; points: {int(found.observed.sum())} halos; chi$^2$ = {found.chi2:.2f} a bin")
    axes.legend(fontsize=8)
    return figure


def traces(paths):
    """Fig. 3: the parameters along the chains."""
    group = read_universe(paths[0], ["recon"]).group("recon/parameters")
    samples, names = group.data["samples"], str(group.attrs["parameters"]).split()
    figure, axes = plt.subplots(3, 6, figsize=(11, 5), sharex=True, layout="constrained")
    for number, name in enumerate(names[:18]):
        place = axes.flat[number]
        for chain in samples:
            place.plot(chain[:, number], lw=0.5)
        place.set_title(name, fontsize=8)
        place.tick_params(labelsize=7)
    for place in axes.flat[len(names) :]:
        place.set_visible(False)
    figure.supxlabel("draw")
    return figure


def fields(paths):
    """Fig. 4: the linear field of the truth, mean and scatter of the posterior, and a draw."""
    from lss.grid import fourier
    from lss.physics.random_field import linear_overdensity

    made, truth = read_universe(paths[0]), read_universe(paths[1], ["ic", "halos"])
    size, smoothing = made.box.size, 3.0

    def shown(noise):
        return fourier.smooth(linear_overdensity(noise, made.cosmology, size), smoothing, size)

    pictures = {
        "truth": shown(truth.noise.value),
        "posterior mean": fourier.smooth(made.field("linear_mean").value, smoothing, size),
        "a draw": shown(made.noise.value),
        "scatter": made.field("linear_scatter").value,
    }
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
    plane = made.box.n // 2
    halos = truth.halos.position
    near = np.abs(halos[:, 2] - size / 2) < 4
    limit = np.std(pictures["truth"]) * 3
    for place, (name, value) in zip(axes, pictures.items(), strict=True):
        of_scatter = name == "scatter"
        options = {"cmap": "viridis"} if of_scatter else {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        image = place.imshow(value[:, :, plane].T, origin="lower", extent=(0, size, 0, size), **options)
        if not of_scatter:
            place.plot(*halos[near, :2].T, "k.", ms=2)
        place.set_title(name)
        figure.colorbar(image, ax=place, shrink=0.8)
    axes[0].set(xlabel="x [Mpc/h]", ylabel="y [Mpc/h]")
    figure.suptitle(f"linear overdensity at z = 0, Gaussian {smoothing:g} Mpc/h (scatter: none), halos within 4 Mpc/h")
    return figure


def spectrum(paths):
    """Fig. 5: the spectrum of the draws over that of the prior."""
    group = read_universe(paths[0], ["recon"]).group("recon/chain")
    names = str(group.attrs["names"]).split()
    rows = [i for i, name in enumerate(names) if name.startswith("P(")]
    k = np.array([float(names[i][2:-1]) for i in rows])
    power = group.data["measured"][:, :, rows].reshape(-1, len(rows))
    low, middle, high = np.quantile(power, [0.16, 0.5, 0.84], axis=0)
    modes = 4 * np.pi * (k / k[0]) ** 2
    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    axes.fill_between(k, 1 - np.sqrt(2 / modes), 1 + np.sqrt(2 / modes), color="0.85", label="prior, cosmic variance")
    axes.fill_between(k, low, high, alpha=0.4, label="posterior, 68%")
    axes.plot(k, middle)
    axes.axhline(1, color="k", lw=0.6)
    axes.set(xscale="log", xlabel="k [h/Mpc]", ylabel="P / P of the prior", ylim=(0, 2))
    few_labels(axes)
    axes.legend(fontsize=8)
    return figure


def judge(paths):
    """Variance of our ensembles over that of the exact posterior, per k; correlation of the means; coverage."""
    found = json.loads(Path(paths[0]).read_text())
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for name, label in (("sample", "draws"), ("updated", "with updates"), ("exact_halves", "exact, two halves")):
        one = found[name]
        axes[0].plot(one["k"], one["variance_ratio"], label=label)
        axes[1].plot(one["k"], one["r_of_means"], label=label)
        levels = [float(level) for level in one["coverage"]]
        axes[2].plot(levels, list(one["coverage"].values()), "o-", label=f"{label}: C2ST {one['c2st']:.2f}")
    axes[0].axhspan(0.9, 1.1, color="0.9")
    axes[0].set(xlabel="k [h/Mpc]", ylabel="variance / exact", ylim=(0, 2))
    axes[1].set(xlabel="k [h/Mpc]", ylabel="r of the means", ylim=(0, 1.02))
    axes[2].plot([0, 1], [0, 1], "k:", lw=0.8)
    axes[2].set(xlabel="credible level", ylabel="share of voxels covered", xlim=(0, 1), ylim=(0, 1))
    for place in axes[[0, 2]]:
        place.legend(fontsize=8)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    figures = {name: globals()[name] for name in ("mass", "traces", "fields", "spectrum", "judge")}
    parser.add_argument("figure", choices=figures)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    arguments = parser.parse_args()
    figures[arguments.figure](arguments.paths).savefig(arguments.output, dpi=130)


if __name__ == "__main__":
    main()
