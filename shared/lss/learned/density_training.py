"""Learn the density of summaries, p(x | theta), from simulations: see `lss.learned.conditional_density`."""

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lss.errors import DataError
from lss.learned.conditional_density import ConditionalDensity, Frame
from lss.learned.flows import Flows, build_flow, one_thread

if TYPE_CHECKING:
    import torch

log = logging.getLogger("lss.density")

FLOW_CPU_SECONDS = 5e-4  # per flow and simulation, for one training
BATCHES = 10  # an epoch has no more updates than this, however many simulations there are


def fit(
    theta: np.ndarray, x: np.ndarray, settings: Flows, seed: int | Sequence[int], names: Sequence[str]
) -> ConditionalDensity:
    """Learn p(x | theta) from simulations.

    theta : (m, p); x : (m, s); seed : of the first weights, the order and what is kept back; names : of the parameters
    Returns the ensemble; the same bits for the same arguments, on any number of threads.
    Raises DataError for values that are not finite, too few simulations, or degenerate summaries.
    """
    import torch

    theta, x = np.asarray(theta, np.float64), np.asarray(x, np.float64)
    if not (np.isfinite(theta).all() and np.isfinite(x).all()):
        raise DataError("parameters or summaries are not finite")
    frame = Frame.of(theta, x)
    random = np.random.default_rng(seed)
    order = random.permutation(len(x))
    kept_back = max(1, round(settings.validation * len(x)))
    u = torch.from_numpy(frame.summaries(x, theta)[order].astype(np.float32))
    context = torch.from_numpy(frame.parameters(theta)[order].astype(np.float32))
    examples = torch.cat([u, context], dim=1)
    members = [
        _train_flow(examples[kept_back:], examples[:kept_back], u.shape[1], settings, int(random.integers(2**62)))
        for _ in range(settings.members)
    ]
    flows, losses, epochs = zip(*members, strict=True)
    log.info("%d flows on %d simulations: validation loss %.3f to %.3f", len(flows), len(x), min(losses), max(losses))
    return ConditionalDensity(tuple(names), frame, settings, flows, losses, epochs)


def _train_flow(
    training: "torch.Tensor", validation: "torch.Tensor", summaries: int, settings: Flows, seed: int
) -> "tuple[torch.nn.Module, float, int]":
    """One flow, its lowest validation loss and the epoch of it.

    training, validation : (m, s + p), summaries first
    """
    import torch

    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        flow = build_flow(summaries, training.shape[1] - summaries, settings)
        optimizer = torch.optim.Adam(flow.parameters(), lr=settings.learning_rate)
        size = max(settings.batch, math.ceil(len(training) / BATCHES))
        lowest, best, best_epoch = math.inf, {}, 0
        for epoch in range(settings.epochs + 1):
            with torch.no_grad():
                loss = _loss(flow, validation, summaries).item()
            if loss < lowest:
                lowest, best_epoch = loss, epoch
                best = {name: tensor.clone() for name, tensor in flow.state_dict().items()}
            if epoch - best_epoch >= settings.patience:
                break
            for batch in training[torch.randperm(len(training))].split(size):
                optimizer.zero_grad()
                _loss(flow, batch, summaries).backward()
                optimizer.step()
    if not best:
        raise DataError("the density of the summaries has no finite likelihood: a few of them are far from all others")
    flow.load_state_dict(best)
    return flow.eval(), lowest, best_epoch


def _loss(flow: "torch.nn.Module", examples: "torch.Tensor", summaries: int) -> "torch.Tensor":
    """Mean of -ln p(u | theta)."""
    return -flow(examples[:, summaries:]).log_prob(examples[:, :summaries]).mean()
