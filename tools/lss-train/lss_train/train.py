"""lss-train: from an ensemble of universes to a checkpoint with its model card."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lss.config import Settings
from lss.errors import ConfigError
from lss.files.restart import Restart
from lss.files.universe_file import ensemble_members, read_universe
from lss.stages import IMPORTS_BYTES, Plan
from lss_train.config import Config, Train
from lss_train.data.universes import TrainingSet, read_training_set, write_training_set
from lss_train.training.device import device_of

if TYPE_CHECKING:
    from lss_train.models.estimator import EstimatorModel
    from lss_train.models.optimizer import OptimizerModel
    from lss_train.training.initial import Initial

log = logging.getLogger("lss.train")

TORCH_BYTES = 400_000_000
# Measured: one example's step at 64^3 with 16 channels.
STEP_BYTES = 1_400  # per voxel
STEP_CPU_SECONDS = {"float32": 5.6e-6, "bfloat16": 3.2e-6}  # per voxel


def train(
    inputs: Sequence[Path],
    config: Config,
    output: Path | None,
    *,
    restart: Restart,
    settings: Settings | None = None,
    export: Path | None = None,
    observed: Path | None = None,
) -> None:
    """Train a network on directories of universes, or on an exported set; an imnn also on simulations in memory.

    output : the checkpoint; its journal is written beside it as .jsonl. settings : all tables, of which an imnn's
    simulator needs its own. export : write the compact set here; without an output that is all. observed : the universe
    at whose estimate an imnn is trained again
    Raises ConfigError if the configuration disagrees with the data, DataError if the data will not do, Stopped.
    """
    model = config.train.model
    if export is not None and model in ("imnn", "density"):
        raise ConfigError(f"--export: a compact set holds halos, which [train] model = '{model}' is not trained on")
    if str(export) == "-":
        raise ConfigError("--export -: a set is written to a file, not to standard output")
    if model == "imnn":
        from lss_train.models.imnn import train_imnn

        train_imnn(inputs, config, settings or {}, _checkpoint_path(output), restart, observed)
        return
    if observed is not None:
        raise ConfigError(f"--observed: [train] model = '{model}' follows no estimate; an imnn does")
    if not inputs:
        raise ConfigError("no input: name a directory of universes or an exported set (`lss-train --help`)")
    if model == "density":
        from lss_train.models.density import train_density

        train_density(inputs, config, _checkpoint_path(output))
        return
    universes = read_training_set(inputs)
    _refuse_disagreement(config, universes)
    if export is not None:
        write_training_set(universes, export, velocities=bool(config.train.velocity_smoothing))
        log.info("%s: %d universes, %d halos", export, len(universes), len(universes.mass))
        if output is None:
            return
    _train(universes, config, _checkpoint_path(output), restart)


def _checkpoint_path(output: Path | None) -> Path:
    if output is None:
        raise ConfigError("no output: give -o FILE.safetensors for the checkpoint, or --export FILE for the set alone")
    if output.suffix != ".safetensors":
        raise ConfigError(f"-o {output}: a checkpoint ends in .safetensors")
    return output


def _train(universes: TrainingSet, config: Config, output: Path, restart: Restart) -> None:
    import torch

    from lss.nets.checkpoint import build, save_checkpoint
    from lss.process.threads import threads
    from lss_train.data.examples import Examples, split
    from lss_train.training.initial import read_initial, refuse_misfit
    from lss_train.training.loop import fit

    settings = config.train
    torch.set_num_threads(threads())
    torch.manual_seed(settings.seed)
    families, kept_back = split(universes, settings.validation)
    initial = read_initial(settings.initial, settings.model) if settings.initial else None
    model = _model(universes, config, families, initial)
    training, validation = model.examples(families), model.examples(kept_back)
    examples = Examples(model, training + validation, universes.box.n, settings.cache * 1e9)
    log.info(
        "%d examples to train on, %d to validate, of %d universes; %s",
        *(len(training), len(validation), len(universes)),
        f"{examples.bytes / 1e9:.2f} GB "
        + ("kept in memory" if examples.kept else "painted anew (over [train] cache)"),
    )
    device = device_of(settings.device)
    sizes = {"inputs": model.inputs, "outputs": 1, "channels": settings.channels, "levels": settings.levels}
    architecture = {"kind": "unet", **sizes}
    network = build(architecture, "[train]").to(device)
    if universes.box.n % network.divisor:
        n = universes.box.n
        raise ConfigError(f"[train] levels = {settings.levels}: a grid of {n}^3 cannot be halved that often")
    if initial is not None:
        refuse_misfit(initial, architecture, model.card())
        network.load_state_dict(initial.weights)
    log.info("%d parameters on %s", sum(p.numel() for p in network.parameters()), device)
    run = fit(
        *(network, model, examples, training, validation, settings),
        restart=_bound_to(universes, initial, restart),
        journal_path=output.with_suffix(".jsonl"),
    )
    card = {
        "model": settings.model,
        "architecture": architecture,
        "inputs": model.card(),
        "training": settings.model_dump(mode="json")
        | {"updates": run.update, "best_epoch": run.best_epoch, "wall_seconds": round(run.seconds)}
        | ({"initial_sha256": initial.hash} if initial else {}),
        "data": _provenance(universes, families, kept_back),
        "validation": {"loss": run.best_loss, "examples": len(validation), **run.figures},
    }
    save_checkpoint(output, run.best, card)
    log.info("%s: validation loss %.5f, epoch %d of %d", output, run.best_loss, run.best_epoch, settings.epochs)


def _model(
    universes: TrainingSet, config: Config, families: list[np.ndarray], initial: "Initial | None"
) -> "EstimatorModel | OptimizerModel":
    """The definition that `[train] model` names."""
    from lss_train.models.estimator import EstimatorModel, estimator_inputs
    from lss_train.models.optimizer import OptimizerModel
    from lss_train.training.initial import in_units_of

    settings = config.train
    if settings.model == "optimizer":
        return OptimizerModel(universes, settings, config.halo)
    inputs = estimator_inputs(universes, settings, np.concatenate(families))
    return EstimatorModel(universes, in_units_of(initial, inputs) if initial else inputs)


def _bound_to(universes: TrainingSet, initial: "Initial | None", restart: Restart) -> Restart:
    """The restart state, tied to data and first weights as well: directories and names have no hash of their own."""
    begun = initial.hash if initial else ""
    return restart.bound_to(universes.hash(), begun)


def _refuse_disagreement(config: Config, universes: TrainingSet) -> None:
    """What the user said of cosmology and box must be so of the data."""
    for name, held in (("cosmology", universes.cosmology), ("box", universes.box)):
        table = getattr(config, name)
        for key in table.model_fields_set if name in config.model_fields_set else ():
            if getattr(table, key) != getattr(held, key):
                given = getattr(table, key)
                raise ConfigError(f"[{name}] {key} = {given!r}, but the universes have {getattr(held, key)!r}")


def _provenance(universes: TrainingSet, families: list[np.ndarray], kept_back: list[np.ndarray]) -> Settings:
    """What the network was trained on, for its card."""
    from lss.learned.estimator import abundance_table

    training = np.concatenate(families)
    box = universes.box
    masses = np.concatenate([universes.halos(i)[1] for i in training])
    settings = universes.settings
    return {
        "universes": len(universes),
        "training": len(training),
        "validation": [[int(universes.seed[i]), int(universes.index[i])] for i in (f[0] for f in kept_back)],
        "hash": universes.hash(),
        "simulator": {table: settings[table] for table in ("ic", "sim", "halo") if table in settings},
        "mass_definition": universes.mass_definition,
        "min_particles": settings.get("halo", {}).get("min_particles"),
        "box": box.model_dump(),
        "cosmology": universes.cosmology.model_dump(),
        "abundance": abundance_table(masses, box.size**3 * len(training)),
    }


def plan(inputs: Sequence[Path], config: Config) -> Plan:
    """What a training would read, hold and cost."""
    from lss_train.data.examples import planned_bytes

    if config.train.model == "imnn":
        from lss_train.models.imnn import plan_imnn

        return plan_imnn(inputs, config)
    if not inputs:
        raise ConfigError("no input: name a directory of universes or an exported set")
    if config.train.model == "density":
        from lss_train.models.density import plan_density

        return plan_density(inputs, config)
    extents = [_extent(path) for path in inputs]
    universes, n, settings = sum(count for count, _ in extents), extents[0][1], config.train
    channels = _planned_channels(settings)
    in_two_pairs = settings.model == "optimizer" and settings.pairs == "independent"
    held = min(planned_bytes(universes * (2 if in_two_pairs else 1), channels, n), int(settings.cache * 1e9))
    voxels = n**3 * settings.batch
    wide = settings.channels / 16
    steps = [
        f"read {universes} universes of {n}^3",
        f"train model '{settings.model}' for {settings.epochs} epochs",
    ]
    return Plan(
        int(IMPORTS_BYTES + TORCH_BYTES + held + STEP_BYTES * voxels * wide),
        settings.epochs * universes * n**3 * STEP_CPU_SECONDS[settings.precision] * wide**2,
        steps,
    )


def _planned_channels(settings: Train) -> int:
    if settings.model == "optimizer":
        return 2
    counts = len(settings.count_smoothing) * settings.mass_bins
    return len(settings.input_smoothing) + counts + len(settings.velocity_smoothing)


def _extent(path: Path) -> tuple[int, int]:
    """How many universes a directory or file holds, and their points per side."""
    if path.is_dir():
        members = ensemble_members(path)
        return len(members), read_universe(members[0], ["halos"]).box.n
    universes = read_training_set([path])
    return len(universes), universes.box.n
