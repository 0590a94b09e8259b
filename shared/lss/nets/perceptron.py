"""The network of a Lagrangian bias: a perceptron for log10 of the halo-to-mass ratio f of a particle.

f = 10^y is never negative; a wall keeps y from falling so far that its gradient vanishes. Several trainings of one
architecture are averaged as fields: f is the mean of theirs.
Source: Wu, Munoz & Eisenstein 2023 (JCAP 05, 040), section 2.1: 5 layers of 64 with GeLU, 5 trainings.
"""

import itertools
from typing import ClassVar, cast

import torch
from torch import nn
from torch.nn import functional

WALL = -5.0  # log10 f below which the penalty rises
CHUNK = 1 << 14  # particles at a time: what the layers hold then stays in the cache


class Perceptron(nn.Module):
    """log10 f of each particle's inputs.

    inputs : numbers a particle; width : of each of the hidden layers; layers : how many of those
    Maps (m, inputs) float32 to (m,) float32.
    """

    def __init__(self, inputs: int, width: int = 64, layers: int = 5) -> None:
        super().__init__()
        sizes = [inputs] + [width] * layers
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.last = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.hidden:
            x = functional.gelu(layer(x))
        return self.last(x)[:, 0]


class Perceptrons(nn.Module):
    """f of each particle: the mean over trainings of 10^y, (m, inputs) to (m,) float32."""

    LARGEST: ClassVar = {"inputs": 1024, "width": 4096, "layers": 64, "members": 64}

    def __init__(self, inputs: int, width: int = 64, layers: int = 5, members: int = 1) -> None:
        super().__init__()
        self.members = nn.ModuleList(Perceptron(inputs, width, layers) for _ in range(members))

    def member(self, number: int) -> Perceptron:
        """One of the networks."""
        return cast(Perceptron, self.members[number])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([ratio(member(x)) for member in self.members]).mean(dim=0)


def ratio(y: torch.Tensor) -> torch.Tensor:
    """f = 10^y."""
    return torch.exp(y * 2.302585092994046)


def wall(y: torch.Tensor) -> torch.Tensor:
    """The mean penalty (y + 5)^4 of the particles whose y is below -5."""
    return (WALL - y).clamp(min=0).pow(4).mean()
