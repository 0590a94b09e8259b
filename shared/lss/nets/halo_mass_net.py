"""The networks that predict the mass of a particle's halo, rescaled to d in [-1, 1], with their learned scale gamma.

    SubboxNet        the paper's: convolutions and pooling of the cube about one particle, then dense layers
    DenseNet         a U-Net: mass and membership of every particle of a universe at once
    PerceptronNet    a perceptron of given numbers, or with no hidden layer a straight line

gamma is a parameter of the network, so that it is trained and kept with the weights; exp(log_gamma) stays positive.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from lss.nets.unet import UNet

LEAK = 0.03  # slope of LeakyReLU below zero
FIRST_GAMMA = 0.2
POOLING: dict[str, Callable[..., torch.Tensor]] = {"max": functional.max_pool3d, "mean": functional.avg_pool3d}


class SubboxNet(nn.Module):
    """The network of the paper for cubes of any odd side.

    inputs : channels; side : voxels; filters : of each 3^3 convolution; pooled : how many of them, the last ones, are
    followed by pooling over 2^3 voxels in ceil mode; widths : of the dense layers before the last
    pooling : "max" or "mean"
    Call with (b, inputs, side, side, side) float32; returns (b,).
    With the defaults, 2,108,258 parameters.
    Raises ValueError if fewer convolutions than `pooled` are asked for.
    Source: Lucie-Smith et al. 2020, Methods ("CNN architecture").
    """

    LARGEST: ClassVar = {
        "inputs": 16,
        "side": 255,
        "filters": [1024],
        "widths": [4096],
        "pooled": 16,
        "pooling": tuple(POOLING),
    }

    def __init__(
        self,
        inputs: int = 1,
        side: int = 75,
        filters: Sequence[int] = (32, 32, 64, 128, 128, 128),
        widths: Sequence[int] = (256, 128),
        pooled: int = 5,
        pooling: str = "max",
    ) -> None:
        super().__init__()
        if not 0 < pooled <= len(filters):
            raise ValueError(f"pooled = {pooled} of {len(filters)} convolutions")
        self.side, self._unpooled, self._pool = side, len(filters) - pooled, POOLING[pooling]
        self.convolutions = nn.ModuleList(
            nn.Conv3d(before, after, 3, padding=1) for before, after in itertools.pairwise((inputs, *filters))
        )
        for _ in range(pooled):
            side = -(-side // 2)
        self.dense = _dense_layers(filters[-1] * side**3, widths)
        for layer in (*self.convolutions, *self.dense):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.log_gamma = _log_gamma()
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, boxes: torch.Tensor) -> torch.Tensor:
        x = boxes.contiguous(memory_format=torch.channels_last_3d)
        for number, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if number >= self._unpooled:
                x = self._pool(x, 2, ceil_mode=True)
            x = functional.leaky_relu(x, LEAK)
        return _through(self.dense, x.flatten(1))


class DenseNet(nn.Module):
    """A U-Net with two outputs: the rescaled mass, and the logit of the probability of ending in a halo.

    inputs : channels; channels, levels : as `UNet`
    Call with (b, inputs, n, n, n) float32; returns (b, 2, n, n, n).
    """

    LARGEST: ClassVar = {"inputs": 16, "channels": 1024, "levels": 10}

    def __init__(self, inputs: int = 1, channels: int = 16, levels: int = 3) -> None:
        super().__init__()
        self.unet = UNet(inputs, 2, channels, levels)
        self.log_gamma = _log_gamma()

    @property
    def divisor(self) -> int:
        """What the side of the grid must be a multiple of."""
        return self.unet.divisor

    def forward(self, fields: torch.Tensor) -> torch.Tensor:
        return self.unet(fields)


class PerceptronNet(nn.Module):
    """A perceptron of features that are standardised first.

    inputs : features; widths : of the hidden layers; none: a straight line
    Call with (b, inputs) float32; returns (b,).
    """

    LARGEST: ClassVar = {"inputs": 4096, "widths": [4096]}

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, inputs: int, widths: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.dense = _dense_layers(inputs, widths)
        self.log_gamma = _log_gamma()

    @torch.no_grad()
    def standardise(self, features: torch.Tensor) -> None:
        """Take the mean and scatter of the features, (m, inputs), as the units of the first layer."""
        self.mean.copy_(features.mean(0))
        self.scale.copy_(features.std(0).clamp(min=1e-6))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return _through(self.dense, (features - self.mean) / self.scale)


def _dense_layers(inputs: int, widths: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(before, after) for before, after in itertools.pairwise((inputs, *widths, 1)))


def _through(layers: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
    for layer in layers[:-1]:
        x = functional.leaky_relu(layer(x), LEAK)
    return layers[-1](x)[:, 0]


def _log_gamma() -> nn.Parameter:
    return nn.Parameter(torch.tensor(FIRST_GAMMA).log())
