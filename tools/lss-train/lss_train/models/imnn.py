"""`model = "imnn"`: fields to as many summaries as there are parameters (see lss.learned.compression)."""

import dataclasses
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lss import stages
from lss.errors import ConfigError, DataError
from lss.files.provenance import file_hash
from lss.files.universe_file import read_universe, universe_files
from lss.inference import Inference, with_parameters
from lss.learned.compression import Compressor, Moments, log_det
from lss.nets.checkpoint import Card, build, save_checkpoint
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss_train.training.device import device_of
from lss_train.training.imnn_settings import Settings
from lss_train.training.run import TrainingRun

if TYPE_CHECKING:
    from lss_train.config import Config
    from lss_train.data.field_batches import FieldSource

log = logging.getLogger("lss.train")

# Measured in two dimensions: one simulation of an update, with its derivatives, forward and backward.
STEP_BYTES = 400  # per pixel
STEP_CPU_SECONDS = 6e-7  # per pixel
SIMULATES = True
FOLLOWS = True
MARGIN = 0.02  # of the prior's width: as close as a new fiducial may come to its edge


def train(run: TrainingRun) -> None:
    """Train a compressor on simulations in memory, or on the stored universes of the inputs.

    run.observed : a universe at whose score estimate the network is trained again, until the estimate settles
    Raises ConfigError, DataError, Stopped.
    """
    import torch

    from lss.process.threads import threads

    torch.set_num_threads(threads())
    inference, settings = run.config.inference, run.config.train.sub_table(Settings)
    data = None
    if run.observed is not None:
        data = _observed_field(run, run.observed)
        run = dataclasses.replace(run, restart=run.restart.bound_to(file_hash(run.observed)))
    fiducial, following = np.array(inference.fiducial), data is not None
    rounds: list[dict[str, Any]] = []
    while True:
        torch.manual_seed(run.config.train.seed)
        # While it follows an estimate it makes no updates: the first weights follow well enough.
        journal_path = None if following else run.journal
        at = settings.model_copy(update={"updates": 0}) if following else settings
        compressor = _train_once(run, at, fiducial, len(rounds), journal_path)
        rounds.append({"fiducial": fiducial.tolist(), "root_det_fisher": root_det(compressor.fisher)})
        log.info("fiducial %s: sqrt(det F) = %.4g", _format(fiducial), root_det(compressor.fisher))
        if data is None:
            break
        estimate = compressor.score_estimate(compressor.summaries(data[None, None]))[0]
        moved = float(np.sqrt((estimate - fiducial) @ compressor.fisher @ (estimate - fiducial)))
        rounds[-1] |= {"estimate": estimate.tolist(), "moved": moved}
        log.info("score estimate %s, %.2f sigma from the fiducial", _format(estimate), moved)
        if not following:
            break
        following = moved > settings.tolerance and len(rounds) < settings.rounds
        fiducial = _inside_prior(estimate, inference)
    card = {**compressor.card, "training": compressor.card["training"] | {"rounds": rounds}}
    save_checkpoint(run.checkpoint, compressor.network.state_dict(), card)


def _observed_field(run: TrainingRun, observed: Path) -> np.ndarray:
    """The field of the observed universe. Raises ConfigError beside stored universes, DataError for another grid."""
    if run.inputs:
        raise ConfigError(
            "--observed: stored universes have one fiducial; only simulations in memory follow an estimate"
        )
    inference, box = run.config.inference, run.config.box
    universe = read_universe(observed, ["fields"])
    data = universe.field(inference.data).value
    if len(data) != box.n:
        raise DataError(f"{observed}: /fields/{inference.data} has shape {data.shape}; [box] n = {box.n}")
    if universe.box.size != box.size:
        raise DataError(f"{observed}: a box of {universe.box.size:g} Mpc/h; [box] size = {box.size:g}")
    return data


def _inside_prior(estimate: np.ndarray, inference: Inference) -> np.ndarray:
    """The next fiducial: the estimate, or the nearest point a margin inside the prior."""
    if not inference.prior.contains(estimate):
        log.warning("the estimate lies outside the prior of [inference]; the next fiducial stays inside")
    low, high = np.array(inference.low), np.array(inference.high)
    return np.clip(estimate, low + MARGIN * (high - low), high - MARGIN * (high - low))


