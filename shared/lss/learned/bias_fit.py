"""Maxima of likelihoods with tens of parameters: quasi-Newton from several starts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lss.errors import DataError


@dataclass(frozen=True)
class Optimum:
    """theta : (p,) float64; value : ln of the target there; values : what every start came to, best first"""

    theta: torch.Tensor
    value: float
    values: tuple[float, ...]


def maximise(
    log_target: Callable[[torch.Tensor], torch.Tensor],
    starts: NDArray[np.float64],
    most_iterations: int = 600,
) -> Optimum:
    """The best of the maxima that BFGS finds from each start.

    log_target : (p,) float64 -> a number, differentiable; starts : (s, p)
    Raises DataError if the target is not finite at any start.
    """
    from scipy.optimize import minimize

    def negative(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = torch.from_numpy(x.copy()).requires_grad_()
        value = -log_target(theta)
        (gradient,) = torch.autograd.grad(value, theta)
        number, slope = float(value.detach()), gradient.numpy()
        if not (np.isfinite(number) and np.isfinite(slope).all()):
            return 1e30, np.zeros_like(x)  # a line search turns back from here
        return number, slope

    found = []
    for start in starts:
        if negative(start)[0] >= 1e30:
            continue
        result = minimize(negative, start, jac=True, method="BFGS", options={"maxiter": most_iterations, "gtol": 1e-3})
        found.append((-float(result.fun), result.x))
    if not found:
        raise DataError("the likelihood is not finite at any of the starts")
    found.sort(key=lambda pair: -pair[0])
    return Optimum(torch.from_numpy(found[0][1]), found[0][0], tuple(value for value, _ in found))


def hessian(log_target: Callable[[torch.Tensor], torch.Tensor], theta: torch.Tensor, h: float = 1e-4) -> torch.Tensor:
    """Second derivatives of -log_target by central differences of its exact gradient, (p, p) float64, symmetric."""
    rows = []
    for i in range(len(theta)):
        ends = []
        for sign in (1, -1):
            moved = theta.clone()
            moved[i] += sign * h
            moved.requires_grad_()
            (gradient,) = torch.autograd.grad(log_target(moved), moved)
            ends.append(gradient)
        rows.append((ends[1] - ends[0]) / (2 * h))
    matrix = torch.stack(rows)
    return (matrix + matrix.T) / 2


def laplace_covariance(matrix: torch.Tensor, least: float = 1e-6) -> torch.Tensor:
    """Inverse of a Hessian with its eigenvalues kept above `least` times the largest."""
    values, vectors = torch.linalg.eigh(matrix)
    values = torch.clamp(values, min=float(values.max()) * least)
    return (vectors / values) @ vectors.T
