"""`model = "imnn"`: fields to as many summaries as there are parameters (see lss.learned.compression)."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lss import stages
from lss.config import Settings
from lss.errors import ConfigError, DataError
from lss.files.provenance import file_hash
from lss.files.restart import Restart
from lss.files.universe_file import read_universe, universe_files
from lss.inference import with_parameters
from lss.learned.compression import Compressor, log_det
from lss.nets.checkpoint import Card, build, save_checkpoint
from lss.stages import IMPORTS_BYTES, Plan
from lss_train.config import Config
from lss_train.training.device import device_of

if TYPE_CHECKING:
    from lss_train.data.simulations import Simulations

log = logging.getLogger("lss.train")

TORCH_BYTES = 400_000_000
# Measured in two dimensions: one simulation of an update, with its derivatives, forward and backward.
STEP_BYTES = 400  # per pixel
STEP_CPU_SECONDS = 6e-7  # per pixel
MARGIN = 0.02  # of the prior's width: as close as a new fiducial may come to its edge


def train_imnn(
    inputs: Sequence[Path], config: Config, settings: Settings, output: Path, restart: Restart, observed: Path | None
) -> None:
    """Train a compressor on simulations in memory, or on the stored universes of `inputs`.

    observed : a universe at whose score estimate the network is trained again, until the estimate stays put
    Raises ConfigError, DataError, Stopped.
    """
    import torch

    from lss.process.threads import threads

    torch.set_num_threads(threads())
    inference, imnn = config.inference, config.train.imnn
    if inputs and observed is not None:
        raise ConfigError(
            "--observed: stored universes have one fiducial; only simulations in memory follow an estimate"
        )
    data = None
    if observed is not None:
        universe = read_universe(observed, ["fields"])
        data = universe.field(inference.data).value
        if len(data) != config.box.n:
            raise DataError(f"{observed}: /fields/{inference.data} has shape {data.shape}; [box] n = {config.box.n}")
        if universe.box.size != config.box.size:
            raise DataError(f"{observed}: a box of {universe.box.size:g} Mpc/h; [box] size = {config.box.size:g}")
        restart = restart.bound_to(file_hash(observed))
    fiducial, following = np.array(inference.fiducial), data is not None
    rounds: list[dict[str, Any]] = []
    while True:
        torch.manual_seed(config.train.seed)
        journal_path = None if following else output.with_suffix(".jsonl")
        compressor = _train_once(
            inputs, _untrained(config) if following else config, settings, fiducial, len(rounds), restart, journal_path
        )
        rounds.append({"fiducial": fiducial.tolist(), "root_det_fisher": root_det(compressor.fisher)})
        log.info("fiducial %s: sqrt(det F) = %.4g", _shown(fiducial), root_det(compressor.fisher))
        if data is None:
            break
        estimate = compressor.score_estimate(compressor.summaries(data[None, None]))[0]
        moved = float(np.sqrt((estimate - fiducial) @ compressor.fisher @ (estimate - fiducial)))
        rounds[-1] |= {"estimate": estimate.tolist(), "moved": moved}
        log.info("score estimate %s, %.2f sigma from the fiducial", _shown(estimate), moved)
        if not following:
            break
        following = moved > imnn.tolerance and len(rounds) < imnn.rounds
        low, high = np.array(inference.low), np.array(inference.high)
        if not inference.prior.contains(estimate):
            log.warning("the estimate lies outside the prior of [inference]; the next fiducial stays inside")
        fiducial = np.clip(estimate, low + MARGIN * (high - low), high - MARGIN * (high - low))
    card = {**compressor.card, "training": compressor.card["training"] | {"rounds": rounds}}
    save_checkpoint(output, compressor.network.state_dict(), card)


def _untrained(config: Config) -> Config:
    """The same without updates: the first weights follow an estimate well enough."""
    imnn = config.train.imnn.model_copy(update={"updates": 0})
    return config.model_copy(update={"train": config.train.model_copy(update={"imnn": imnn})})


def _train_once(
    inputs: Sequence[Path],
    config: Config,
    settings: Settings,
    fiducial: np.ndarray,
    number: int,
    restart: Restart,
    journal_path: Path | None,
) -> Compressor:
    """One round: a network at one fiducial, with its figures on simulations that it has not seen.

    Raises DataError where they are too few to measure its information.
    """
    from lss_train.data.simulations import FIGURES, moments
    from lss_train.training.imnn_loop import fit

    imnn = config.train.imnn
    source, data_card = _source(inputs, config, settings, fiducial)
    if source.shape[0] % 2**imnn.levels:
        n = source.shape[0]
        raise ConfigError(
            f"[train.imnn] levels = {imnn.levels}: a grid of {n} points per side cannot be halved that often"
        )
    architecture = {
        "kind": "compressor",
        **{"dimensions": len(source.shape), "n": source.shape[0], "outputs": len(fiducial)},
        **{key: getattr(imnn, key) for key in ("bands", "channels", "levels", "hidden")},
    }
    network = build(architecture, "[train.imnn]").to(source.device)
    run = fit(network, source, config.train, restart, f"round-{number}", journal_path)
    network.load_state_dict(run.best)
    found = moments(network, source.batches(FIGURES, 0, imnn.figures))
    training = config.train.model_dump(mode="json", exclude_none=True)
    fisher, names = found.fisher(), tuple(config.inference.parameters)
    if min(run.best_information, log_det(fisher)) == -math.inf:
        raise DataError(
            "the Fisher matrix of the simulations kept back is not positive: too few of them, or of their pairs, to"
            " tell the derivatives from noise"
        )
    card: Card = {
        "model": "imnn",
        "architecture": architecture,
        "inputs": {"data": config.inference.data, "parameters": list(names), "fiducial": fiducial.tolist()},
        "training": training
        | {"updates": run.update, "best_update": run.best_update, "wall_seconds": round(run.seconds)},
        "data": data_card,
        "validation": {
            "information": run.best_information,
            "simulations": found.count,
            "mean": found.mean.tolist(),
            "covariance": found.covariance.tolist(),
            "derivative": found.derivative.tolist(),
            "fisher": fisher.tolist(),
            "root_det_fisher": root_det(fisher),
        },
    }
    source_name, measured = f"round {number + 1}", (found.mean, found.covariance, found.derivative, fisher)
    return Compressor(network.eval(), card, source_name, source.device, names, fiducial, *measured)


def _source(
    inputs: Sequence[Path], config: Config, settings: Settings, fiducial: np.ndarray
) -> "tuple[Simulations, Card]":
    """Where the fields come from, and what the card says of it."""
    from lss.differentiable.field_models import simulator
    from lss_train.data.simulations import InMemory
    from lss_train.data.stored import read_stored

    inference, imnn = config.inference, config.train.imnn
    device = device_of(config.train.device)
    if inputs:
        stored = read_stored(inputs, inference, config.train.validation, config.train.seed, device)
        counts = {"universes": len(stored.fiducial), "pairs": stored.below.shape[1]}
        return stored, {**counts, "step": list(inference.step), "box": stored.box.model_dump()}
    stages.check(inference.stages, settings)
    step = np.array(inference.step) if imnn.derivatives == "differences" else None
    fields = simulator(with_parameters(settings, inference.parameters, fiducial.tolist()), inference.parameters)
    tables = {name: settings[name] for name in ("cosmology", "box", "ic") if name in settings}
    source = InMemory(fields, fiducial, step, config.train.seed, imnn.distinct, device)
    return source, {"simulator": tables, "box": config.box.model_dump()}


def plan_imnn(inputs: Sequence[Path], config: Config) -> Plan:
    """What a training would hold and cost; fields in memory are taken for two-dimensional."""
    imnn = config.train.imnn
    seen = imnn.updates * imnn.simulations
    passed = imnn.first_weights + imnn.figures + imnn.validation * (1 + imnn.updates // imnn.every)
    pixels, held, fields = config.box.n**2, 0, f"simulate {seen + passed} fields"
    if inputs:
        files = universe_files(inputs)
        pixels = read_universe(files[0], ["fields"]).field(config.inference.data).value.size
        passed, held, fields = len(files), 4 * pixels * len(files), f"read the fields of {len(files)} universes"
    memory = IMPORTS_BYTES + TORCH_BYTES + held + STEP_BYTES * pixels * imnn.simulations
    steps = [fields, f"train model 'imnn' for up to {imnn.updates} updates"]
    return Plan(memory, (seen + passed / 3) * pixels * STEP_CPU_SECONDS, steps)


def root_det(fisher: np.ndarray) -> float:
    """sqrt(det F), 0 where F is not positive: pi over it is the area of the one-sigma ellipse of two parameters."""
    return math.exp(log_det(fisher) / 2)


def _shown(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"
