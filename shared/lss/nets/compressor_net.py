"""The network that compresses a periodic field, in two or three dimensions, to a few summaries.

    field -> local map g(x), piecewise linear -> powers of its modes in bands of |k|        -> features
                                              -> isotropic filter -> strided convolutions   -> features (means)
    features, standardised -> linear + perceptron -> summaries

What it takes for granted: the statistics do not change under translations, and the filter and bands not under
rotations. Its first weights are measured on simulations of the fiducial (`prepare`): g makes the one-point distribution
Gaussian, the filter whitens, and the linear part is the best one for the features that this gives. All of them are
trained further.
Source: Charnock, Lavaux & Wandelt 2018 (IMNN), Makinen et al. 2021 (fields); MOPED for the linear part (Heavens et al.
2000).
"""

import itertools
import math
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from lss.grid.fourier import mode_counts, squared_indices
from lss.inference import is_singular

KNOTS = 65  # of the local map
RESOLUTION = 1e-5  # of a field's standard deviation; closer values are one to the local map
KNOT_RANGE = 4.0  # standard deviations of the Gaussian that the map starts from
SMALLEST_POWER = 1e-12  # of the mean of all bands; a band without any power has this logarithm
CONVOLUTIONS = {2: functional.conv2d, 3: functional.conv3d}


class CompressorNet(nn.Module):
    """Fields to summaries.

    dimensions : 2 or 3; n : points per side; outputs : summaries; bands : of |k|, evenly spaced in its logarithm
    channels : filters of each convolution; levels : convolutions, each halving the grid; hidden : width of the
    perceptron
    Call with (b, 1, n, n[, n]) float32; returns (b, outputs) float32.
    Raises ValueError if the grid cannot be halved `levels` times, or the fields are of another shape.
    """

    LARGEST: ClassVar = {
        "dimensions": 3,
        "n": 4096,
        "outputs": 64,
        "bands": 256,
        "channels": 1024,
        "levels": 10,
        "hidden": 4096,
    }

    knots: torch.Tensor
    feature_mean: torch.Tensor
    feature_scale: torch.Tensor
    _bands: torch.Tensor
    _multiplicity: torch.Tensor

    def __init__(
        self,
        dimensions: int,
        n: int,
        outputs: int,
        bands: int = 16,
        channels: int = 8,
        levels: int = 4,
        hidden: int = 32,
    ) -> None:
        super().__init__()
        if n % 2**levels:
            raise ValueError(f"a grid of {n} points per side cannot be halved {levels} times")
        self.shape, self.outputs = (n,) * dimensions, outputs
        self._axes = tuple(range(-dimensions, 0))
        weights = band_weights(self.shape, bands)
        self.register_buffer("_bands", weights.flatten(1), persistent=False)
        counts = torch.from_numpy(mode_counts(self.shape)).float()
        self.register_buffer("_multiplicity", counts.flatten(), persistent=False)
        features = 1 + len(weights) + channels * levels

        self.register_buffer("knots", torch.linspace(-KNOT_RANGE, KNOT_RANGE, KNOTS))
        self.values = nn.Parameter(torch.linspace(-KNOT_RANGE, KNOT_RANGE, KNOTS))  # of the local map at the knots
        self.log_filter = nn.Parameter(torch.zeros(len(weights)))
        kernel = (3,) * dimensions
        widths = [1] + [channels] * levels
        self.kernels = nn.ParameterList(
            nn.init.kaiming_normal_(torch.empty(after, before, *kernel), nonlinearity="relu")
            for before, after in itertools.pairwise(widths)
        )
        self.biases = nn.ParameterList(torch.zeros(channels) for _ in range(levels))
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_scale", torch.ones(features))
        self.linear = nn.Linear(features, outputs)
        self.hidden = nn.Linear(features, hidden)
        self.output = nn.Linear(hidden, outputs, bias=False)
        nn.init.zeros_(self.output.weight)

    def forward(self, fields: torch.Tensor) -> torch.Tensor:
        features = (self.features(fields) - self.feature_mean) / self.feature_scale
        return self.linear(features) + self.output(functional.silu(self.hidden(features)))

    def features(self, fields: torch.Tensor) -> torch.Tensor:
        """(b, f): the mean of the local map, the logarithms of its band powers, the means of all activations."""
        if fields.shape[1:] != (1, *self.shape):
            raise ValueError(f"fields of shape {tuple(fields.shape[1:])}; the network was made for {(1, *self.shape)}")
        mapped = piecewise_linear(fields[:, 0], self.knots, self.values)
        modes = torch.fft.rfftn(mapped, dim=self._axes, norm="ortho")
        power = self.band_powers(modes)
        floor = SMALLEST_POWER * power.detach().mean() + torch.finfo(power.dtype).tiny
        found = [mapped.mean(self._axes)[:, None], (power + floor).log()]
        radial = (self.log_filter @ self._bands).reshape(modes.shape[1:])
        x = torch.fft.irfftn(modes * radial.exp(), s=self.shape, dim=self._axes, norm="ortho")[:, None]
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            x = functional.silu(CONVOLUTIONS[len(self.shape)](wrap(x), kernel, bias, stride=2))
            found.append(x.mean(self._axes))
        return torch.cat(found, 1)

    def band_powers(self, modes: torch.Tensor) -> torch.Tensor:
        """(b, bands): mean of |modes|^2 in every band, the zero mode left out."""
        weights = self._bands * self._multiplicity
        squares = (modes.real.square() + modes.imag.square()).flatten(1)
        return squares @ (weights / weights.sum(1, keepdim=True)).T

    @torch.no_grad()
    def prepare(self, fields: torch.Tensor) -> None:
        """Measure the first weights of the local map and the filter on fiducial fields, (b, 1, n, n[, n])."""
        # Values that differ by rounding alone, as those of empty cells do, are one: knots must not fall together.
        quantum = RESOLUTION * fields.std()
        values, counts = torch.unique((fields / quantum).round(), return_counts=True)
        values = values * quantum
        rank = (counts.cumsum(0) - counts / 2) / counts.sum()
        normal = math.sqrt(2) * torch.erfinv((2 * rank.double() - 1).clamp(-1 + 1e-12, 1 - 1e-12))
        wanted = torch.linspace(-KNOT_RANGE, KNOT_RANGE, KNOTS, dtype=torch.float64, device=fields.device)
        place = torch.searchsorted(normal, wanted).clamp(max=len(normal) - 1)
        knots = torch.unique(values[place])
        self.values.copy_(spread_out(normal[torch.searchsorted(values, knots)].float(), KNOTS))
        self.knots.copy_(spread_out(knots, KNOTS))
        mapped = piecewise_linear(fields[:, 0], self.knots, self.values)
        power = self.band_powers(torch.fft.rfftn(mapped, dim=self._axes, norm="ortho")).mean(0)
        self.log_filter.copy_(-0.5 * power.clamp(min=SMALLEST_POWER * power.mean()).log())

    @torch.no_grad()
    def start_from(self, mean: torch.Tensor, covariance: torch.Tensor, derivative: torch.Tensor) -> None:
        """Set the linear part to the best one: summaries (dmu C^-1 f) of unit covariance, zero at the mean.

        mean : (f,), covariance : (f, f), derivative : (p, f) of the features, float64; p must be `outputs`
        Raises ValueError for parameters that the features cannot tell apart.
        """
        scale = covariance.diagonal().sqrt().clamp(min=1e-6 * covariance.diagonal().max().sqrt())
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(scale)
        slope = derivative / scale
        # Features repeat each other: directions of no variance of their own say nothing.
        inverse = torch.linalg.pinv(covariance / scale / scale[:, None], rtol=1e-6, hermitian=True)
        score = slope @ inverse
        fisher = score @ slope.T
        if is_singular(fisher.cpu().numpy()):
            raise ValueError("a parameter changes nothing in the fields, or two change the same")
        root = torch.linalg.cholesky(fisher)
        self.linear.weight.copy_(torch.linalg.solve_triangular(root, score, upper=False))
        self.linear.bias.zero_()


