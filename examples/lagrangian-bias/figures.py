"""Figures 2 to 11 of Wu, Munoz & Eisenstein 2023: python figures.py CONFIG OUT [--scale 2]

The universes 0 to 3 are trained on and 4 is judged on, in OUT/universes. Models are trained as they are needed and kept
in OUT/models; figures go to OUT/figures. One training universe (0) where the paper has one, all four where it compares.
"""

import argparse
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from models import Judge, Models, read_judge

from lss.learned.lagrangian_bias import LagrangianBias, evaluate, principal_components
from lss_stats.figures.style import COLUMN, CYCLE, PAGE, styled

K_MAX = 0.6  # h/Mpc, of the panels
LEAST = 30  # particles behind a point of a curve or a pixel
FOUR = [0, 1, 2, 3]


def main() -> None:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--scale", type=float, default=2.0, help="of the paper's radii")
    arguments = parser.parse_args()
    models = Models(arguments.config, arguments.output, arguments.scale)
    judge = read_judge(arguments.output / "universes" / "000004.h5")
    folder = arguments.output / "figures"
    folder.mkdir(exist_ok=True)
    drawn = (figure_2, figure_3, figure_4, figure_5, figure_6, figure_7, figure_8, figure_9, figure_10, figure_11)
    for number, draw in enumerate(drawn, 2):
        with styled():
            figure = draw(models, judge)
            figure.savefig(folder / f"{number}.png")
            plt.close(figure)


def draw_ratio(axis: Axes, judge: Judge, bias: LagrangianBias, label: str, what: str = "power_ratio", **style) -> None:
    """One of the four ratios against k."""
    found = judge.agreement(bias)
    axis.plot(found.k, getattr(found, what), label=label, **style)


def ratio_axis(axis: Axes, what: str = "power_ratio") -> None:
    """Labels and limits of a panel of ratios."""
    axis.set(xscale="log", xlim=(None, K_MAX), xlabel=r"$k$ [$h$/Mpc]")
    if what == "power_ratio":
        axis.axhline(1, color="0.6", lw=0.6, zorder=0)
        axis.set(ylim=(0.5, 1.3), ylabel=r"$P_\mathrm{model} / P_h$")
    else:
        axis.set(yscale="log", ylabel=r"$P_\mathrm{uncorr} / P_h$")


def figure_2(models: Models, judge: Judge) -> Figure:
    """Least squares on bins against a network of the same delta and laplacian: f, and the power of the field."""
    radii = models.radii("1R")
    squares = models.trained("least-squares", [0], function="least-squares", radii=radii)
    network = models.trained("1R-one-universe", [0], radii=radii)
    operators = squares.inputs.of_field(judge.linear, judge.box_size)
    inputs = network.inputs.of_field(judge.linear, judge.box_size)
    f = [evaluate(squares.function, operators), evaluate(network.function, inputs)]
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.8))
    edges = np.quantile(operators[:, 1], [0, 0.2, 0.4, 0.6, 0.8, 1])
    for number, colour in enumerate(CYCLE[:5]):
        chosen = (operators[:, 1] >= edges[number]) & (operators[:, 1] <= edges[number + 1])
        for values, dashes in zip(f, ("-", "--"), strict=True):
            x, y = curve(operators[chosen, 0], values[chosen])
            left.plot(x, y, dashes, color=colour, lw=1)
    left.plot([], [], "k-", label="least squares")
    left.plot([], [], "k--", label="network")
    for number, colour in enumerate(CYCLE[:5]):  # of the Laplacian, lowest first
        left.plot([], [], color=colour, lw=3, label=rf"$\nabla^2\delta$: fifth {number + 1}")
    left.set(xlabel=r"$\delta / \sigma$", ylabel="$f$")
    left.legend(fontsize="small")
    draw_ratio(right, judge, squares, "least squares")
    draw_ratio(right, judge, network, "network", ls="--")
    ratio_axis(right)
    right.legend()
    return figure


def curve(x: np.ndarray, values: np.ndarray, bins: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """The mean of values in even bins of x that hold enough particles."""
    edges = np.linspace(x.min(), x.max(), bins + 1)
    number = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, bins - 1)
    count = np.bincount(number, minlength=bins)
    kept = count >= LEAST
    mean = np.bincount(number, values, minlength=bins)[kept] / count[kept]
    return (0.5 * (edges[1:] + edges[:-1]))[kept], mean


