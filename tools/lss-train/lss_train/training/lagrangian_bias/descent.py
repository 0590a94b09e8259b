"""Adam on a Lagrangian bias: the loop of its three losses, and the derivative of f through a network in chunks."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lss.errors import LssError, Stopped
from lss.files.restart import Restart
from lss.nets.perceptron import CHUNK, Perceptron, ratio, wall
from lss.process import interrupt
from lss.process.progress import progress
from lss.universe import Group
from lss_train.training.state import as_arrays, restore, weights_of

log = logging.getLogger("lss.train")


@dataclass(frozen=True)
class Descent:
    """What one loss asks of the loop.

    batches : epoch (from 0) -> the batches of that epoch; backward : network, batch, epoch -> the loss, its gradient
    being added to the network's; rate : share of the training that is done -> learning rate
    """

    batches: Callable[[int], Iterable[Any]]
    backward: Callable[[Perceptron, Any, int], float]
    rate: Callable[[float], float]
    epochs: int


def descend(network: Perceptron, work: Descent, restart: Restart, name: str) -> list[float]:
    """Train to the end; returns the mean loss of every epoch.

    The state is kept after every epoch: a run that is stopped and resumed makes the same updates.
    Raises Stopped, LssError if the loss is not finite.
    """
    optimizer = torch.optim.Adam(network.parameters())
    losses: list[float] = []
    state = restart.load(name)
    updates = 0
    if state is not None:
        losses, updates = state.data["losses"].tolist(), int(state.attrs["updates"])
        restore(state.data, network, optimizer, updates)
    with progress(name, work.epochs, len(losses)) as bar:
        for epoch in range(len(losses), work.epochs):
            batches = list(work.batches(epoch))
            total = 0.0
            for number, batch in enumerate(batches):
                if interrupt.requested():
                    raise Stopped(f"stopped in epoch {epoch + 1} of {work.epochs} of {name}; --resume goes on from it")
                rate = work.rate((epoch + number / len(batches)) / work.epochs)
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
                loss = work.backward(network, batch, epoch)
                if not np.isfinite(loss):
                    raise LssError(f"{name}: the loss is {loss} in epoch {epoch + 1}; lower the learning rate")
                optimizer.step()
                updates += 1
                total += loss
            losses.append(total / len(batches))
            data = as_arrays(network, optimizer, weights_of(network)) | {"losses": np.array(losses)}
            restart.save(name, Group(data, {"updates": updates}))
            bar.update(1, f"loss {losses[-1]:.5g}")
            log.info("%s, epoch %d of %d: loss %.5g", name, epoch + 1, work.epochs, losses[-1])
    return losses


def chunked_ratios(network: Perceptron, inputs: torch.Tensor) -> torch.Tensor:
    """f of every row, (m,) float32, without a gradient."""
    with torch.no_grad():
        return torch.cat([ratio(network(part)) for part in inputs.split(CHUNK)])


def pull_back(network: Perceptron, inputs: torch.Tensor, gradient: torch.Tensor, wall_weight: float) -> None:
    """Add to the network's gradient that of sum(gradient f) + wall_weight times the wall, chunk by chunk.

    gradient : (m,) float32, dL/df. Large batches then cost no more memory, nor time per particle, than small ones.
    """
    count = len(inputs)
    for part, slope in zip(inputs.split(CHUNK), gradient.split(CHUNK), strict=True):
        y = network(part)
        ((slope * ratio(y)).sum() + wall_weight * len(part) / count * wall(y)).backward()
