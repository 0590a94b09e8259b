"""What every method that infers parameters does: compress the data, simulate, and write the posterior.

The field is compressed by an information-maximising network to its score estimates, one for each parameter, and so is
every simulation; the posterior of the parameters given those of the data is what is inferred.
"""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lss.errors import ConfigError
from lss.files.provenance import file_hash
from lss.files.restart import Restart
from lss.inference import join_names
from lss.nets.checkpoint import resolve
from lss.process.progress import progress
from lss.universe import Group, Universe
from lss_recon.config import Config
from lss_recon.simulation_based.data import Data, compress_data
from lss_recon.simulation_based.proposals import Proposal, gaussian
from lss_recon.simulation_based.runner import Runner, prepare_runner
from lss_recon.simulation_based.simulations import Simulations
from lss_recon.simulation_based.target import Target

log = logging.getLogger("lss.recon")

# What a method does with target, data, runner and the simulations so far -> all simulations, and /recon/posterior.
Infer = Callable[[Target, Data, Runner, Simulations], tuple[Simulations, Group]]


def infer_parameters(
    universe: Universe, config: Config, infer: Infer, *, most: int, index: int, truth: Path | None, restart: Restart
) -> Universe:
    """Infer parameters from the observed field [inference] data, with at most `most` simulations.

    Returns the universe with /recon/posterior (samples, weights, log_density or distance) and /recon/simulations
    (theta, x, round, ok) in place of what /recon held.
    Raises DataError and ConfigError, in one line, for what cannot be inferred; Stopped with the state saved.
    """
    recon, inference = config.recon, config.inference
    if truth is not None:
        raise ConfigError(f'--truth: method = "{recon.method}" infers parameters; there is no field to compare')
    data = compress_data(universe, config)
    target = Target(
        data.summaries, inference.parameters, inference.prior, _first_proposal(config, data), (recon.seed, index)
    )
    with progress(f"lss-recon {recon.method}", most) as bar:
        runner = prepare_runner(universe, config, data, index, restart, bar)
        simulations = runner.load(len(data.summaries))
        bar.update(simulations.made)
        simulations, posterior = infer(target, data, runner, simulations)
    return _with_posterior(universe, config, data, simulations, posterior)


def _first_proposal(config: Config, data: Data) -> Proposal:
    """Where the first parameters are drawn."""
    inference, settings = config.inference, config.recon.simulations
    if settings.first == "prior":
        return inference.prior
    covariance = settings.width**2 * np.linalg.inv(data.compressor.fisher)
    return gaussian(data.summaries, covariance, inference.prior)


def _with_posterior(
    universe: Universe, config: Config, data: Data, simulations: Simulations, posterior: Group
) -> Universe:
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