def figure_3(models: Models, judge: Judge) -> Figure:
    """One scale and three on the held-out universe, and each of four training universes alone."""
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.6))
    for name, dashes in (("1R", "-"), ("3R", "--")):
        bias = models.trained(f"{name}-one-universe", [0], radii=models.radii(name))
        draw_ratio(axes[0], judge, bias, name, ls=dashes)
        draw_ratio(axes[1], judge, bias, name, "uncorrelated", ls=dashes)
        for index in FOUR:
            suffix = "one-universe" if index == 0 else f"universe-{index}"
            single = models.trained(f"{name}-{suffix}", [index], radii=models.radii(name))
            draw_ratio(axes[2], judge, single, f"{name}, {index}", ls=dashes, color=CYCLE[index])
    for axis, what in zip(axes, ("power_ratio", "uncorrelated", "power_ratio"), strict=True):
        ratio_axis(axis, what)
        axis.legend(ncols=2 if axis is axes[2] else 1)
    axes[2].set_title("trained on one universe each")
    return figure


def figure_4(models: Models, judge: Judge) -> Figure:
    """The sets of radii of Table 1."""
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 2.8), sharey=True)
    for axis, names in zip(axes, (("3R", "3R + 11.3", "3R coarse"), ("3R", "3R fine", "5R fine")), strict=True):
        for name in names:
            draw_ratio(axis, judge, models.trained(name, FOUR, radii=models.radii(name)), name)
        ratio_axis(axis)
        axis.legend()
    return figure


