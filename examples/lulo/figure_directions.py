"""LULO Fig. 3: python figure_directions.py OUTPUT.png PAIRS.safetensors TRAINING_SET.h5 ESTIMATOR

r(k) of a predicted with the true difference of the initial conditions, mean and scatter over validation pairs: by the
network of pairs, and as the difference of two estimates.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from lss.grid.comparison import K80
from lss.grid.spectra import measure
from lss.learned import estimator
from lss.nets.checkpoint import Card, load_network
from lss.physics.random_field import white_noise_of
from lss_stats.figures.style import BLACK, BLUE, COLUMN, VERMILION, save, styled
from lss_train.config import Train
from lss_train.data.examples import split
from lss_train.data.optimizer_examples import OptimizerModel
from lss_train.data.universes import TrainingSet, read_training_set

TICKS = (0.1, 0.3, 1)  # h/Mpc


def by_pairs(checkpoint: str, universes: TrainingSet, pairs: list[tuple[int, ...]]) -> np.ndarray:
    """r(k) of every pair with N(d_a - d_b), (pairs, shells)."""
    network, card = load_network(checkpoint, "optimizer")
    model = of_card(card, universes)
    found = []
    for a, b in pairs:
        difference = torch.from_numpy(model.fields(a, a) - model.fields(b, a))
        with torch.inference_mode():
            predicted = network(difference[None, :-1])[0, 0].numpy()
        found.append(correlation(predicted, difference[-1].numpy(), universes))
    return np.array(found)


def of_card(card: Card, universes: TrainingSet) -> OptimizerModel:
    """What a network of pairs was shown, for these universes."""
    training = {name: value for name, value in card["training"].items() if name in Train.model_fields}
    return OptimizerModel(universes, Train(**training), {"fields": card["inputs"]["channels"]})


def by_estimate(checkpoint: str, universes: TrainingSet, pairs: list[tuple[int, ...]]) -> np.ndarray:
    """r(k) of every pair with A(d_a) - A(d_b), (pairs, shells); no filter in k changes it."""
    network, (size, n) = estimator.load(checkpoint), (universes.box.size, universes.box.n)

    def white(i: int) -> np.ndarray:
        linear = network.estimate(*universes.halos(i), n, size, universes.velocities(i))
        return white_noise_of(linear, universes.cosmology, size)

    return np.array(
        [correlation(white(a) - white(b), universes.noise(a) - universes.noise(b), universes) for a, b in pairs]
    )


def correlation(predicted: np.ndarray, true: np.ndarray, universes: TrainingSet) -> np.ndarray:
    """r(k) of two fields."""
    return measure([predicted, true], universes.box.size).correlation(0, 1)


def main(output: str, pairs_network: str, training_set: str, estimator_network: str) -> None:
    """Draw the figure, and print where the means fall through 0.8 and 0.5."""
    universes = read_training_set([Path(training_set)])
    _, card = load_network(pairs_network, "optimizer")
    _, kept_back = split(universes, card["training"]["validation"])
    pairs = of_card(card, universes).examples(kept_back)
    k = measure([universes.noise(0)], universes.box.size).k
    curves = {
        "network of pairs": (by_pairs(pairs_network, universes, pairs), VERMILION),
        "difference of estimates": (by_estimate(estimator_network, universes, pairs), BLUE),
    }
    validation = card["validation"]
    with styled():
        figure, axis = plt.subplots(figsize=(COLUMN, 2.6))
        for name, (r, colour) in curves.items():
            mean, scatter = r.mean(axis=0), r.std(axis=0)
            axis.fill_between(k, mean - scatter, mean + scatter, color=colour, alpha=0.2, lw=0)
            axis.plot(k, mean, color=colour, label=name)
        axis.axhline(K80, color=BLACK, lw=0.5, ls=(0, (4, 4)))
        axis.set(xscale="log", xlim=(k[0], np.pi * universes.box.n / universes.box.size), ylim=(-0.1, 1.02))
        axis.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axis.xaxis.set_minor_formatter("")
        axis.set(xlabel="k [h/Mpc]", ylabel="r(k) of predicted and true difference")
        axis.legend(loc="lower left", title=f"{len(pairs)} validation pairs", title_fontsize=6.5)
        cosines = f"cosine {validation['cosine']:.3f}\nsmoothed {validation['cosine_smoothed']:.3f}"
        place = {"transform": axis.transAxes, "ha": "right", "va": "top", "fontsize": 6.5}
        axis.text(0.97, 0.95, f"network of pairs:\n{cosines}", **place)
        save(figure, Path(output))


if __name__ == "__main__":
    main(*sys.argv[1:])
