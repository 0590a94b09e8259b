"""Information kept by compressors, and posteriors by simulation: python -m bench.imnn [--folder build/imnn] [...]

Trains what examples/imnn trains, if the folder does not hold it yet, and measures it on simulations of seeds that no
training draws from. The last line printed is JSON:

    fisher_ratio_gaussian, fisher_ratio_lognormal    sqrt(det F / det F_exact) at the network's fiducial, 10,000 fields
    fisher_ratio_first       the same of the first, poor fiducial of the lognormal field, with first weights alone
    retrained_chi2           mean chi^2 of 32 score estimates of lognormal fields about their true parameters
    retrained_fiducial, rounds                       where the rounds of retraining ended, and how many there were
    simulations_per_s, lognormal_simulations_per_s   fields of 128^2 a CPU second of one thread
    *_training_seconds       wall time of the updates of a training
    the others               bench.imnn_posterior, of the Gaussian field
    lognormal_*              the same of the lognormal one, about the fiducial where the rounds of retraining ended
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import imnn_posterior
from lss.config import Settings, read_toml
from lss.differentiable.field_models import Simulator, simulator
from lss.differentiable.information import field_information
from lss.learned import compression
from lss.learned.compression import Compressor
from lss.process.threads import set_threads
from lss_train.data.field_batches import FIGURES, InMemory, moments

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "imnn"
SEED = 90_000  # of the simulations here
UNSEEN, TARGETS, TIMED = 10_000, 32, 400


def main() -> None:
    """Print the JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("build/imnn"), help="of the checkpoints")
    parser.add_argument("--targets", type=int, default=50, help="posteriors to compare")
    parser.add_argument("--fields", type=int, default=200, help="posteriors to calibrate with")
    parser.add_argument("--compression-only", action="store_true", help="no posteriors")
    arguments = parser.parse_args()
    set_threads(1)
    found = compressed(arguments.folder)
    print(json.dumps(found))
    if not arguments.compression_only:
        start = time.process_time()
        checkpoints = {name: arguments.folder / f"{name}.safetensors" for name in ("gaussian", "lognormal")}
        settings = {name: read_toml(EXAMPLES / f"{name}.toml") for name in checkpoints}
        found |= imnn_posterior.agreement(checkpoints["gaussian"], settings["gaussian"], arguments.targets)
        found |= imnn_posterior.calibration(checkpoints["gaussian"], settings["gaussian"], arguments.fields)
        print(json.dumps(found))
        of_lognormal = imnn_posterior.agreement(checkpoints["lognormal"], settings["lognormal"], arguments.targets)
        found |= {f"lognormal_{key}": value for key, value in of_lognormal.items()}
        print(json.dumps(found | {"posterior_cpu_seconds": round(time.process_time() - start)}))


def compressed(folder: Path) -> dict[str, Any]:
    """The figures of both compressors."""
    found: dict[str, Any] = {}
    for name in ("gaussian", "lognormal"):
        checkpoint, settings = folder / f"{name}.safetensors", read_toml(EXAMPLES / f"{name}.toml")
        if not checkpoint.exists():
            made = f"OUT={folder.resolve()}", f"BIN={Path(sys.executable).parent}"
            subprocess.run(["make", "-C", EXAMPLES, *made, checkpoint.resolve()], check=True, stdout=sys.stderr)
        compressor = compression.load(checkpoint)
        simulate = simulator(settings, compressor.parameters)
        found[f"fisher_ratio_{name}"] = information_kept(compressor, simulate)
        prefix = "" if name == "gaussian" else f"{name}_"
        found[f"{prefix}simulations_per_s"] = round(speed(simulate, compressor.fiducial))
        found[f"{name}_training_seconds"] = round(compressor.card["training"]["wall_seconds"])
    rounds = compressor.card["training"]["rounds"]
    first = field_information(simulate, rounds[0]["fiducial"])
    found["fisher_ratio_first"] = round(rounds[0]["root_det_fisher"] / float(np.sqrt(np.linalg.det(first))), 4)
    found["retrained_fiducial"] = [round(value, 4) for value in compressor.fiducial.tolist()]
    found["rounds"] = len(rounds)
    return found | score_estimates(compressor, simulate, settings)


def information_kept(compressor: Compressor, simulate: Simulator) -> float:
    """sqrt(det F / det F_exact) at the fiducial, with derivatives of the simulator."""
    unseen = InMemory(simulate, compressor.fiducial, None, SEED, 0, "cpu")
    fisher = moments(compressor.network, unseen.batches(FIGURES, 0, UNSEEN)).fisher()
    exact = field_information(simulate, compressor.fiducial)
    return round(float(np.sqrt(np.linalg.det(fisher) / np.linalg.det(exact))), 4)


def score_estimates(compressor: Compressor, simulate: Simulator, settings: Settings) -> dict[str, float]:
    """Estimates of fields of the configuration's own parameters: mean chi^2 and its scatter, both 2 if all is well."""
    truth = np.array([settings[table][key] for table, key in (name.split(".") for name in compressor.parameters)])
    noise = simulate.noise(TARGETS, torch.Generator().manual_seed(SEED))
    fields = simulate.fields(torch.from_numpy(truth)[None], noise)
    error = compressor.score_estimate(compressor.summaries(fields)) - truth
    chi2 = np.einsum("na,ab,nb->n", error, compressor.fisher, error)
    return {"retrained_chi2": round(float(chi2.mean()), 3), "retrained_chi2_scatter": round(float(chi2.std()), 3)}


def speed(simulate: Simulator, theta: np.ndarray) -> float:
    """Fields of one parameter vector a CPU second."""
    row, generator = torch.from_numpy(theta)[None], torch.Generator().manual_seed(SEED)
    simulate.fields(row, simulate.noise(1, generator))
    start = time.process_time()
    for _ in range(TIMED // 100):
        simulate.fields(row, simulate.noise(100, generator))
    return TIMED / (time.process_time() - start)


if __name__ == "__main__":
    main()