def _train_once(
    run: TrainingRun, settings: Settings, fiducial: np.ndarray, number: int, journal_path: Path | None
) -> Compressor:
    """One round: a network at one fiducial, with its figures on simulations that it has not seen.

    Raises DataError where they are too few to measure its information.
    """
    from lss_train.data.field_batches import FIGURES, moments
    from lss_train.training.imnn_loop import fit_imnn

    source, data_card = _source(run, settings, fiducial)
    n = source.shape[0]
    if n % 2**settings.levels:
        raise ConfigError(
            f"[train.imnn] levels = {settings.levels}: a grid of {n} points per side cannot be halved that often"
        )
    architecture = {
        "kind": "compressor",
        **{"dimensions": len(source.shape), "n": n, "outputs": len(fiducial)},
        **{key: getattr(settings, key) for key in ("bands", "channels", "levels", "hidden")},
    }
    network = build(architecture, "[train.imnn]").to(source.device)
    state = fit_imnn(network, source, run.config.train, settings, run.restart, f"round-{number}", journal_path)
    network.load_state_dict(state.best)
    found = moments(network, source.batches(FIGURES, 0, settings.figures))
    fisher, names = found.fisher(), tuple(run.config.inference.parameters)
    if min(state.best_information, log_det(fisher)) == -math.inf:
        raise DataError(
            "the Fisher matrix of the simulations kept back is not positive: too few of them, or of their pairs, to"
            " tell the derivatives from noise"
        )
    updates = {"updates": state.update, "best_update": state.best_update, "wall_seconds": round(state.seconds)}
    card: Card = {
        "model": "imnn",
        "architecture": architecture,
        "inputs": {"data": run.config.inference.data, "parameters": list(names), "fiducial": fiducial.tolist()},
        "training": run.config.train.as_card() | {"imnn": settings.model_dump(mode="json")} | updates,
        "data": data_card,
        "validation": {"information": state.best_information, **_validation(found, fisher)},
    }
    source_name, measured = f"round {number + 1}", (found.mean, found.covariance, found.derivative, fisher)
    return Compressor(network.eval(), card, source_name, source.device, names, fiducial, *measured)


def _validation(found: Moments, fisher: np.ndarray) -> Card:
    """What the card says of the summaries of simulations that were kept back."""
    return {
        "simulations": found.count,
        "mean": found.mean.tolist(),
        "covariance": found.covariance.tolist(),
        "derivative": found.derivative.tolist(),
        "fisher": fisher.tolist(),
        "root_det_fisher": root_det(fisher),
    }


def _source(run: TrainingRun, settings: Settings, fiducial: np.ndarray) -> "tuple[FieldSource, Card]":
    """Where the fields come from, and what the card says of it."""
    from lss.differentiable.field_models import simulator
    from lss_train.data.field_batches import InMemory
    from lss_train.data.stored import read_stored

    inference, train = run.config.inference, run.config.train
    device = device_of(train.device)
    if run.inputs:
        stored = read_stored(run.inputs, inference, train.validation, train.seed, device)
        counts = {"universes": len(stored.fiducial), "pairs": stored.below.shape[1]}
        return stored, {**counts, "step": list(inference.step), "box": stored.box.model_dump()}
    stages.check(inference.stages, run.settings)
    step = np.array(inference.step) if settings.derivatives == "differences" else None
    fields = simulator(with_parameters(run.settings, inference.parameters, fiducial.tolist()), inference.parameters)
    tables = {name: run.settings[name] for name in ("cosmology", "box", "ic") if name in run.settings}
    source = InMemory(fields, fiducial, step, train.seed, settings.distinct, device)
    return source, {"simulator": tables, "box": run.config.box.model_dump()}


def plan(inputs: Sequence[Path], config: "Config") -> Plan:
    """What a training would hold and cost; fields in memory are taken for two-dimensional."""
    settings = config.train.sub_table(Settings)
    seen = settings.updates * settings.simulations
    passed = settings.first_weights + settings.figures + settings.validation * (1 + settings.updates // settings.every)
    pixels, held, fields = config.box.n**2, 0, f"simulate {seen + passed} fields"
    if inputs:
        files = universe_files(inputs)
        pixels = read_universe(files[0], ["fields"]).field(config.inference.data).value.size
        passed, held, fields = len(files), 4 * pixels * len(files), f"read the fields of {len(files)} universes"
    from lss_train.training.cost import BACKWARD_BYTES

    memory = IMPORTS_BYTES + TORCH_BYTES + BACKWARD_BYTES + held + STEP_BYTES * pixels * settings.simulations
    steps = [fields, f"train model 'imnn' for up to {settings.updates} updates"]
    return Plan(memory, (seen + passed / 3) * pixels * STEP_CPU_SECONDS, steps)


def root_det(fisher: np.ndarray) -> float:
    """sqrt(det F), 0 where F is not positive: pi over it is the area of the one-sigma ellipse of two parameters."""
    return math.exp(log_det(fisher) / 2)


def _format(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"
