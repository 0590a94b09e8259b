"""The figures of Lucie-Smith et al. 2020 from trained networks and the test universes: `make figures`."""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from lss.files.universe_file import read_universe
from lss.grid.subboxes import shell_averages, shell_numbers, subboxes
from lss.learned.halo_mass import HaloMass, load
from lss.universe import Group
from lss_stats.figures.halo_mass import draw_likelihood, draw_residuals
from lss_stats.figures.halos import draw_violins
from lss_stats.figures.style import COLUMN, PAGE, SUBJECT, VERMILION, save, styled
from lss_stats.likelihood import likelihood_slices
from lss_stats.measures.halo_mass import by_true_mass, places, residual_table
from lss_train.data.labelled import labelled

TEST, EACH, SEED = range(40, 60), 3000, 77


class Test:
    """Particles of the test universes and their true masses; `predicted` asks a network of them."""

    def __init__(self, folder: Path) -> None:
        self.networks, self.parts = folder / "networks", []
        for index in TEST:
            universe = read_universe(folder / "universes" / "pm" / f"{index:06d}.h5")
            one = labelled(universe, late=True)
            inside = one.in_range(self.network("raw").inputs.mass_range)
            points = np.sort(np.random.default_rng([SEED, index]).choice(inside, min(EACH, len(inside)), replace=False))
            place = places(universe.halos, universe.particles.position, universe.box.size)[points]
            self.parts.append((one, points, place, universe.box.size))
        self.true = np.concatenate([one.log_mass[points] for one, points, _, _ in self.parts])
        self.place = np.concatenate([place for _, _, place, _ in self.parts])

    def network(self, name: str) -> HaloMass:
        return load(self.networks / f"{name}.safetensors")

    def predicted(self, name: str) -> np.ndarray:
        model = self.network(name)
        return np.concatenate(
            [model.predict(one.linear, size, points, one.position)[0] for one, points, _, size in self.parts]
        )


def figure2(test: Test) -> Any:
    """Violins of the raw-density network, and its residuals in thirds of the masses by place in the halo."""
    mass = test.predicted("raw")
    figure, grid = plt.subplot_mosaic("AAA;BCD", figsize=(PAGE, 5.2), layout="constrained")
    draw_violins(grid["A"], Group(by_true_mass(mass, test.true)))
    grid["A"].set_title(f"raw density, r = {np.corrcoef(mass, test.true)[0, 1]:.3f}")
    draw_residuals([grid[name] for name in "BCD"], {"raw": residual_table(mass, test.true, test.place)})
    return figure


def figure3(test: Test) -> Any:
    """A sub-box and its shell averages; residuals of the networks trained on either, and with all multipoles."""
    figure, grid = plt.subplot_mosaic("EEAABB;CCDDFF", figsize=(PAGE, 5.0), layout="constrained")
    model = test.network("averaged")
    one, points, _, _ = test.parts[0]
    centre = np.stack(np.unravel_index(points[:1], one.linear.shape), axis=1)
    box = subboxes(one.linear[None], centre, model.inputs.side)
    shells = shell_numbers(model.inputs.side, *model.inputs.shell_range, model.inputs.shells)
    limit = np.abs(box).max()
    for name, shown, title in (
        ("A", box, "raw density"),
        ("B", shell_averages(box, shells, model.inputs.shells), "averaged density"),
    ):
        grid[name].imshow(shown[0, 0, model.inputs.side // 2], cmap="RdBu_r", vmin=-limit, vmax=limit)
        grid[name].set(title=title, xticks=[], yticks=[])
    draw_architecture(grid["E"], test.network("raw").card["architecture"])
    names = {"raw": "raw", "averaged": "averaged", "anisotropic": "l = 0, 1, 2"}
    tables = {words: residual_table(test.predicted(name), test.true) for name, words in names.items()}
    draw_residuals([grid[name] for name in "CDF"], tables)
    return figure


def draw_architecture(axis: Any, sizes: dict[str, Any]) -> None:
    """The layers of a sub-box network in words, from the input down."""
    side, lines = sizes["side"], [f"{sizes['inputs']} x {sizes['side']}$^3$"]
    for number, filters in enumerate(sizes["filters"]):
        pooled = number >= len(sizes["filters"]) - sizes["pooled"]
        side = -(-side // 2) if pooled else side
        lines.append(f"3$^3$ convolution{', pooling' if pooled else ''}: {filters} x {side}$^3$")
    lines += [f"dense: {width}" for width in (*sizes["widths"], 1)]
    for number, line in enumerate(lines):
        y = 1 - (number + 0.5) / len(lines)
        axis.text(0.5, y, line, ha="center", va="center", fontsize=6.5, bbox={"fc": "0.93", "ec": "0.6", "lw": 0.5})
    axis.axis("off")


def figure4(test: Test) -> Any:
    """Violins of the network of the late density."""
    mass = test.predicted("late")
    figure, axis = plt.subplots(figsize=(COLUMN, 2.8), layout="constrained")
    draw_violins(axis, Group(by_true_mass(mass, test.true)))
    axis.set_title(f"density at z = 0, r = {np.corrcoef(mass, test.true)[0, 1]:.3f}")
    return figure


def figure5(test: Test) -> Any:
    """The truth in slices of the raw network's output, against its likelihood."""
    model = test.network("raw")
    outputs = np.concatenate([model.outputs(one.linear, size, points) for one, points, _, size in test.parts])
    slices = likelihood_slices(outputs, model.inputs.rescaled(test.true), model.card["training"]["gamma"])
    figure, axes = plt.subplots(1, len(slices), figsize=(PAGE, 2.2), sharey=True, layout="constrained")
    draw_likelihood(axes, slices)
    return figure


def figure6(test: Test) -> Any:
    """Loss and gamma of the raw network, update by update."""
    path = test.networks / "raw.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    updates, rounds = ([line for line in lines if key in line] for key in ("gamma", "validation_loss"))
    figure, (loss, gamma) = plt.subplots(2, 1, figsize=(COLUMN, 3.6), sharex=True, layout="constrained")
    loss.plot([u["update"] for u in updates], [u["loss"] for u in updates], lw=0.4, color="0.6", label="a batch")
    loss.plot(
        [r["update"] for r in rounds], [r["mean_loss"] for r in rounds], "o-", ms=3, color=SUBJECT, label="training"
    )
    loss.plot(
        [r["update"] for r in rounds],
        [r["validation_loss"] for r in rounds],
        "s-",
        ms=3,
        color=VERMILION,
        label="validation",
    )
    limits = np.percentile([u["loss"] for u in updates], [0, 98])  # a batch beyond the walls dwarfs all others
    loss.set_ylim(limits[0] - 0.1 * np.ptp(limits), limits[1] + 0.1 * np.ptp(limits))
    best = test.network("raw").card["training"]["best_update"]
    gamma.plot([u["update"] for u in updates], [u["gamma"] for u in updates], color=SUBJECT)
    for axis, text in ((loss, "loss"), (gamma, r"$\gamma$")):
        axis.axvline(best, color="0.5", lw=0.7)
        axis.set_ylabel(text)
    gamma.set_xlabel("update")
    loss.legend()
    return figure


FIGURES = {"2": figure2, "3": figure3, "4": figure4, "5": figure5, "6": figure6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", choices=FIGURES)
    parser.add_argument("--folder", type=Path, required=True, help="with universes/pm and networks")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    with styled():
        save(FIGURES[arguments.number](Test(arguments.folder)), arguments.output)


if __name__ == "__main__":
    main()
