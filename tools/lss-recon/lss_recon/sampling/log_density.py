"""Log densities with gradients: what every sampler here asks for, and nothing else of the problem."""

from collections.abc import Callable
from typing import NamedTuple

import torch


class Evaluated(NamedTuple):
    """value : ln of the density, up to a constant, float64, no dimensions; gradient : of it, of the shape of x"""

    value: torch.Tensor
    gradient: torch.Tensor


LogDensity = Callable[[torch.Tensor], Evaluated]


def with_gradient(function: Callable[[torch.Tensor], torch.Tensor]) -> LogDensity:
    """The log density of a differentiable function of x (d,)."""

    def evaluate(x: torch.Tensor) -> Evaluated:
        at = x.detach().requires_grad_()
        value = function(at)
        (gradient,) = torch.autograd.grad(value, at)
        return Evaluated(value.detach().double(), gradient)

    return evaluate


def scaled(log_density: LogDensity, scale: torch.Tensor) -> LogDensity:
    """The log density of z with x = scale z: a diagonal preconditioner is a change of coordinates.

    scale : (d,) positive
    """

    def evaluate(z: torch.Tensor) -> Evaluated:
        value, gradient = log_density(scale * z)
        return Evaluated(value, gradient * scale)

    return evaluate


def rotated(log_density: LogDensity, factor: torch.Tensor) -> LogDensity:
    """The log density of z with x = factor z, factor : (d, d), for instance the Cholesky factor of a covariance."""

    def evaluate(z: torch.Tensor) -> Evaluated:
        value, gradient = log_density(factor @ z)
        return Evaluated(value, factor.T @ gradient)

    return evaluate
