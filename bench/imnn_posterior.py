"""Posteriors by simulation against the Gaussian posterior of the same summaries: for bench.imnn.

python -m bench.imnn_posterior CONFIG.toml IMNN.safetensors [--targets 50] [--fields 200]

Targets are fields at the network's fiducial parameters; each goes through `lss-recon` as an observation of a user's
would. What is compared: the means (in sigmas of the reference, rms over the parameters) and the areas, sqrt(det).
Rejection sampling shares one pool of simulations between the targets. Calibration: fields whose parameters are drawn
from a prior of some sigmas' width, with one density learned from simulations of that prior.

    delfi_*, abc_*                  against N(score estimate, F^-1), the Gaussian posterior of the same summaries
    delfi_moving_*, abc_moving_*    against the posterior of summaries that are Gaussian about a mean and with a
                                    covariance which move with the parameters (bench.imnn_reference)
    moving_*                        that one against N(score estimate, F^-1): what of a difference is no error of either
"""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from bench.imnn_reference import Moving, Weighted
from lss import stages
from lss.config import Configuration, Settings, merge, read_toml, validate
from lss.files.restart import Restart
from lss.inference import Prior, with_parameters
from lss.learned import compression
from lss.learned.compression import Compressor
from lss.learned.density_training import fit
from lss.process.progress import progress
from lss.universe import Universe
from lss_recon.config import Config
from lss_recon.simulation_based import abc, delfi
from lss_recon.simulation_based.data import compress_data
from lss_recon.simulation_based.proposals import Kernels, gaussian
from lss_recon.simulation_based.runner import Runner, prepare_runner
from lss_recon.simulation_based.simulations import Simulations
from lss_recon.simulation_based.target import Target
from lss_stats.measures.coverage import expected_deviation, largest_deviation, ranks, tarp_level

SEED = 20_000  # of the targets; no network is trained with it
POOL, WIDTH, EPSILON, ACCEPTED = 50_000, 3.0, 0.4, 350
CALIBRATED_SIGMAS, CALIBRATION_SIMULATIONS, SAMPLES = 8.0, 2000, 500
DELFI = {
    "method": "delfi",
    "simulations": {"first": "fisher"},
    "delfi": {"rounds": 2, "simulations": 500, "samples": 2000},
    "density": {"members": 2},
}


def agreement(checkpoint: Path, settings: Settings, targets: int) -> dict[str, Any]:
    """DELFI and rejection against both references: mean shifts (sigma), mean ratios of the areas, simulations."""
    compressor = compression.load(checkpoint)
    universes = [observed(settings, compressor.parameters, compressor.fiducial, index) for index in range(targets)]
    config = _config(settings, checkpoint, {"method": "abc"})
    summaries = [compress_data(universe, config).summaries for universe in universes]
    pool = pool_of(universes[0], config, compressor)
    rejected, simulations = rejection(summaries, pool, config, compressor)
    learned, found = delfi_posteriors(universes, checkpoint), {"abc_simulations": simulations}
    found["delfi_simulations"] = DELFI["delfi"]["rounds"] * DELFI["delfi"]["simulations"]
    likelihood = Moving.fitted(*pool.good(), compressor.fiducial, compressor.fisher)
    rng, prior = np.random.default_rng(SEED + 2), config.inference.prior
    moving = [likelihood.posterior(x, prior, rng) for x in summaries]
    fixed = [(x, np.linalg.inv(compressor.fisher)) for x in summaries]
    for name, posteriors in {"delfi": learned, "abc": rejected, "moving": moving}.items():
        found |= compared(name, [one.compared(*other) for one, other in zip(posteriors, fixed, strict=True)])
        if name != "moving":
            pairs = zip(posteriors, moving, strict=True)
            found |= compared(f"{name}_moving", [one.compared(other.mean, other.covariance) for one, other in pairs])
    return found


def compared(name: str, shifts_and_areas: list[tuple[float, float]]) -> dict[str, float]:
    """Means over the targets, and the scatter of the areas."""
    shifts, areas = np.array(shifts_and_areas).T
    return {
        f"{name}_mean_shift_sigma": round(float(shifts.mean()), 4),
        f"{name}_area_ratio": round(float(areas.mean()), 4),
        f"{name}_area_ratio_scatter": round(float(areas.std()), 4),
    }


def delfi_posteriors(universes: list[Universe], checkpoint: Path) -> list[Weighted]:
    """Through lss-recon, each with simulations of its own."""
    found = []
    for index, universe in enumerate(universes):
        asked = merge(universe.config, {"recon": {**DELFI, "checkpoint": str(checkpoint)}})
        group = stages.run("recon", universe, asked, index=index).group("recon/posterior")
        found.append(Weighted(group.data["samples"], group.data["weights"]))
    return found


def pool_of(universe: Universe, config: Config, compressor: Compressor) -> Simulations:
    """Simulations that rejection shares between targets about the fiducial."""
    names, drawn = compressor.parameters, proposal(config, compressor).draw(np.random.default_rng(SEED), POOL)
    with progress("pool", POOL) as bar:
        runner = runner_of(universe, config, bar)
        return runner.make(Simulations.none(len(names), len(names)).with_drawn(drawn, 0))


def proposal(config: Config, compressor: Compressor) -> Kernels:
    """Where the pool is drawn from."""
    return gaussian(compressor.fiducial, WIDTH**2 * np.linalg.inv(compressor.fisher), config.inference.prior)


def rejection(
    summaries: list[np.ndarray], pool: Simulations, config: Config, compressor: Compressor
) -> tuple[list[Weighted], int]:
    """ABC with one pool for all targets, and the simulations that ACCEPTED take of a target's own proposal."""
    names, prior = compressor.parameters, config.inference.prior
    asked = config.recon.abc.model_copy(update={"epsilon": EPSILON, "accepted": ACCEPTED, "max_simulations": POOL})
    found = []
    with progress("rejection", None) as bar:
        runner = Runner(no_more, POOL, 1.0, names, Restart(None), bar)
        for index, x in enumerate(summaries):
            target = Target(x, names, prior, proposal(config, compressor), (SEED, index))
            _, accepted = abc.accept(target, compressor.fisher, asked, runner, pool)
            found.append(Weighted(accepted.theta, accepted.weights))
    return found, round(ACCEPTED * POOL / float(np.median([len(one.theta) for one in found])))


def no_more(theta: np.ndarray, first: int) -> np.ndarray:
    """The pool is all there is."""
    raise ValueError(f"simulation {first} asked for")


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
        learned = delfi.TruncatedDensity(fit(*simulations.good(), config.recon.density, SEED, names), prior)
        truths = prior.draw(rng, fields)
        tests = runner.make(simulations.with_drawn(truths, 1)).x[CALIBRATION_SIMULATIONS:]
    levels, below = [], []
    for index, (x, truth) in enumerate(zip(tests, truths, strict=True)):
        target = Target(x, names, prior, prior, (SEED + 1, index))
        samples = delfi.draw_posterior(learned, target, SAMPLES).theta
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


def runner_of(universe: Universe, config: Config, bar: Any) -> Runner:
    """What simulates for this configuration, keeping nothing on disk."""
    return prepare_runner(universe, config, compress_data(universe, config), SEED, Restart(None), bar)


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
    found = agreement(arguments.checkpoint, settings, arguments.targets)
    print(json.dumps(found | calibration(arguments.checkpoint, settings, arguments.fields)))


if __name__ == "__main__":
    main()
