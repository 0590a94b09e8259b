"""Posteriors by simulation against the Gaussian posterior of the same summaries: for bench.imnn.

python -m bench.imnn_posterior CONFIG.toml IMNN.safetensors [--targets 50] [--fields 200]

Targets are fields at the network's fiducial parameters; each goes through `lss-recon` as an observation of a user's
would. What is compared: the means (in sigmas of N(score estimate, F^-1), rms over the parameters) and the areas,
sqrt(det). Rejection sampling shares one pool of simulations between the targets. Calibration: fields whose parameters
are drawn from a prior of some sigmas' width, with one density learned from simulations of that prior.
"""

import argparse
import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np

from lss import compression, stages
from lss.conditional_density import fit
from lss.config import Configuration, Settings, merge, read_toml, validate
from lss.inference import Prior, with_parameters
from lss.progress import progress
from lss.restart import Restart
from lss.universe import Universe
from lss_recon import abc, delfi, posterior
from lss_recon.config import Config
from lss_recon.proposals import gaussian
from lss_recon.simulations import Runner, Simulations
from lss_stats.coverage import expected_deviation, largest_deviation, ranks, tarp_level

SEED = 20_000  # of the targets; no network is trained with it
POOL, WIDTH, EPSILON, ACCEPTED = 40_000, 2.0, 0.4, 350
CALIBRATED_SIGMAS, CALIBRATION_SIMULATIONS, SAMPLES = 8.0, 2000, 500
DELFI = {
    "method": "delfi",
    "simulations": {"first": "fisher"},
    "delfi": {"rounds": 2, "simulations": 500, "samples": 2000},
    "density": {"members": 2},
}


def figures(checkpoint: Path, settings: Settings, targets: int = 50, fields: int = 200) -> dict[str, Any]:
    """Everything: the keys of bench.imnn that concern posteriors, and the seconds they took."""
    start = time.process_time()
    found = agreement(checkpoint, settings, targets) | rejection(checkpoint, settings, targets)
    found |= calibration(checkpoint, settings, fields)
    return found | {"posterior_cpu_seconds": round(time.process_time() - start)}


def agreement(checkpoint: Path, settings: Settings, targets: int) -> dict[str, Any]:
    """DELFI through lss-recon: mean shift (sigma), mean ratio of the areas, simulations of one posterior."""
    compressor = compression.load(checkpoint)
    shifts, areas, simulations = [], [], 0
    for index in range(targets):
        universe = observed(settings, compressor.parameters, compressor.fiducial, index)
        asked = merge(universe.config, {"recon": {**DELFI, "checkpoint": str(checkpoint)}})
        group = stages.run("recon", universe, asked, index=index).group("recon/posterior")
        shift, area = compared(group.data["samples"], group.data["weights"], group.attrs)
        shifts.append(shift)
        areas.append(area)
        simulations = int(group.attrs["simulations"])
    return {
        "delfi_mean_shift_sigma": round(float(np.mean(shifts)), 4),
        "delfi_area_ratio": round(float(np.mean(areas)), 4),
        "delfi_area_ratio_scatter": round(float(np.std(areas)), 4),
        "delfi_simulations": simulations,
    }


def rejection(checkpoint: Path, settings: Settings, targets: int) -> dict[str, Any]:
    """ABC with one pool of simulations for all targets; simulations: what ACCEPTED take of a target's own proposal."""
    compressor = compression.load(checkpoint)
    config = _config(settings, checkpoint, {"method": "abc"})
    prior, names = config.inference.prior, compressor.parameters
    pool_proposal = gaussian(compressor.fiducial, WIDTH**2 * np.linalg.inv(compressor.fisher), prior)
    with progress("pool", POOL) as bar:
        universe = observed(settings, names, compressor.fiducial, 0)
        runner = runner_of(universe, config, bar)
        drawn = pool_proposal.draw(np.random.default_rng(SEED), POOL)
        pool = runner.make(Simulations.none(len(names), len(names)).with_drawn(drawn, 0))
    shifts, areas, shares = [], [], []
    asked = config.recon.abc.model_copy(update={"epsilon": EPSILON, "accepted": ACCEPTED, "max_simulations": POOL})
    for index in range(targets):
        data = posterior.data_of(observed(settings, names, compressor.fiducial, index), config)
        target = delfi.Target(data.summaries, names, prior, pool_proposal, (SEED, index))
        _, accepted = abc.accept(target, compressor.fisher, asked, runner, pool)
        about = {"score_estimate": data.summaries, "fisher": compressor.fisher}
        shift, area = compared(accepted.theta, accepted.weights, about)
        shifts.append(shift)
        areas.append(area)
        shares.append(len(accepted.theta) / POOL)
    return {
        "abc_mean_shift_sigma": round(float(np.mean(shifts)), 4),
        "abc_area_ratio": round(float(np.mean(areas)), 4),
        "abc_simulations": round(ACCEPTED / float(np.median(shares))),
    }


