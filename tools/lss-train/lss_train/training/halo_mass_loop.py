"""Training of a halo-mass network: AMSGrad, a likelihood and priors on the weights, early stopping."""

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from lss.errors import LssError
from lss.files.restart import Restart
from lss.nets.checkpoint import Card
from lss.nets.truncated_cauchy import cauchy_loss, truncated_mean
from lss.process import interrupt
from lss.universe import Group
from lss_train.data.particle_batches import Batch, Batches
from lss_train.training.halo_mass_settings import Settings
from lss_train.training.journal import Journal
from lss_train.training.state import Weights, as_arrays, restore, weights_of
from lss_train.training.weight_priors import weight_priors

SAVE_EVERY = 100  # updates
MEMBERSHIP = 0.3  # weight of the cross-entropy of membership beside the loss of the mass
WARM_UP = 0.05  # of the updates, over which a cosine schedule rises
GRADIENT_LIMIT = 1.0  # norm


@dataclass
class Run:
    """Where a training stands, beside the weights and the moments."""

    update: int = 0
    seconds: float = 0.0  # wall
    cpu_seconds: float = 0.0
    loss_sum: float = 0.0  # since the last validation
    waited: int = 0  # validations since the best
    best_loss: float = math.inf
    best_update: int = 0
    best: Weights = field(default_factory=dict)
    figures: Card = field(default_factory=dict)  # of the best


def fit(
    network: Any, batches: Batches, settings: Settings, restart: Restart, journal_path: Path | None, device: str
) -> Run:
    """Train a network and return the run, with the weights of the lowest validation loss.

    Raises Stopped, with everything saved, when the program was asked to end; LssError if the loss is not finite.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, amsgrad=True)
    run = _load(restart, network, optimizer)
    begun, spent = time.process_time(), run.cpu_seconds
    with Journal(journal_path, run.update, settings.updates, run.seconds) as journal:
        while run.update < settings.updates and run.waited < settings.patience:
            rate = learning_rate(run.update, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = total_loss(network, batches.drawn(run.update), settings, device)
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_LIMIT)
            optimizer.step()
            run.update, run.loss_sum = run.update + 1, run.loss_sum + loss.item()
            if not math.isfinite(run.loss_sum):
                raise LssError(f"the loss is not finite at update {run.update}; lower [train.halo_mass] learning_rate")
            gamma = network.log_gamma.exp().item()
            since = (run.update - 1) % settings.every + 1
            round_number = (run.update - 1) // settings.every + 1
            journal.update(round_number, run.update, loss.item(), run.loss_sum / since, rate, norm.item(), gamma=gamma)
            run.seconds, run.cpu_seconds = journal.seconds, spent + time.process_time() - begun
            if run.update % settings.every == 0 or run.update == settings.updates:
                value, figures = validate(network, batches.validation(), settings, device)
                figure = f"r {figures['r']:.3f}, rms {figures['rms_dex']:.3f} dex"
                journal.epoch(round_number, run.update, run.loss_sum / since, value, figure, rate)
                run.loss_sum, run.waited = 0.0, run.waited + 1
                if value < run.best_loss:
                    run.best_loss, run.best_update, run.waited, run.figures = value, run.update, 0, figures
                    run.best = weights_of(network)
            if interrupt.requested():
                _save(restart, run, network, optimizer)
                raise restart.stopped(f"stopped at update {run.update} of {settings.updates}")
            if run.update % SAVE_EVERY == 0:
                _save(restart, run, network, optimizer)
    return run


def learning_rate(update: int, settings: Settings) -> float:
    """The rate of update `update` (from 0): the same always, or a rise and then a cosine to zero."""
    if settings.schedule == "constant":
        return settings.learning_rate
    rise = min(1.0, (update + 1) / max(1.0, WARM_UP * settings.updates))
    return settings.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * update / settings.updates))


def total_loss(network: Any, batch: Batch, settings: Settings, device: str) -> torch.Tensor:
    """Mean loss of a batch, with the cross-entropy of membership (dense) or the priors on the weights (else)."""
    with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=settings.precision == "bfloat16"):
        output = network(batch.shown.to(device)).float()
    if batch.used is None or batch.member is None:
        loss = mass_loss(output, batch.d.to(device), network, settings.loss).mean()
        return loss + settings.prior * weight_priors(network) if settings.prior else loss
    used, member = batch.used.to(device), batch.member.to(device).float()
    mass = mass_loss(output[:, 0][used], batch.d.to(device)[used], network, settings.loss).mean()
    return mass + MEMBERSHIP * functional.binary_cross_entropy_with_logits(output[:, 1], member)


def mass_loss(y: torch.Tensor, d: torch.Tensor, network: Any, loss: str) -> torch.Tensor:
    """Of each particle: -ln p of the truncated Cauchy distribution, or the squared error."""
    if loss == "cauchy":
        return cauchy_loss(y, d, network.log_gamma.exp())
    return (y - d).square()


@torch.inference_mode()
def validate(network: Any, validation: list[Batch], settings: Settings, device: str) -> tuple[float, Card]:
    """The loss without priors over the validation universes, and figures of the predicted masses.

    Returns the loss and {"r", "rms_dex", "gamma"}, of a dense network also cross-entropy and accuracy of membership.
    """
    network.eval()
    losses, predicted, true, entropies, right = [], [], [], [], []
    for batch in validation:
        output, d = network(batch.shown.to(device)).float(), batch.d.to(device)
        if batch.used is not None and batch.member is not None:
            used, member, logit = batch.used.to(device), batch.member.to(device), output[:, 1]
            entropies.append(functional.binary_cross_entropy_with_logits(logit, member.float()).item())
            right.append(((logit > 0) == member).float().mean().item())
            output, d = output[:, 0][used], d[used]
        losses.append(mass_loss(output, d, network, settings.loss))
        y = truncated_mean(output, network.log_gamma.exp()) if settings.loss == "cauchy" else output
        predicted.append(y)
        true.append(d)
    network.train()
    loss = torch.cat(losses).mean().item() + (MEMBERSHIP * float(np.mean(entropies)) if entropies else 0.0)
    said, known = torch.cat(predicted).cpu().numpy(), torch.cat(true).cpu().numpy()
    low, high = np.log10(settings.mass_range)
    figures = {
        "r": float(np.corrcoef(said, known)[0, 1]) if said.std() > 0 else 0.0,
        "rms_dex": float(np.sqrt(np.mean((said - known) ** 2)) * (high - low) / 2),
        "gamma": network.log_gamma.exp().item(),
    }
    if entropies:
        figures |= {"membership_entropy": float(np.mean(entropies)), "membership_accuracy": float(np.mean(right))}
    return loss, figures


def _save(restart: Restart, run: Run, network: Any, optimizer: torch.optim.Optimizer) -> None:
    """Keep everything that the next update depends on."""
    data = as_arrays(network, optimizer, run.best)
    data["figures"] = np.frombuffer(json.dumps(run.figures).encode(), np.uint8)
    attrs = {key: value for key, value in vars(run).items() if isinstance(value, int | float)}
    restart.save("training", Group(data, attrs))


def _load(restart: Restart, network: Any, optimizer: torch.optim.Optimizer) -> Run:
    """The run that `_save` kept, with network and optimizer brought to where they stood; else a new one."""
    state = restart.load("training")
    if state is None:
        return Run()
    run = Run(**state.attrs, figures=json.loads(state.data["figures"].tobytes()))
    run.best = restore(state.data, network, optimizer, run.update)
    return run
