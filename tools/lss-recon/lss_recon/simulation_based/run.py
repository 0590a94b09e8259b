"""Methods delfi and abc: the parameters behind an observed field, from simulations alone.

The field is compressed by an information-maximising network to its score estimates, one for each parameter, and so is
every simulation; the posterior of the parameters given those of the data is what is inferred.
"""

import dataclasses
import hashlib
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from lss import stages
from lss.config import Settings, merge, validate
from lss.errors import ConfigError, DataError
from lss.files.provenance import file_hash
from lss.files.restart import Restart
from lss.inference import join_names
from lss.learned import compression
from lss.learned.conditional_density import FLOW_CPU_SECONDS, TORCH_BYTES
from lss.learned.conditional_density import load as load_density
from lss.nets.checkpoint import resolve
from lss.process.progress import Bar, progress
from lss.stages import IMPORTS_BYTES, Plan
from lss.universe import Group, Universe
from lss_recon.config import Config
from lss_recon.simulation_based import abc, delfi
from lss_recon.simulation_based.proposals import Proposal, gaussian
from lss_recon.simulation_based.simulate import FIELDS, Compress, by_stages, compressed, in_memory
from lss_recon.simulation_based.simulations import Runner, Simulate, Simulations

log = logging.getLogger("lss.recon")

# Measured at 128^2: a random field and its summaries; what they hold, of FIELDS at a time.
FIELD_CPU_SECONDS, FIELD_BYTES = 5e-8, 400  # per voxel


@dataclass(frozen=True)
class Data:
    """The observed field's summaries, and what compressed them.

    summaries : (p,) score estimates; compress : fields (b, 1, n, n[, n]) -> score estimates (b, p)
    """

    summaries: np.ndarray
    compressor: compression.Compressor
    compress: Compress


def run(universe: Universe, config: Config, *, index: int, restart: Restart) -> Universe:
    """Infer parameters from the observed field [inference] data.

    Returns the universe with /recon/posterior (samples, weights, log_density or distance) and /recon/simulations
    (theta, x, round, ok) in place of what /recon held.
    Raises DataError and ConfigError, in one line, for what cannot be inferred; Stopped with the state saved.
    """
    recon, prior = config.recon, config.inference.prior
    data = data_of(universe, config)
    target = delfi.Target(data.summaries, config.inference.parameters, prior, _first(config, data), (recon.seed, index))
    with progress(f"lss-recon {recon.method}", _most(config)) as bar:
        runner = runner_of(universe, config, data, index, restart, bar)
        simulations = runner.load(len(data.summaries))
        bar.update(simulations.made)
        if recon.method == "abc":
            simulations, accepted = abc.accept(target, data.compressor.fisher, recon.abc, runner, simulations)
            samples = {"samples": accepted.theta, "weights": accepted.weights, "distance": accepted.distance}
            attrs: dict[str, Any] = {"epsilon": accepted.epsilon, "effective_samples": accepted.effective}
        else:
            if recon.delfi.density is not None:
                learned = _given(recon.delfi.density, config, data.summaries)
            else:
                simulations, learned = delfi.learn(target, recon.delfi, recon.density, runner, simulations)
            draws = delfi.posterior(learned, target, recon.delfi.samples)
            log_density = draws.log_likelihood + prior.log_density(draws.theta) - draws.log_evidence
            weights = np.full(len(draws.theta), 1 / len(draws.theta))
            samples = {"samples": draws.theta, "weights": weights, "log_density": log_density}
            attrs = {"log_evidence": draws.log_evidence, "flow_weights": learned.density.weights}
    return _result(universe, config, data, simulations, Group(samples, attrs, dict.fromkeys(samples, "1")))


def data_of(universe: Universe, config: Config) -> Data:
    """Compress the observed field.

    Raises DataError if there is none, it is not finite or in another box than the network was trained on, ConfigError
    if that was trained for other parameters.
    """
    inference, name = config.inference, config.recon.checkpoint
    compressor = compression.load(name)
    if compressor.parameters != inference.parameters:
        raise ConfigError(
            f"checkpoint {name} was trained for {', '.join(compressor.parameters)};"
            f" [inference] parameters = {list(inference.parameters)}"
        )

    compressor.refuse_other_box(universe)

    def compress(fields: np.ndarray) -> np.ndarray:
        return compressor.score_estimate(compressor.summaries(fields))

    field = universe.field(inference.data)
    (x,) = compressed(field.value[None, None].astype(np.float32), compress)
    if not np.isfinite(x).all():
        raise DataError(f"{universe.source}: /fields/{inference.data} is not finite, or its summaries are not")
    sigma = np.sqrt(np.diag(np.linalg.inv(compressor.fisher)))
    columns = zip(inference.parameters, x, sigma, strict=True)
    log.info("score estimate: %s", ", ".join(f"{key} = {value:.4g} +- {error:.2g}" for key, value, error in columns))
    if not inference.prior.contains(x):
        log.warning("the score estimate lies outside the prior; summaries are linear about their fiducial only")
    return Data(x, compressor, compress)


def _first(config: Config, data: Data) -> Proposal:
    """Where the first parameters are drawn."""
    inference, settings = config.inference, config.recon.simulations
    if settings.first == "prior":
        return inference.prior
    covariance = settings.width**2 * np.linalg.inv(data.compressor.fisher)
    return gaussian(data.summaries, covariance, inference.prior)


