"""What a posterior is inferred from, and what must hold of it whatever the method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.inference import Prior
from lss_recon.simulation_based.proposals import Proposal

MARGIN = 0.2  # of the simulated range of each summary, that the data may lie beyond it


@dataclass(frozen=True)
class Target:
    """What is inferred from.

    observed : (s,) summaries of the data; names : of the parameters; first : where round 0 is drawn;
    seed : of everything drawn
    """

    observed: np.ndarray
    names: tuple[str, ...]
    prior: Prior
    first: Proposal
    seed: tuple[int, ...]

    def random(self, *stream: int) -> np.random.Generator:
        """The random numbers of one purpose."""
        return np.random.default_rng([*self.seed, *stream])


def refuse_outside(observed: np.ndarray, simulated: np.ndarray) -> None:
    """Raise DataError if a summary of the data is far from all simulated ones.

    observed : (s,); simulated : (m, s)
    """
    if not len(simulated):
        raise DataError("every simulation failed: there are no summaries")
    low, high = simulated.min(axis=0), simulated.max(axis=0)
    margin = MARGIN * (high - low)
    outside = np.flatnonzero((observed < low - margin) | (observed > high + margin))
    if len(outside):
        i = outside[0]
        raise DataError(
            f"the data lie outside the prior, or this model cannot make them: their summary {i + 1} is"
            f" {observed[i]:.4g}, those of the simulations lie between {low[i]:.4g} and {high[i]:.4g};"
            " see [inference] low and high"
        )


def describe(names: Sequence[str], theta: np.ndarray, weights: np.ndarray | None = None) -> str:
    """Mean and standard deviation of each parameter, in words: those that lss-stats gives of the same samples.

    theta : (m, p); weights : (m,), equal if not given
    """
    weights = np.full(len(theta), 1 / len(theta)) if weights is None else weights / weights.sum()
    covariance = np.atleast_2d(np.cov(theta.T, aweights=weights))
    columns = zip(names, weights @ theta, np.sqrt(np.diag(covariance)), strict=True)
    return ", ".join(f"{name} = {mean:.4g} +- {deviation:.2g}" for name, mean, deviation in columns)