def calibration(checkpoint: Path, settings: Settings, fields: int) -> dict[str, Any]:
    """TARP and ranks of the posteriors of one learned density, over parameters drawn from its prior.

    Largest distances of their distributions from uniform; `expected` is what chance leaves 95% of the time.
    """
    compressor = compression.load(checkpoint)
    sigma = np.sqrt(np.diag(np.linalg.inv(compressor.fisher)))
    low, high = compressor.fiducial - CALIBRATED_SIGMAS * sigma, compressor.fiducial + CALIBRATED_SIGMAS * sigma
    narrow = merge(settings, {"inference": {"low": low.tolist(), "high": high.tolist()}})
    config = _config(narrow, checkpoint, DELFI)
    prior, names = Prior(low, high), compressor.parameters
    rng = np.random.default_rng(SEED + 1)
    with progress("calibration", CALIBRATION_SIMULATIONS + fields) as bar:
        universe = observed(narrow, names, compressor.fiducial, 0)
        runner = runner_of(universe, config, bar)
        drawn = Simulations.none(len(names), len(names)).with_drawn(prior.draw(rng, CALIBRATION_SIMULATIONS), 0)
        simulations = runner.make(drawn)
        learned = delfi.Learned(fit(*simulations.good(), config.recon.density, SEED, names), prior)
        truths = prior.draw(rng, fields)
        tests = runner.make(simulations.with_drawn(truths, 1)).x[CALIBRATION_SIMULATIONS:]
    levels, below = [], []
    for index, (x, truth) in enumerate(zip(tests, truths, strict=True)):
        target = delfi.Target(x, names, prior, prior, (SEED + 1, index))
        samples = delfi.posterior(learned, target, SAMPLES).theta
        levels.append(tarp_level(samples, truth, prior.draw(rng, 1)[0], high - low))
        below.append(ranks(samples, truth))
    return {
        "tarp_max_deviation": round(largest_deviation(np.array(levels)), 4),
        "rank_max_deviation": [round(largest_deviation(column), 4) for column in np.array(below).T],
        "tarp_expected_deviation": round(expected_deviation(fields), 4),
    }


def observed(settings: Settings, names: tuple[str, ...], theta: np.ndarray, index: int) -> Universe:
    """A field at theta, as lss-ic makes it."""
    own = merge(with_parameters(settings, names, theta.tolist()), {"ic": {"seed": SEED}})
    config = validate(Configuration, own, "configuration")
    return stages.run("ic", Universe(config.cosmology, config.box, own), own, index=index)


def compared(theta: np.ndarray, weights: np.ndarray, about: dict[str, Any]) -> tuple[float, float]:
    """Shift of the mean (sigma, rms over parameters) and ratio of the areas, against N(score estimate, F^-1)."""
    fisher, centre = np.asarray(about["fisher"]), np.asarray(about["score_estimate"])
    mean = weights @ theta
    covariance = (weights[:, None] * (theta - mean)).T @ (theta - mean)
    shift = np.sqrt((mean - centre) @ fisher @ (mean - centre) / len(mean))
    return float(shift), float(np.sqrt(np.linalg.det(covariance) * np.linalg.det(fisher)))


def runner_of(universe: Universe, config: Config, bar: Any) -> Runner:
    """What simulates for this configuration, keeping nothing on disk."""
    return posterior.runner_of(universe, config, posterior.data_of(universe, config), SEED, Restart(None), bar)


def _config(settings: Settings, checkpoint: Path, recon: Settings) -> Config:
    asked = merge(settings, {"recon": {**recon, "checkpoint": str(checkpoint)}})
    return validate(Config, asked, "configuration")


def main() -> None:
    """Print the JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path, help="the [inference], [ic], [box] and [recon] of the fields")
    parser.add_argument("checkpoint", type=Path, help="of model imnn")
    parser.add_argument("--targets", type=int, default=50)
    parser.add_argument("--fields", type=int, default=200)
    arguments = parser.parse_args()
    logging.getLogger("lss").setLevel(logging.WARNING)
    settings = read_toml(arguments.config)
    print(json.dumps(figures(arguments.checkpoint, settings, arguments.targets, arguments.fields)))


if __name__ == "__main__":
    main()
