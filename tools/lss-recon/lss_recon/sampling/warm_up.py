"""What a sampler has to know of its target, learned before anything is kept: step sizes and scales."""

import math
from typing import NamedTuple

import torch

DECAY = 1 - 1 / 75  # of the running means of MCLMC's step size: a memory of some 75 steps


class VarianceTarget(NamedTuple):
    """Step size of unadjusted MCLMC: the variance of the energy per dimension is wanted, which grows as step^6.

    step : now; errors, weights : running means of xi / step^6 and of its weights, xi = (dE)^2 / (d wanted)
    Source: Robnik et al. 2023, section 5; weights that forget outliers as in its reference implementation.
    """

    step: float
    errors: float = 0.0
    weights: float = 0.0


def toward_variance(target: VarianceTarget, energy: float, dimensions: int, wanted: float) -> VarianceTarget:
    """The step size after one more step whose energy changed so."""
    if not math.isfinite(energy):
        return VarianceTarget(0.7 * target.step)
    xi = energy**2 / (dimensions * wanted) + 1e-8
    weight = math.exp(-0.5 * (math.log(xi) / 9.0) ** 2)
    errors = DECAY * target.errors + weight * xi / target.step**6
    weights = DECAY * target.weights + weight
    return VarianceTarget(min((errors / weights) ** (-1 / 6), 1.5 * target.step), errors, weights)


class DualAveraging(NamedTuple):
    """Step size of a sampler that accepts or not: a mean acceptance is wanted (Hoffman & Gelman 2014, section 3.2).

    step : to use next; log_mean : of the steps so far, which is the result; error : running mean of wanted - accepted
    """

    step: float
    first: float
    log_mean: float = 0.0
    error: float = 0.0
    number: int = 0


def toward_acceptance(target: DualAveraging, acceptance: float, wanted: float) -> DualAveraging:
    """The step size after one more transition that was accepted with this probability."""
    count = target.number + 1
    share = 1 / (count + 10)
    error = (1 - share) * target.error + share * (wanted - acceptance)
    log_step = math.log(10 * target.first) - math.sqrt(count) / 0.05 * error
    log_step = min(max(log_step, math.log(target.first) - 7), math.log(target.first) + 5)
    weight = count**-0.75
    log_mean = weight * log_step + (1 - weight) * target.log_mean
    return DualAveraging(math.exp(log_step), target.first, log_mean, error, count)


def scales(moments: torch.Tensor, groups: torch.Tensor | None = None) -> torch.Tensor:
    """Widths of the target along each coordinate: (var x / var g)^(1/4), which is exact for a Gaussian.

    moments : (4, d), means of x, x^2, g and g^2 over states, g the gradient of ln p; groups : (d,) int64, coordinates
    that share a width (shells of |k|); each its own if not given
    Returns (d,).
    Source: the diagonal of least Fisher divergence, Seyboldt, Carlson & Carpenter 2025 (nutpie).
    """
    x2, g2 = moments[1] - moments[0] ** 2, moments[3] - moments[2] ** 2
    if groups is not None:
        number = torch.bincount(groups).to(x2)
        x2 = (torch.zeros_like(number).index_add_(0, groups, x2) / number)[groups]
        g2 = (torch.zeros_like(number).index_add_(0, groups, g2) / number)[groups]
    return (x2 / g2.clamp(min=1e-30)) ** 0.25
