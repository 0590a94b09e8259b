"""Density-estimation likelihood-free inference: p(x | theta) is learned in rounds of simulations, where it matters.

Round 0 draws parameters from a broad proposal; later ones from the geometric mean of posterior and prior (or the prior
again). After each round the density is learned anew, from all simulations in the box about the parameters drawn last,
and asked nowhere else: what lies far from the posterior would teach the flows what need not be known, and outside of
their simulations they extrapolate. As it is the density of the summaries that is learned, and not the posterior,
neither proposals nor boxes need a correction.
Source: Alsing, Charnock, Feeney & Wandelt 2019; Makinen et al. 2021 section 4; Deistler et al. 2022 (truncation).
"""

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.inference import Prior
from lss.learned.conditional_density import ConditionalDensity, Flows, fit, refuse_few
from lss_recon.posterior_config import Delfi
from lss_recon.simulation_based.proposals import Kernels, Proposal
from lss_recon.simulation_based.simulations import Runner, Simulations
from lss_recon.simulation_based.tempering import Draws, temper

log = logging.getLogger("lss.recon")

MARGIN = 0.2  # of the simulated range of each summary, that the data may lie beyond it
EDGE = 0.1  # of the range of the parameters drawn last, that their box reaches beyond it


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


_DRAWS, _FIT, _POSTERIOR = 0, 1, 2  # streams


@dataclass(frozen=True)
class Learned:
    """A density, and where it may be asked: the box within the prior from which its simulations are."""

    density: ConditionalDensity
    box: Prior

    def draw(self, target: Target, count: int, rng: np.random.Generator, power: float = 1.0) -> Draws:
        """Samples of prior x p(observed | theta)^power; their log_evidence is that of the whole prior."""
        draws = temper(lambda theta: self.density.log_prob(target.observed, theta), self.box, count, rng, power)
        share = np.log((self.box.high - self.box.low) / (target.prior.high - target.prior.low)).sum()
        return dataclasses.replace(draws, log_evidence=draws.log_evidence + float(share))


def learn(
    target: Target, settings: Delfi, flows: Flows, runner: Runner, simulations: Simulations
) -> tuple[Simulations, Learned]:
    """All rounds: the simulations, and the density learned from them.

    simulations : what an interrupted call with equal arguments had made
    Raises DataError for data outside all that was simulated, failed simulations, degenerate summaries; Stopped.
    """
    for number in range(settings.rounds):
        if simulations.rounds <= number:
            theta = _parameters(number, target, settings, flows, simulations)
            simulations = simulations.with_drawn(theta, number)
        simulations = runner.make(simulations)
        simulated = simulations.good()[1]
        refuse_few(len(simulated), len(target.observed), len(target.names))
        refuse_outside(target.observed, simulated)
    return simulations, _learned(target, settings, flows, simulations)


def _parameters(number: int, target: Target, settings: Delfi, flows: Flows, simulations: Simulations) -> np.ndarray:
    """The parameters of a round, (n, p)."""
    rng = target.random(_DRAWS, number)
    if number == 0:
        return target.first.draw(rng, settings.simulations)
    if settings.proposal == "prior":
        return target.prior.draw(rng, settings.simulations)
    learned = _learned(target, settings, flows, simulations)
    theta = learned.draw(target, settings.simulations, rng, power=0.5).theta
    log.info("round %d: %s", number + 1, described(target.names, theta))
    return theta


def _learned(target: Target, settings: Delfi, flows: Flows, simulations: Simulations) -> Learned:
    """The density of the simulations so far."""
    box = target.prior
    for number in range(simulations.rounds):
        narrowed = isinstance(target.first, Kernels) if number == 0 else settings.proposal == "geometric"
        if narrowed:
            box = box_about(simulations.theta[simulations.round == number], box)
    theta, x = simulations.good()
    inside = box.contains(theta)
    seed = [*target.seed, _FIT, simulations.rounds]
    return Learned(fit(theta[inside], x[inside], flows, seed, target.names), box)


def box_about(theta: np.ndarray, within: Prior) -> Prior:
    """The box of parameters (n, p) and a little more, cut off by another."""
    low, high = theta.min(axis=0), theta.max(axis=0)
    edge = EDGE * (high - low)
    return Prior(np.maximum(within.low, low - edge), np.minimum(within.high, high + edge))


def posterior(learned: Learned, target: Target, count: int) -> Draws:
    """Samples of p(theta | observed)."""
    draws = learned.draw(target, count, target.random(_POSTERIOR))
    log.info("posterior: %s", described(target.names, draws.theta))
    return draws


def refuse_outside(observed: np.ndarray, simulated: np.ndarray) -> None:
    """Raise DataError if a summary of the data is far from all simulated ones.

    observed : (s,); simulated : (m, s)
    """
    if not len(simulated):
        raise DataError("no simulation gave summaries")
    low, high = simulated.min(axis=0), simulated.max(axis=0)
    margin = MARGIN * (high - low)
    outside = np.flatnonzero((observed < low - margin) | (observed > high + margin))
    if len(outside):
        i = outside[0]
        raise DataError(
            f"the target is outside the prior, or no data of this model: its summary {i + 1} is {observed[i]:.4g},"
            f" those of the simulations lie between {low[i]:.4g} and {high[i]:.4g};"
            " see [inference] low, high"
        )


def described(names: Sequence[str], theta: np.ndarray) -> str:
    """Mean and standard deviation of each parameter, in words."""
    columns = zip(names, theta.mean(axis=0), theta.std(axis=0), strict=True)
    return ", ".join(f"{name} = {mean:.4g} +- {deviation:.2g}" for name, mean, deviation in columns)
