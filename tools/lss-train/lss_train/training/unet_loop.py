"""The training loop of a U-Net, whatever it is shown."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from lss.errors import LssError
from lss.files.restart import Restart
from lss.nets.checkpoint import Card
from lss.nets.symmetries import transformed
from lss.nets.unet import UNet
from lss.process import interrupt
from lss.universe import Group
from lss_train.config import Train
from lss_train.data.examples import Example, Examples, UNetModel
from lss_train.training.distributed import ALONE, Processes
from lss_train.training.journal import Journal
from lss_train.training.schedule import Plateau, learning_rate
from lss_train.training.state import Weights, as_arrays, restore, weights_of

SAVE_EVERY = 100  # updates


@dataclass
class Run:
    """Where a training stands, beside the weights and AdamW's moments."""

    epoch: int = 0
    step: int = 0  # updates of this epoch
    update: int = 0  # updates in all
    loss_sum: float = 0.0  # of this epoch
    seconds: float = 0.0
    plateau: Plateau = field(default_factory=Plateau)
    best_loss: float = math.inf
    best_epoch: int = 0
    best: Weights = field(default_factory=dict)
    figures: Card = field(default_factory=dict)  # of the best


def fit_unet(
    network: UNet,
    model: UNetModel,
    examples: Examples,
    training: list[Example],
    validation: list[Example],
    settings: Train,
    restart: Restart,
    journal_path: Path | None,
    processes: Processes = ALONE,
) -> Run:
    """Train a network and return the run, with the weights that did best on the validation examples.

    The order of the examples and their symmetries follow from (seed, epoch): a run that is stopped and resumed makes
    the same updates, to the bit, as one that is not. Of several processes each works on its share of every batch.
    Raises Stopped, with everything saved, when the program was asked to end; LssError if the loss is not finite.
    """
    device = next(network.parameters()).device
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, betas=settings.betas, weight_decay=settings.weight_decay
    )
    run = _load(restart, network, optimizer)
    updates = settings.epochs * math.ceil(len(training) / settings.batch)
    with Journal(journal_path, run.update, updates, run.seconds) as journal:
        while run.epoch < settings.epochs:
            for batch in batches(training, settings.batch, settings.seed, run.epoch, model.symmetries)[run.step :]:
                rate = learning_rate(run.update, updates, settings, run.plateau)
                shown = [transformed(examples[one], symmetry) for one, symmetry in processes.share(batch)]
                fields = torch.stack(shown).to(device) if shown else None
                loss, norm = _descend(network, optimizer, fields, settings, rate, len(batch), processes)
                run.step, run.update, run.loss_sum = run.step + 1, run.update + 1, run.loss_sum + loss
                if not math.isfinite(run.loss_sum):
                    raise LssError(f"the loss is not finite at update {run.update}; lower [train] learning_rate")
                journal.update(run.epoch + 1, run.update, loss, run.loss_sum / run.step, rate, norm)
                run.seconds = journal.seconds
                if processes.sum(float(interrupt.requested())):
                    _save(restart, run, network, optimizer)
                    raise restart.stopped(f"stopped at update {run.update} of {updates}")
                if run.update % SAVE_EVERY == 0:
                    _save(restart, run, network, optimizer)

            loss_now, figures = validate(network, model, examples, validation, settings.loss)
            loss_now = processes.of_the_first(loss_now)
            if loss_now < run.best_loss:
                run.best_loss, run.best_epoch, run.figures = loss_now, run.epoch + 1, figures
                run.best = weights_of(network)
            rate = learning_rate(run.update - 1, updates, settings, run.plateau)
            journal.epoch(run.epoch + 1, run.update, run.loss_sum / run.step, loss_now, model.headline(figures), rate)
            run.plateau.observe(loss_now)
            run.epoch, run.step, run.loss_sum, run.seconds = run.epoch + 1, 0, 0.0, journal.seconds
            _save(restart, run, network, optimizer)
    return run


def _descend(
    network: UNet,
    optimizer: torch.optim.AdamW,
    fields: torch.Tensor | None,
    settings: Train,
    rate: float,
    size: int,
    processes: Processes,
) -> tuple[float, float]:
    """One update of the weights on a batch of inputs and targets; its loss, and the norm of the gradient.

    fields : this process's share of the batch, none if it has none; size : examples of the whole batch
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss, weight = 0.0, 0.0
    if fields is not None:
        with torch.autocast(fields.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            estimate = network(fields[:, :-1])
        own = LOSSES[settings.loss](estimate.float(), fields[:, -1:])
        own.backward()
        loss, weight = own.item(), len(fields) / size
    processes.sum_gradients(network, weight)
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_limit)
    optimizer.step()
    return processes.sum(loss * weight), norm.item()


def batches(
    training: list[Example], size: int, seed: int, epoch: int, symmetries: Sequence[int]
) -> list[list[tuple[Example, int]]]:
    """The examples of an epoch in their order, each with one of the symmetries of the cube, cut into batches."""
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(training))
    symmetry = random.integers(len(symmetries), size=len(training))
    shown = [(training[i], symmetries[s]) for i, s in zip(order, symmetry, strict=True)]
    return [shown[first : first + size] for first in range(0, len(shown), size)]


def validate(
    network: UNet, model: UNetModel, examples: Examples, validation: list[Example], loss: str
) -> tuple[float, Card]:
    """Mean loss over the validation examples, as they are, and the model's figures of its estimates."""
    device = next(network.parameters()).device
    losses, pairs = [], []
    with torch.inference_mode():
        for example in validation:
            fields = examples[example][None].to(device)
            estimate = network(fields[:, :-1])
            losses.append(LOSSES[loss](estimate, fields[:, -1:]).item())
            pairs.append((fields[0, -1].cpu().numpy(), estimate[0, 0].cpu().numpy()))
    return float(np.mean(losses)), model.figures(pairs)


def cosine_loss(estimate: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 - cosine of the angle between two fields over the whole box, mean over the batch (LULO Eq. 12)."""
    return 1 - functional.cosine_similarity(estimate.flatten(1), target.flatten(1), dim=1).mean()


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mse": functional.mse_loss,
    "cosine": cosine_loss,
    "hybrid": lambda estimate, target: functional.mse_loss(estimate, target) + cosine_loss(estimate, target),
}


def _save(restart: Restart, run: Run, network: UNet, optimizer: torch.optim.AdamW) -> None:
    """Keep everything that the next update depends on."""
    data = as_arrays(network, optimizer, run.best)
    data["figures"] = np.frombuffer(json.dumps(run.figures).encode(), np.uint8)
    attrs = {key: value for key, value in vars(run).items() if isinstance(value, int | float)}
    restart.save("training", Group(data, attrs | {f"plateau_{key}": v for key, v in vars(run.plateau).items()}))


def _load(restart: Restart, network: UNet, optimizer: torch.optim.AdamW) -> Run:
    """The run that `_save` kept, with the network and the optimizer brought to where it stood; else a new one."""
    state = restart.load("training")
    if state is None:
        return Run()
    plateau = {key.removeprefix("plateau_"): v for key, v in state.attrs.items() if key.startswith("plateau_")}
    attrs = {key: value for key, value in state.attrs.items() if not key.startswith("plateau_")}
    run = Run(**attrs, plateau=Plateau(**plateau), figures=json.loads(state.data["figures"].tobytes()))
    run.best = restore(state.data, network, optimizer, run.update)
    return run
