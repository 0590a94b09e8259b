"""Where the parameters of simulations are drawn: the prior, a Gaussian, or kernels about earlier ones.

All end with the prior. Densities are known up to a constant, which importance weights do not need.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lss.errors import DataError
from lss.inference import Prior

EDGE = 0.1  # of the range of the parameters drawn last, that their box reaches beyond it
SMALLEST_SHARE = 1e-4  # of a proposal that must lie within the prior


class Proposal(Protocol):
    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray: ...

    def log_density(self, theta: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Kernels:
    """A mixture of equal Gaussians, cut off by the prior.

    centres : (m, p); weights : (m,), adding up to 1; covariance : (p, p) of each
    Source: Beaumont et al. 2009, with the covariance of Filippi et al. 2013 left to the caller.
    """

    centres: np.ndarray
    weights: np.ndarray
    covariance: np.ndarray
    prior: Prior

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Parameters (n, p). Raises DataError if hardly any draw lies within the prior."""
        factor = np.linalg.cholesky(self.covariance)
        found, drawn = np.empty((0, len(factor))), 0
        while len(found) < n:
            which = rng.choice(len(self.centres), n, p=self.weights)
            theta = self.centres[which] + rng.standard_normal((n, len(factor))) @ factor.T
            found = np.concatenate([found, theta[self.prior.contains(theta)]])
            drawn += n
            if drawn > 10 / SMALLEST_SHARE and len(found) < SMALLEST_SHARE * drawn:
                raise DataError(
                    "nearly all parameters to be simulated lie outside the prior: fewer than one in"
                    f" {1 / SMALLEST_SHARE:.0f} is inside; widen [inference] low and high"
                )
        return found[:n]

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """ln of the density at parameters (b, p) within the prior, up to a constant: (b,)."""
        factor = np.linalg.cholesky(self.covariance)
        scaled, centres = (np.linalg.solve(factor, points.T).T for points in (theta, self.centres))
        distance = ((scaled[:, None] - centres[None]) ** 2).sum(axis=-1)
        return np.log(np.maximum(np.exp(-0.5 * distance) @ self.weights, 1e-300))


def gaussian(centre: np.ndarray, covariance: np.ndarray, prior: Prior) -> Kernels:
    """One Gaussian, cut off by the prior. centre : (p,); covariance : (p, p)."""
    return Kernels(centre[None], np.ones(1), covariance, prior)


def weighted_covariance(theta: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The covariance (p, p) of weighted parameters (m, p)."""
    residual = theta - weights @ theta
    return (residual * weights[:, None]).T @ residual


def box_about(theta: np.ndarray, within: Prior) -> Prior:
    """The box of parameters (n, p) and a little more, cut off by another."""
    low, high = theta.min(axis=0), theta.max(axis=0)
    edge = EDGE * (high - low)
    return Prior(np.maximum(within.low, low - edge), np.minimum(within.high, high + edge))