def components_of(models: Models, judge: Judge, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal components of every particle of the held-out universe, f, and the axes in the space of operators."""
    bias = models.trained(name, FOUR, radii=models.radii(name))
    inputs = bias.inputs.of_field(judge.linear, judge.box_size)
    _, axes = principal_components(bias.function, inputs)
    return inputs @ axes.T.astype(np.float32), evaluate(bias.function, inputs), axes @ bias.inputs.matrix


def figure_5(models: Models, judge: Judge) -> Figure:
    """f in the planes of its principal components, and along the first one."""
    components, f, _ = components_of(models, judge, "3R")
    figure, axes = plt.subplots(2, 3, figsize=(PAGE, 4.4))
    for number in (1, 2, 3):
        draw_plane(axes[0, number - 1], components[:, 0], components[:, number], f, f"PC{number}")
        axis = axes[1, number - 1]
        cuts = np.quantile(components[:, number], [0.1, 0.3, 0.5, 0.7, 0.9])
        colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, 4))
        for colour, (low, high) in zip(colours, itertools.pairwise(cuts), strict=True):
            chosen = (components[:, number] >= low) & (components[:, number] < high)
            axis.plot(*curve(components[chosen, 0], f[chosen]), color=colour, label=f"PC{number} from {low:.1f}")
        axis.set(xlabel="PC0", ylabel=r"$f$")
        axis.legend()
    return figure


def draw_plane(axis: Axes, x: np.ndarray, y: np.ndarray, f: np.ndarray, label: str) -> None:
    """The mean of f in pixels of a plane that hold enough particles."""
    count, a, b = np.histogram2d(x, y, bins=50)
    total, _, _ = np.histogram2d(x, y, bins=(a, b), weights=f)
    mean = np.where(count >= LEAST, total / np.maximum(count, 1), np.nan)
    image = axis.pcolormesh(a, b, mean.T, rasterized=True)
    axis.figure.colorbar(image, ax=axis, label=r"$f$")
    axis.set(xlabel="PC0", ylabel=label)


def reduced(models: Models, name: str) -> LagrangianBias:
    """The network of two principal components of another."""
    models.trained(name, FOUR, radii=models.radii(name))
    return models.trained(f"{name}-components", FOUR, initial=name, components=2)


def figure_6(models: Models, judge: Judge) -> Figure:
    """All inputs, and two principal components of grad f."""
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.6), sharey=True)
    for axis, name in zip(axes, ("3R", "3R fine", "5R fine"), strict=True):
        draw_ratio(axis, judge, models.trained(name, FOUR, radii=models.radii(name)), "all inputs", color=CYCLE[6])
        draw_ratio(axis, judge, reduced(models, name), "two components", color=CYCLE[1])
        ratio_axis(axis)
        axis.set_title(name)
        axis.legend()
    return figure


def figure_7(models: Models, judge: Judge) -> Figure:
    """Coefficients of the first principal component, of operators in units of their rms."""
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.6))
    for axis, name in zip(axes, ("1R", "3R", "5R fine"), strict=True):
        bias = models.trained(name, FOUR, radii=models.radii(name))
        operators = np.linalg.pinv(bias.inputs.matrix)
        rms = np.sqrt((operators**2).sum(axis=1))  # of each operator: inputs have unit variance and no covariance
        coefficient = components_of(models, judge, name)[2][0] * rms
        for label, marker, values in zip(
            (r"$\delta$", r"$\nabla^2\delta$", r"$\mathcal{G}_2$"), "o^x", coefficient.reshape(3, -1), strict=True
        ):
            axis.plot(bias.inputs.radii, values, marker, label=label)
        axis.axhline(0, color="0.6", lw=0.6, zorder=0)
        axis.set(xscale="log", xlabel=r"$R$ [Mpc/$h$]", ylabel="coefficient of PC0", title=name)
        axis.legend()
    return figure


def figure_8(models: Models, judge: Judge) -> Figure:
    """Two thin ranges of mass: f along the first principal component, and the power of their fields."""
    lowest = float(judge.halo_mass.min())
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.6))
    for axis, (name, low, high) in zip(axes, (("low", 1.0, 2.2), ("high", 3.7, 11.0)), strict=False):
        keys = {"lowest_mass": low * lowest, "highest_mass": high * lowest}
        bias = models.trained(f"thin-{name}", FOUR, radii=models.radii("3R"), **keys)
        inputs = bias.inputs.of_field(judge.linear, judge.box_size)
        _, directions = principal_components(bias.function, inputs)
        axis.plot(*curve(inputs @ directions[0].astype(np.float32), evaluate(bias.function, inputs), 60))
        axis.set(xlabel="PC0", ylabel=r"$f$", title=f"{low * lowest:.2g} to {high * lowest:.2g} M$_\\odot/h$")
        draw_ratio(axes[2], judge, bias, name)
    ratio_axis(axes[2])
    axes[2].legend()
    return figure


def figure_9(models: Models, judge: Judge) -> Figure:
    """Loss by epoch of the label loss and of the cell loss, for one and three scales, and the power of each."""
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.6))
    for name, colour in (("1R", CYCLE[0]), ("3R", CYCLE[1])):
        labels = models.trained(f"{name}-one-universe", [0], radii=models.radii(name))
        cells = models.trained(f"{name}-cells", [0], radii=models.radii(name), losses=["cells"])
        draw_losses(axes[0], labels, f"{name}, labels", colour)
        draw_losses(axes[1], cells, f"{name}, cells", colour)
        draw_ratio(axes[2], judge, labels, f"{name}, labels", color=colour)
        draw_ratio(axes[2], judge, cells, f"{name}, cells", color=colour, ls="--")
    axes[1].set_yscale("log")
    ratio_axis(axes[2])
    for axis in axes:
        axis.legend()
    return figure


def draw_losses(axis: Axes, bias: LagrangianBias, label: str, colour: str) -> None:
    """The mean loss of every epoch, of every member."""
    for number, losses in enumerate(bias.card["training"]["losses"].values()):
        axis.plot(np.arange(1, len(losses) + 1), losses, color=colour, lw=0.8, label="" if number else label)
    axis.set(xlabel="epoch", ylabel="loss")


def figure_10(models: Models, judge: Judge) -> Figure:
    """A slice of the halo field, and differences between models."""
    names = ("3R", "3R coarse", "3R + 11.3")
    fields = [judge.field(models.trained(name, FOUR, radii=models.radii(name))) for name in names]
    truth = judge.truth(models.trained("3R", FOUR, radii=models.radii("3R")))
    cells = max(1, round(10 / judge.box_size * len(truth)))
    pictures = {
        "halos": truth,
        "3R - halos": fields[0] - truth,
        "3R coarse - 3R": fields[1] - fields[0],
        "3R + 11.3 - 3R": fields[2] - fields[0],
    }
    figure, axes = plt.subplots(1, 4, figsize=(PAGE, 2.2))
    for axis, (title, field) in zip(axes, pictures.items(), strict=True):
        limit = 8.0 if title == "halos" else 4.0 if "halos" in title else 1.0
        extent = (0, judge.box_size, 0, judge.box_size)
        image = axis.imshow(field[:, :, :cells].mean(axis=2).T, extent=extent, cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(image, ax=axis, shrink=0.6)
        axis.set_title(title)
    axes[0].set(xlabel=r"$x$ [Mpc/$h$]", ylabel=r"$y$ [Mpc/$h$]")
    return figure


def figure_11(models: Models, judge: Judge) -> Figure:
    """Loss by epoch and power of five fine scales, and of two components of them."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(2 * COLUMN, 2.6))
    everything = models.trained("5R fine", FOUR, radii=models.radii("5R fine"))
    for bias, label, colour in (
        (everything, "all inputs", CYCLE[6]),
        (reduced(models, "5R fine"), "two components", CYCLE[1]),
    ):
        draw_losses(left, bias, label, colour)
        draw_ratio(right, judge, bias, label, color=colour)
    ratio_axis(right)
    left.legend()
    right.legend()
    return figure


if __name__ == "__main__":
    main()
