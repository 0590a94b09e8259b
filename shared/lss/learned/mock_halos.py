"""Catalogues drawn from a neural bias: the Poisson (or Conway-Maxwell-Poisson) process that its likelihood is of."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import erfc, erfcinv

from lss.learned.neural_bias import MOST_IN_VOXEL, NeuralBias


@dataclass(frozen=True)
class Drawn:
    """position : (m, 3) Mpc/h; mass : (m,) Msun/h; voxel : (m,) flat index; expected : (n, n, n) halos per voxel"""

    position: NDArray[np.float64]
    mass: NDArray[np.float64]
    voxel: NDArray[np.int64]
    expected: NDArray[np.float64]


def draw_halos(
    bias: NeuralBias, theta: torch.Tensor, density: torch.Tensor, box_size: float, draw: np.random.Generator
) -> Drawn:
    """Halos of rho / mean (n, n, n) float64: counts, then a place in the voxel and a mass above the threshold each."""
    n = len(density)
    with torch.no_grad():
        y = bias.argument_of_density(density, theta)
        expected, nu = bias.expected(y, theta).numpy(), bias.nu(theta)
        if nu is None:
            counts = draw.poisson(expected)
        else:
            intensity = (bias.mixture(y, theta).above(bias.head.ln_threshold) * bias.voxel**3).numpy()
            counts = _com_poisson(intensity, float(nu), draw)
        voxel = np.repeat(np.arange(n**3), counts)
        mass = np.exp(_masses(bias, theta, y[torch.from_numpy(voxel)], draw))
    index = np.stack(np.unravel_index(voxel, (n, n, n)), axis=1)
    position = (index + draw.random((len(voxel), 3)) - 0.5) * (box_size / n) % box_size
    return Drawn(position, mass, voxel, expected.reshape(n, n, n))


def _com_poisson(intensity: NDArray[np.float64], nu: float, draw: np.random.Generator) -> NDArray[np.int64]:
    number = np.arange(MOST_IN_VOXEL + 1)
    log_factorial = np.cumsum(np.log(np.maximum(number, 1)))
    log_share = number * np.log(intensity)[:, None] - nu * log_factorial
    share = np.exp(log_share - log_share.max(axis=1, keepdims=True))
    cumulative = np.cumsum(share, axis=1)
    return (cumulative < draw.random((len(intensity), 1)) * cumulative[:, -1:]).sum(axis=1)


def _masses(bias: NeuralBias, theta: torch.Tensor, y: torch.Tensor, draw: np.random.Generator) -> NDArray[np.float64]:
    """ln M of a halo at each y: a Gaussian by its share above the threshold, then its tail inverted."""
    mixture = bias.mixture(y, theta)
    alpha, mu, sigma = (part.numpy() for part in (mixture.alpha, mixture.mu, mixture.sigma))
    low = (bias.head.ln_threshold - mu) / (math.sqrt(2) * sigma)
    above = alpha * erfc(low)
    cumulative = np.cumsum(above, axis=0)
    chosen = (cumulative < draw.random(len(y)) * cumulative[-1]).sum(axis=0)
    rows = chosen, np.arange(len(y))
    tail = erfc(low[rows]) * (1 - draw.random(len(y)))
    return mu[rows] + math.sqrt(2) * sigma[rows] * erfcinv(tail)
