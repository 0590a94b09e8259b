"""Method abc, approximate Bayesian computation: parameters whose simulation is near the data in the Fisher metric.

The distance of a simulation is sqrt((x - x_obs)^T F (x - x_obs)) with x the score estimates: sigmas of the Gaussian
posterior. Rejection draws from one proposal until enough lie below epsilon. Population Monte Carlo draws everything
(epsilon = infinity) first; each further population from kernels about the last, of twice its covariance, and takes
what is below a quantile of the last's distances, until that is within NEAR sigma of the data: its draws cannot come
much nearer then, and the next population is the one of epsilon. Weights are prior over proposal in both.

Where accepted simulations surround the data evenly, the posterior is the true one convolved with a ball of epsilon:
in two dimensions its variances are larger by epsilon^2 / 4 (4% at 0.4).
Source: Makinen et al. 2021 section 4; Beaumont et al. 2009 (populations).
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lss.errors import DataError
from lss.files.restart import Restart
from lss.stages import Plan
from lss.universe import Group, Universe
from lss_recon.config import Config
from lss_recon.simulation_based.cost import plan_simulations
from lss_recon.simulation_based.data import Data
from lss_recon.simulation_based.proposals import Kernels, Proposal, weighted_covariance
from lss_recon.simulation_based.run import infer_parameters
from lss_recon.simulation_based.runner import Runner
from lss_recon.simulation_based.settings import Abc
from lss_recon.simulation_based.simulations import Simulations
from lss_recon.simulation_based.target import Target, describe, refuse_outside

log = logging.getLogger("lss.recon")

NEAR = 2.0  # sigma
TELLING = 100  # simulations that tell whether the target is among their like
_DRAWS = 3  # stream


def members(config: Config) -> int:
    """A posterior is one universe."""
    return 1


def run(universe: Universe, config: Config, *, index: int, truth: Path | None, restart: Restart) -> Universe:
    """The posterior of the parameters of [inference] from accepted simulations: see `infer_parameters`."""
    settings: Abc = config.recon.abc

    def infer(target: Target, data: Data, runner: Runner, simulations: Simulations) -> tuple[Simulations, Group]:
        simulations, accepted = accept(target, data.compressor.fisher, settings, runner, simulations)
        columns = {"samples": accepted.theta, "weights": accepted.weights, "distance": accepted.distance}
        attrs = {"epsilon": accepted.epsilon, "effective_samples": accepted.effective}
        return simulations, Group(columns, attrs, dict.fromkeys(columns, "1"))

    most = settings.max_simulations
    return infer_parameters(universe, config, infer, most=most, index=index, truth=truth, restart=restart)


def plan(universe: Universe | None, config: Config) -> Plan:
    """Peak memory of the whole process and CPU time of all simulations."""
    return plan_simulations(universe, config, config.recon.abc.max_simulations)


@dataclass(frozen=True)
class Accepted:
    """Weighted samples of the posterior.

    theta : (m, p); distance : (m,) < epsilon; weights : (m,), adding up to 1; population : number of the last
    """

    theta: np.ndarray
    distance: np.ndarray
    weights: np.ndarray
    epsilon: float
    population: int

    @property
    def effective(self) -> float:
        """Equally weighted samples that would be worth as much."""
        return float(1 / (self.weights**2).sum())


def accept(
    target: Target, fisher: np.ndarray, settings: Abc, runner: Runner, simulations: Simulations
) -> tuple[Simulations, Accepted]:
    """Simulate until enough are accepted below epsilon.

    fisher : (p, p), the metric; simulations : what an interrupted call with equal arguments had made
    Returns all simulations, and those accepted: fewer than asked for (with a warning) after max_simulations.
    Raises DataError for data outside all that was simulated, if none came near, or too many fail; Stopped.
    """
    population, proposal = 0, target.first
    epsilon = np.inf if settings.populations else settings.epsilon
    while True:
        simulations = _until_accepted(
            target, fisher, settings, runner, simulations, population=population, epsilon=epsilon, proposal=proposal
        )
        accepted = _accepted(target, fisher, simulations, population, epsilon, proposal)
        enough = len(accepted.theta) >= settings.accepted
        if epsilon <= settings.epsilon or not enough:
            break
        proposal = Kernels(
            *(accepted.theta, accepted.weights), 2 * weighted_covariance(accepted.theta, accepted.weights), target.prior
        )
        smaller = float(np.quantile(accepted.distance, settings.quantile))
        epsilon = smaller if smaller > max(NEAR, settings.epsilon) else settings.epsilon
        population += 1
        log.info("population %d: epsilon %.3g after %d simulations", population, epsilon, simulations.made)
    if len(accepted.theta) <= len(target.names) + 1 or (settings.populations and epsilon == np.inf):
        nearest = _distance(target, fisher, simulations.good()[1]).min(initial=np.inf)
        raise DataError(
            f"{len(accepted.theta)} of {simulations.made} simulations lie within {epsilon:g} of the data, the nearest"
            f" at {nearest:.3g}: raise [recon.abc] max_simulations or epsilon, or draw parameters nearer to the data"
            ' ([recon.simulations] first = "fisher"); data outside the prior give the same result'
        )
    if not enough:
        log.warning(
            "max_simulations = %d reached with %d of %d accepted at epsilon = %.3g",
            *(settings.max_simulations, len(accepted.theta), settings.accepted, epsilon),
        )
    words = describe(target.names, accepted.theta, accepted.weights)
    log.info("%d accepted of %d: %s", len(accepted.theta), simulations.made, words)
    return simulations, accepted


def _until_accepted(
    target: Target,
    fisher: np.ndarray,
    settings: Abc,
    runner: Runner,
    simulations: Simulations,
    *,
    population: int,
    epsilon: float,
    proposal: Proposal,
) -> Simulations:
    """Draw and simulate batches of a population until enough of it are accepted; all of a resumed one is counted."""
    while True:
        simulations = runner.make(simulations)
        mine = (simulations.round == population) & simulations.ok
        if np.count_nonzero(mine) >= TELLING:
            refuse_outside(target.observed, simulations.x[mine])
        close = _distance(target, fisher, simulations.x[mine]) < epsilon
        left = settings.max_simulations - len(simulations)
        if np.count_nonzero(close) >= settings.accepted or left <= 0 or simulations.rounds > population + 1:
            return simulations
        rng = target.random(_DRAWS, len(simulations))
        simulations = simulations.with_drawn(proposal.draw(rng, min(runner.batch, left)), population)


def _accepted(
    target: Target, fisher: np.ndarray, simulations: Simulations, population: int, epsilon: float, proposal: Proposal
) -> Accepted:
    mine = (simulations.round == population) & simulations.ok
    theta, distance = simulations.theta[mine], _distance(target, fisher, simulations.x[mine])
    theta, distance = theta[distance < epsilon], distance[distance < epsilon]
    if not len(theta):
        return Accepted(theta, distance, np.empty(0), epsilon, population)
    log_weights = target.prior.log_density(theta) - proposal.log_density(theta)
    weights = np.exp(log_weights - log_weights.max())
    return Accepted(theta, distance, weights / weights.sum(), epsilon, population)


def _distance(target: Target, fisher: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Of summaries (m, p) from the data, in the metric: (m,)."""
    residual = x - target.observed
    return np.sqrt(np.einsum("ma,ab,mb->m", residual, fisher, residual))
