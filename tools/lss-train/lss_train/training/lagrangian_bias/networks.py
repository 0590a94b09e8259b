"""The networks of a Lagrangian bias from their first weights to the f that is kept."""

from collections.abc import Sequence

import numpy as np
import torch

from lss.errors import ConfigError
from lss.files.restart import Restart
from lss.learned.lagrangian_bias import Inputs, LagrangianBias, evaluate, principal_components
from lss.nets.checkpoint import Card
from lss.nets.perceptron import Perceptron, Perceptrons
from lss_train.data.bias_universes import BiasUniverse
from lss_train.training.lagrangian_bias.cells import cell_descent
from lss_train.training.lagrangian_bias.descent import Descent, descend
from lss_train.training.lagrangian_bias.labels import label_descent
from lss_train.training.lagrangian_bias.modes import mode_descent
from lss_train.training.lagrangian_bias.settings import Settings

FIRST_Y = -0.5  # log10 f of an untrained network: most particles end in no halo


def train_networks(
    universes: Sequence[BiasUniverse],
    inputs: Inputs,
    settings: Settings,
    initial: LagrangianBias | None,
    seed: int,
    restart: Restart,
) -> tuple[Perceptrons, Card, Inputs, Card]:
    """Train the members, average them, and distil them if asked to.

    Returns f, its architecture, its inputs, and what the card keeps of the training: the losses by epoch of every stage
    and the eigenvalues of principal components.
    """
    kept: Card = {}
    if initial is not None and settings.components:
        original = inputs
        inputs, kept = rotated_inputs(initial, universes, settings.components)
        universes = [universe.seen_through(inputs, original) for universe in universes]
        initial = None
    sizes = {"inputs": len(inputs.matrix), "width": settings.width, "layers": settings.layers}
    network = Perceptrons(**sizes, members=settings.members)
    if initial is not None:
        _begin(network, initial)
    small = settings.distil
    stages = [loss for loss in settings.losses if small is None or loss != "modes"]
    losses: dict[str, list[float]] = {}
    for number in range(settings.members):
        torch.manual_seed(seed * 1000 + number)
        if initial is None:
            network.members[number] = untrained(**sizes)
        for loss in stages:
            name = f"{loss}-{number}"
            work = _work(loss, universes, settings, seed * 100 + number)
            losses[name] = descend(network.member(number), work, restart, name)
    if small is not None:
        network, sizes = _distilled(network, universes, settings, small, seed, restart, losses)
        if "modes" in settings.losses:
            losses["modes-distilled"] = descend(
                network.member(0), _work("modes", universes, settings, seed), restart, "modes-distilled"
            )
    architecture = {"kind": "perceptrons", **sizes, "members": len(network.members)}
    figures = {"losses": {name: [round(value, 6) for value in values] for name, values in losses.items()}}
    return network.eval(), architecture, inputs, figures | kept


def untrained(inputs: int, width: int, layers: int) -> Perceptron:
    """A network of random weights whose f is small for most particles."""
    network = Perceptron(inputs, width, layers)
    torch.nn.init.constant_(network.last.bias, FIRST_Y)
    return network


def rotated_inputs(initial: LagrangianBias, universes: Sequence[BiasUniverse], components: int) -> tuple[Inputs, Card]:
    """The leading principal components of grad f of a trained network as inputs, and their eigenvalues.

    Raises ConfigError if it has fewer inputs.
    """
    if components > len(initial.inputs.matrix):
        raise ConfigError(
            f"[train.lagrangian_bias] components = {components}: {initial.source} has"
            f" {len(initial.inputs.matrix)} inputs"
        )
    values, axes = principal_components(initial.function, np.concatenate([u.inputs for u in universes]))
    return initial.inputs.rotated(axes[:components]), {"eigenvalues": values.round(6).tolist()}


def _begin(network: Perceptrons, initial: LagrangianBias) -> None:
    """Raises ConfigError for another architecture."""
    try:
        network.load_state_dict(initial.function.state_dict())
    except RuntimeError:
        raise ConfigError(
            f"[train] initial = '{initial.source}': a network of {initial.card['architecture']}, not of the sizes of"
            " [train.lagrangian_bias]"
        ) from None


def _work(loss: str, universes: Sequence[BiasUniverse], settings: Settings, seed: int) -> Descent:
    if loss == "labels":
        return label_descent(
            [universe.inputs for universe in universes],
            [universe.known_occupation for universe in universes],
            batch=settings.label_batch,
            epochs=settings.label_epochs,
            learning_rate=settings.label_rate,
            seed=seed,
        )
    if loss == "cells":
        return cell_descent(
            universes,
            cell=settings.cell,
            scheme=settings.assignment,
            batch=settings.cell_batch,
            epochs=settings.cell_epochs,
            learning_rate=settings.cell_rate,
            constraint=settings.constraint,
            seed=seed,
        )
    return mode_descent(
        universes, k_max=settings.k_max, updates=settings.mode_updates, learning_rate=settings.mode_rate
    )


def _distilled(
    teacher: Perceptrons,
    universes: Sequence[BiasUniverse],
    settings: Settings,
    sizes: tuple[int, int],
    seed: int,
    restart: Restart,
    losses: dict[str, list[float]],
) -> tuple[Perceptrons, dict[str, int]]:
    """One smaller network that learns the mean f of the members, by the label loss."""
    width, layers = sizes
    shape = {"inputs": universes[0].inputs.shape[1], "width": width, "layers": layers}
    torch.manual_seed(seed * 1000 + 999)
    student = Perceptrons(**shape)
    student.members[0] = untrained(**shape)
    work = label_descent(
        [universe.inputs for universe in universes],
        [evaluate(teacher, universe.inputs) for universe in universes],
        batch=settings.label_batch,
        epochs=settings.label_epochs,
        learning_rate=settings.label_rate,
        seed=seed,
    )
    losses["distilled"] = descend(student.member(0), work, restart, "distilled")
    return student, shape