def piecewise_linear(x: torch.Tensor, knots: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The function through (knots, values), linear between and beyond; differentiable in x and in the values."""
    right = torch.searchsorted(knots, x.contiguous()).clamp(1, len(knots) - 1)
    slopes = values.diff() / knots.diff()
    offsets = values[:-1] - slopes * knots[:-1]
    return torch.addcmul(offsets[right - 1], slopes[right - 1], x)


def wrap(x: torch.Tensor) -> torch.Tensor:
    """The periodic grid with one more voxel on each side: (b, c, n, ...) -> (b, c, n + 2, ...)."""
    for axis in range(2, x.ndim):
        last, first = x.narrow(axis, x.shape[axis] - 1, 1), x.narrow(axis, 0, 1)
        x = torch.cat((last, x, first), axis)
    return x


def spread_out(values: torch.Tensor, count: int) -> torch.Tensor:
    """`count` values on the polygon through the given ones, evenly spaced along it."""
    place = torch.linspace(0, len(values) - 1, count, device=values.device)
    left = place.long().clamp(max=len(values) - 2)
    return torch.lerp(values[left], values[left + 1], place - left)


def band_weights(shape: tuple[int, ...], bands: int) -> torch.Tensor:
    """Triangular bands in ln |k| from the fundamental to the corner of the grid, (m, modes of rfftn): they sum to one.

    Bands that no mode falls into are left out, so m <= bands. The zero mode is in none.
    """
    log_k = torch.from_numpy(squared_indices(shape)).double().clamp(min=1).log() / 2
    largest = log_k.max()
    place = log_k / largest * (bands - 1)
    weights = torch.stack([(1 - (place - band).abs()).clamp(min=0) for band in range(bands)])
    weights.flatten(1)[:, 0] = 0
    return weights[weights.flatten(1).sum(1) >= 1].float()
