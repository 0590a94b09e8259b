"""Posteriors that summaries have if they are Gaussian, with a mean and a covariance that move with the parameters.

N(score estimate, F^-1) takes the covariance for constant and the mean for linear over the posterior's width. Here both
are fitted to simulations about the fiducial, by maximum likelihood: the mean is a cubic of the parameters, the Cholesky
factor of the inverse covariance has the exponentials of quadratics on its diagonal and quadratics below.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from lss.inference import Prior

STEPS, DRAWS, WIDTH = 200, 20_000, 2.0  # of the fit; of a posterior, from a Gaussian of so many sigmas


@dataclass(frozen=True)
class Weighted:
    """Samples of a posterior: theta (m, p); weights (m,), adding up to 1."""

    theta: np.ndarray
    weights: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """(p,)."""
        return self.weights @ self.theta

    @property
    def covariance(self) -> np.ndarray:
        """(p, p)."""
        residual = self.theta - self.mean
        return (self.weights[:, None] * residual).T @ residual

    def compared(self, mean: np.ndarray, covariance: np.ndarray) -> tuple[float, float]:
        """Shift from this mean (rms over the parameters, in sigmas of this covariance), and ratio of the areas."""
        residual = self.mean - mean
        shift = np.sqrt(residual @ np.linalg.solve(covariance, residual) / len(mean))
        return float(shift), float(np.sqrt(np.linalg.det(self.covariance) / np.linalg.det(covariance)))


@dataclass(frozen=True)
class Moving:
    """p(x | theta), Gaussian; in units where the Fisher matrix at the fiducial is the identity.

    root (p, p) : of these units; mean (q, p), factor (r, p (p + 1) / 2) : coefficients of the monomials
    """

    fiducial: np.ndarray
    root: np.ndarray
    mean: torch.Tensor
    factor: torch.Tensor

    @staticmethod
    def fitted(theta: np.ndarray, x: np.ndarray, fiducial: np.ndarray, fisher: np.ndarray) -> "Moving":
        """Of parameters (m, p) and score estimates (m, p)."""
        root, p = np.linalg.cholesky(fisher), len(fiducial)
        z, y = (torch.from_numpy((a - fiducial) @ root) for a in (theta, x))
        mean = torch.linalg.lstsq(monomials(z, 3), y).solution.requires_grad_()
        factor = torch.zeros(monomials(z[:1], 2).shape[1], p * (p + 1) // 2, dtype=z.dtype, requires_grad=True)
        optimizer = torch.optim.LBFGS([mean, factor], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            value = -log_gaussian(z, y, mean, factor).mean()
            value.backward()
            return value

        optimizer.step(loss)
        return Moving(fiducial, root, mean.detach(), factor.detach())

    def posterior(self, x: np.ndarray, prior: Prior, rng: np.random.Generator) -> Weighted:
        """Of the parameters, given score estimates (p,): weighted draws of a Gaussian about them."""
        y = (x - self.fiducial) @ self.root
        z = y + WIDTH * rng.standard_normal((DRAWS, len(y)))
        theta = self.fiducial + z @ np.linalg.inv(self.root)
        drawn = -0.5 * ((z - y) ** 2).sum(1) / WIDTH**2
        found = log_gaussian(torch.from_numpy(z), torch.from_numpy(y), self.mean, self.factor).numpy()
        log_weights = np.where(prior.contains(theta), found - drawn, -np.inf)
        weights = np.exp(log_weights - log_weights.max())
        return Weighted(theta, weights / weights.sum())


def log_gaussian(z: torch.Tensor, y: torch.Tensor, mean: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """ln p(y | z) up to a constant; z (m, p), y (m, p) or (p,)."""
    p = z.shape[1]
    residual, entries = y - monomials(z, 3) @ mean, monomials(z, 2) @ factor
    scaled = entries[:, :p].exp() * residual
    below = zip(entries[:, p:].T, *torch.tril_indices(p, p, -1).tolist(), strict=True)
    for entry, row, column in below:
        scaled = scaled + torch.nn.functional.one_hot(torch.tensor(row), p) * (entry * residual[:, column])[:, None]
    return entries[:, :p].sum(1) - 0.5 * scaled.square().sum(1)


def monomials(z: torch.Tensor, degree: int) -> torch.Tensor:
    """Products of up to `degree` of the columns of (m, p), 1 first: (m, q)."""
    columns = [torch.ones_like(z[:, 0])]
    for order in range(1, degree + 1):
        for chosen in itertools.combinations_with_replacement(range(z.shape[1]), order):
            columns.append(z[:, list(chosen)].prod(1))
    return torch.stack(columns, 1)
