"""The likelihood of the halo-mass network: a Cauchy distribution of the truth d, cut off at the edges of the sample.

Masses are rescaled so that the sample spans d in [-1, 1]. Given a prediction y and the scale gamma,

    -ln p(d | y) = ln gamma + ln(1 + ((d - y) / gamma)^2) + ln(atan((1 - y) / gamma) - atan((-1 - y) / gamma))

for |y| <= 1. Beyond, a wall exp(exp(|y|)) + a y^2 + c keeps predictions in; a and c make value and slope continuous.
Source: Lucie-Smith et al. 2020, Eq. 5 and 6 (the signs of the Heaviside functions of Eq. 6 are misprinted).
"""

import math

import torch

EDGE = 2.0  # beyond this |y| the wall goes on as a straight line, in reach of float32
_WALL = math.exp(math.e)  # exp(exp(|y|)) at |y| = 1


def negative_log_likelihood(y: torch.Tensor, d: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """-ln p(d | y), without walls: for |y| <= 1. Tensors that broadcast; the density of d lacks no factor of pi,
    which cancels."""
    inside = torch.atan((1 - y) / gamma) - torch.atan((-1 - y) / gamma)
    return gamma.log() + torch.log1p(((d - y) / gamma) ** 2) + inside.log()


def cauchy_loss(y: torch.Tensor, d: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """-ln p(d | y) of each prediction, with the walls.

    y : any float; d : the same shape, in [-1, 1]; gamma : a positive scalar tensor
    """
    side = torch.where(y < 0, -1.0, 1.0)
    outside = y.abs() > 1
    within = torch.where(outside, side, y)
    value = negative_log_likelihood(within, d, gamma)
    slope = side * _slope(side, d, gamma)  # against |y|, where the wall begins
    a = (slope - math.e * _WALL) / 2
    depth = y.abs().clamp(1, EDGE)
    wall = torch.exp(torch.exp(depth)) - _WALL + a * (depth**2 - 1)
    beyond = (torch.exp(depth) * torch.exp(torch.exp(depth)) + 2 * a * depth).detach() * (y.abs() - EDGE).clamp(min=0)
    return torch.where(outside, value + wall + beyond, value)


def truncated_mean(y: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """The mean of d given y, |y| clipped to 1: the prediction of least squared error."""
    y = y.clamp(-1, 1)
    upper, lower = (1 - y) / gamma, (-1 - y) / gamma
    ratio = (torch.log1p(upper**2) - torch.log1p(lower**2)) / (torch.atan(upper) - torch.atan(lower))
    return y + 0.5 * gamma * ratio


def _slope(y: torch.Tensor, d: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """d(-ln p) / dy."""
    upper, lower = (1 - y) / gamma, (-1 - y) / gamma
    inside = torch.atan(upper) - torch.atan(lower)
    return -2 * (d - y) / (gamma**2 + (d - y) ** 2) + (1 / (1 + lower**2) - 1 / (1 + upper**2)) / (gamma * inside)
