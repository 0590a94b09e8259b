"""Samples of a posterior whose likelihood costs nothing, by sequential Monte Carlo from the prior.

The prior's draws are led through prior x likelihood^b, b = 0 ... 1: each step is as long as half of the effective
sample allows; then the draws are resampled and moved by Metropolis steps. Several modes, bent ridges and posteriors a
millionth of the prior are all found, and the evidence comes as a by-product.
Source: Del Moral, Doucet & Jasra 2006.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.inference import Prior

KEPT = 0.5  # effective share of the draws that a step of b leaves
MOVES, LAST_MOVES = 5, 20  # Metropolis steps after every resampling, and after the last
ACCEPTANCE = 0.3  # that the length of the steps is tuned to

LogLikelihood = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Draws:
    """Equally weighted samples.

    theta : (n, p); log_likelihood : (n,); log_evidence : ln of the integral of prior x likelihood^power
    """

    theta: np.ndarray
    log_likelihood: np.ndarray
    log_evidence: float


def temper(
    log_likelihood: LogLikelihood, prior: Prior, count: int, rng: np.random.Generator, power: float = 1.0
) -> Draws:
    """Draw from prior x likelihood^power; power = 1/2 is the geometric mean of posterior and prior.

    log_likelihood : parameters (b, p) -> (b,)
    Raises DataError if the likelihood is zero everywhere in the prior.
    """
    theta = prior.draw(rng, count)
    value = _finite(log_likelihood(theta))
    if np.isneginf(value).all():
        raise DataError("the likelihood of the data is zero everywhere in the prior")
    reached, evidence, scale = 0.0, 0.0, 2.38 / np.sqrt(theta.shape[1])
    while reached < power:
        step = _step(value, power - reached)
        weights = np.exp(step * (value - value.max()))
        evidence += step * value.max() + np.log(weights.mean())
        reached = power if step == power - reached else reached + step
        chosen = _resampled(weights / weights.sum(), rng)
        theta, value = theta[chosen], value[chosen]
        factor = _factor(theta)
        for _ in range(MOVES if reached < power else LAST_MOVES):
            trial = theta + scale * rng.standard_normal(theta.shape) @ factor.T
            threshold = np.log(rng.random(count))
            inside = prior.contains(trial)
            of_trial = np.full(count, -np.inf)
            if inside.any():
                of_trial[inside] = _finite(log_likelihood(trial[inside]))
            taken = threshold < reached * (of_trial - value)
            theta, value = np.where(taken[:, None], trial, theta), np.where(taken, of_trial, value)
            scale *= np.exp(taken.mean() - ACCEPTANCE)
    return Draws(theta, value, float(evidence))


def _finite(log_likelihood: np.ndarray) -> np.ndarray:
    """NaN counts as impossible."""
    return np.where(np.isfinite(log_likelihood), log_likelihood, -np.inf)


def _step(value: np.ndarray, longest: float) -> float:
    """How far b may rise: by bisection, to an effective share KEPT of the draws."""

    def share(step: float) -> float:
        weights = np.exp(step * (value - value.max()))
        return weights.sum() ** 2 / (weights**2).sum() / len(weights)

    if share(longest) >= KEPT:
        return longest
    low, high = 0.0, longest
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if share(middle) >= KEPT else (low, middle)
    return high


def _resampled(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Indices of a systematic resampling: each weight's share of the places, to one more or less."""
    places = (np.arange(len(weights)) + rng.random()) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)


def _factor(theta: np.ndarray) -> np.ndarray:
    """A square root of the draws' covariance; one of rank below p is filled up a little."""
    covariance = np.atleast_2d(np.cov(theta.T))
    diagonal = np.maximum(np.diag(covariance), np.finfo(float).tiny)
    return np.linalg.cholesky(covariance + np.diag(1e-9 * diagonal))