def runner_of(universe: Universe, config: Config, data: Data, index: int, restart: Restart, bar: Bar) -> Runner:
    inference, recon = config.inference, config.recon
    settings = simulation_settings(universe, config)
    # The state belongs to the data and the network as well, which the console cannot know.
    observed = hashlib.sha256(data.summaries.tobytes()).hexdigest()
    bound = restart.bound_to(file_hash(resolve(recon.checkpoint)), observed, str(index))
    simulate: Simulate
    if makes_fields_in_memory(config):
        batch = recon.simulations.batch
        simulate = in_memory(settings, inference.parameters, data.compress, recon.seed, index)
    else:
        batch = 1
        arguments = (inference.stages, settings, inference.parameters, inference.data)
        simulate = by_stages(*arguments, data.compress, recon.seed, index, bound)
    return Runner(simulate, batch, recon.simulations.max_failed, inference.parameters, bound, bar)


def makes_fields_in_memory(config: Config) -> bool:
    """Whether the data is a random field that torch makes by the thousand."""
    field = config.ic.get("field", "linear")
    return config.inference.stages == ("ic",) and field.replace("-", "_") == config.inference.data


def simulation_settings(universe: Universe, config: Config) -> Settings:
    """The settings of a simulation: those of the input and the user's, every table that was checked complete.

    Raises ConfigError if they do not suit the stages of [inference].
    """
    given = {name: getattr(config, name) for name in ("ic", "sim", "halo")}
    known = {name: getattr(config, name).model_dump() for name in ("cosmology", "box")}
    settings = merge(universe.config, given | known)
    stages.check(config.inference.stages, settings)
    return settings


def _given(name: str, config: Config, observed: np.ndarray) -> delfi.Learned:
    """A trained density, which must know the parameters, the network, the whole prior and the like of the data."""
    density, data = load_density(name)
    names, prior, checkpoint = config.inference.parameters, config.inference.prior, config.recon.checkpoint
    if density.names != names:
        raise ConfigError(
            f"density {name} was trained for {', '.join(density.names)}; [inference] parameters = {list(names)}"
        )
    if data.get("compressor_sha256") != file_hash(resolve(checkpoint)):
        raise ConfigError(f"density {name} is that of another network's summaries; [recon] checkpoint = {checkpoint}")
    drawn = np.array([data["low"], data["high"]])
    box = delfi.box_about(drawn, prior)
    unknown = np.flatnonzero((box.low > prior.low) | (box.high < prior.high))
    if len(unknown):
        i = unknown[0]
        raise ConfigError(
            f"density {name} is of simulations with {names[i]} from {drawn[0, i]:.4g} to {drawn[1, i]:.4g};"
            f" [inference] low and high reach from {prior.low[i]:g} to {prior.high[i]:g}: narrow them, or train on more"
        )
    if "summaries_low" in data:  # cards of early densities lack it
        delfi.refuse_outside(observed, np.array([data["summaries_low"], data["summaries_high"]]))
    return delfi.Learned(density, box)


def _most(config: Config) -> int:
    recon = config.recon
    if recon.method == "abc":
        return recon.abc.max_simulations
    return 0 if recon.delfi.density else recon.delfi.rounds * recon.delfi.simulations


def _result(universe: Universe, config: Config, data: Data, simulations: Simulations, posterior: Group) -> Universe:
    names, prior, recon = config.inference.parameters, config.inference.prior, config.recon
    attrs = posterior.attrs | {
        "method": recon.method,
        "parameters": join_names(names),
        "score_estimate": data.summaries,
        "fisher": data.compressor.fisher,
        "low": prior.low,
        "high": prior.high,
        "simulations": simulations.made,
        "failed": simulations.failed,
        "checkpoint": recon.checkpoint,
        "checkpoint_sha256": file_hash(resolve(recon.checkpoint)),
    }
    if simulations.failed:
        log.warning("%d of %d simulations failed and were left out", simulations.failed, simulations.made)
    result = universe.without("recon")
    result = result.with_group("recon/posterior", dataclasses.replace(posterior, attrs=attrs))
    if len(simulations):
        result = result.with_group("recon/simulations", simulations.as_group(names))
    return result


def plan(universe: Universe | None, config: Config) -> Plan:
    """Peak memory of the whole process and CPU time of all simulations."""
    recon, inference = config.recon, config.inference
    settings = simulation_settings(universe or Universe(config.cosmology, config.box), config)
    dimensions = config.ic.get("dimensions", 3)
    voxels, most = config.box.n**dimensions, _most(config)
    if makes_fields_in_memory(config):
        simulation = [Plan(FIELD_BYTES * FIELDS * voxels, FIELD_CPU_SECONDS * voxels, ["a field in memory"])]
    else:
        found = map(stages.find, inference.stages)
        simulation = [stage.plan(None, validate(stage.Config, settings, "configuration")) for stage in found]
    rounds = recon.delfi.rounds if recon.method == "delfi" and not recon.delfi.density else 0
    learning = FLOW_CPU_SECONDS * recon.density.members * rounds * most / 2
    return Plan(
        int(IMPORTS_BYTES + TORCH_BYTES + max(part.memory_bytes for part in simulation)),
        most * sum(part.cpu_seconds for part in simulation) + learning,
        [
            f"{recon.method}: {', '.join(inference.parameters)} from /fields/{inference.data}",
            f"at most {most} simulations, each:",
            *(f"    {step}" for part in simulation for step in part.steps),
        ],
    )
