"""The label loss of a Lagrangian bias: which particles end in halos, one by one.

With t the weight that a particle brings to the halos (mean one), the mean of f - t ln f is least where f is the
conditional mean of t given the inputs, whose mean over all particles is one too: a Poisson likelihood. The same loss
with f of another network for t distils that network into this one.
"""

from collections.abc import Sequence

import numpy as np
import torch

from lss.nets.perceptron import Perceptron, ratio, wall
from lss_train.training.lagrangian_bias.descent import Descent

LN10 = 2.302585092994046
WARM_UP = 0.02  # share of the training over which the rate rises


def label_descent(
    inputs: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    batch: int,
    epochs: int,
    learning_rate: float,
    seed: int,
) -> Descent:
    """The work of the label loss on particles of several universes, in batches of a new random order each epoch.

    inputs : (m, d) float32 of each universe; targets : (m,) float32, t
    """
    x, t = torch.from_numpy(np.concatenate(inputs)), torch.from_numpy(np.concatenate(targets))

    def batches(epoch: int) -> Sequence[torch.Tensor]:
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        return torch.randperm(len(x), generator=generator).split(batch)

    def backward(network: Perceptron, rows: torch.Tensor, _epoch: int) -> float:
        y = network(x[rows])
        loss = label_loss(y, t[rows]) + wall(y)
        loss.backward()
        return loss.item()

    def rate(done: float) -> float:
        return learning_rate * min(1.0, (done + 1e-4) / WARM_UP) * 0.5 * (1 + np.cos(np.pi * done))

    return Descent(batches, backward, rate, epochs)


def label_loss(y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The mean of f - t ln f of particles, y = log10 f."""
    return (ratio(y) - t * (LN10 * y)).mean()
