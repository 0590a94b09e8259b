"""Method delfi, density-estimation likelihood-free inference: p(x | theta) is learned in rounds of simulations.

Round 0 draws parameters from a broad proposal; later ones from the geometric mean of posterior and prior (or the prior
again). After each round the density is learned anew, from all simulations in the box about the parameters drawn last,
and asked nowhere else: what lies far from the posterior would teach the flows what need not be known, and outside of
their simulations they extrapolate. As it is the density of the summaries that is learned, and not the posterior,
neither proposals nor boxes need a correction.
Source: Alsing, Charnock, Feeney & Wandelt 2019; Makinen et al. 2021 section 4; Deistler et al. 2022 (truncation).
"""

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lss.files.restart import Restart
from lss.inference import Prior
from lss.learned.conditional_density import ConditionalDensity, refuse_few
from lss.learned.density_training import FLOW_CPU_SECONDS, fit
from lss.learned.flows import Flows
from lss.stages import Plan
from lss.universe import Group, Universe
from lss_recon.config import Config
from lss_recon.simulation_based.cost import plan_simulations
from lss_recon.simulation_based.data import Data
from lss_recon.simulation_based.proposals import Kernels, box_about
from lss_recon.simulation_based.run import infer_parameters
from lss_recon.simulation_based.runner import Runner
from lss_recon.simulation_based.settings import Delfi
from lss_recon.simulation_based.simulations import Simulations
from lss_recon.simulation_based.target import Target, describe, refuse_outside
from lss_recon.simulation_based.tempering import Draws, temper
from lss_recon.simulation_based.trained_density import load_trained

log = logging.getLogger("lss.recon")

_DRAWS, _FIT, _POSTERIOR = 0, 1, 2  # streams


def members(config: Config) -> int:
    """A posterior is one universe."""
    return 1


def run(universe: Universe, config: Config, *, index: int, truth: Path | None, restart: Restart) -> Universe:
    """The posterior of the parameters of [inference] by a learned density: see `infer_parameters`."""
    settings: Delfi = config.recon.delfi
    flows: Flows = config.recon.density
    prior = config.inference.prior

    def infer(target: Target, data: Data, runner: Runner, simulations: Simulations) -> tuple[Simulations, Group]:
        if settings.density is not None:
            learned = TruncatedDensity(*load_trained(settings.density, config, data.summaries))
        else:
            simulations, learned = learn(target, settings, flows, runner, simulations)
        draws = draw_posterior(learned, target, settings.samples)
        log_density = draws.log_likelihood + prior.log_density(draws.theta) - draws.log_evidence
        weights = np.full(len(draws.theta), 1 / len(draws.theta))
        columns = {"samples": draws.theta, "weights": weights, "log_density": log_density}
        attrs = {"log_evidence": draws.log_evidence, "flow_weights": learned.density.weights}
        return simulations, Group(columns, attrs, dict.fromkeys(columns, "1"))

    most = _most(settings)
    return infer_parameters(universe, config, infer, most=most, index=index, truth=truth, restart=restart)


def plan(universe: Universe | None, config: Config) -> Plan:
    """Peak memory of the whole process and CPU time of all simulations and of the flows."""
    settings: Delfi = config.recon.delfi
    flows: Flows = config.recon.density
    most = _most(settings)
    rounds = settings.rounds if most else 0
    return plan_simulations(universe, config, most, FLOW_CPU_SECONDS * flows.members * rounds * most / 2)


def _most(settings: Delfi) -> int:
    return 0 if settings.density else settings.rounds * settings.simulations


@dataclass(frozen=True)
class TruncatedDensity:
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
) -> tuple[Simulations, TruncatedDensity]:
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
    return simulations, _learn_density(target, settings, flows, simulations)


def _parameters(number: int, target: Target, settings: Delfi, flows: Flows, simulations: Simulations) -> np.ndarray:
    """The parameters of a round, (n, p)."""
    rng = target.random(_DRAWS, number)
    if number == 0:
        return target.first.draw(rng, settings.simulations)
    if settings.proposal == "prior":
        return target.prior.draw(rng, settings.simulations)
    learned = _learn_density(target, settings, flows, simulations)
    theta = learned.draw(target, settings.simulations, rng, power=0.5).theta
    log.info("round %d: %s", number + 1, describe(target.names, theta))
    return theta


def _learn_density(target: Target, settings: Delfi, flows: Flows, simulations: Simulations) -> TruncatedDensity:
    """The density of the simulations so far."""
    box = target.prior
    for number in range(simulations.rounds):
        narrowed = isinstance(target.first, Kernels) if number == 0 else settings.proposal == "geometric"
        if narrowed:
            box = box_about(simulations.theta[simulations.round == number], box)
    theta, x = simulations.good()
    inside = box.contains(theta)
    seed = [*target.seed, _FIT, simulations.rounds]
    return TruncatedDensity(fit(theta[inside], x[inside], flows, seed, target.names), box)


def draw_posterior(learned: TruncatedDensity, target: Target, count: int) -> Draws:
    """Samples of p(theta | observed)."""
    draws = learned.draw(target, count, target.random(_POSTERIOR))
    log.info("posterior: %s", describe(target.names, draws.theta))
    return draws
