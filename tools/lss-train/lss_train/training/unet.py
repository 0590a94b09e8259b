"""The training of a U-Net on fields of universes, from inputs to checkpoint; a model says what it is shown."""

import logging
from collections.abc import Callable

import numpy as np
import torch

from lss.config import Settings
from lss.errors import ConfigError
from lss.learned.estimator import abundance_table
from lss.nets.checkpoint import Card, build, save_checkpoint
from lss.nets.unet import UNet
from lss.process.ranks import rank
from lss.process.threads import threads
from lss_train.config import Config, Train
from lss_train.data.examples import Examples, UNetModel, split
from lss_train.data.universes import TrainingSet, read_training_set, surveyed, write_training_set
from lss_train.training.device import device_of
from lss_train.training.distributed import together
from lss_train.training.initial import Initial, read_initial, refuse_misfit
from lss_train.training.run import TrainingRun
from lss_train.training.unet_loop import fit_unet

log = logging.getLogger("lss.train")

# Of the universes, the indices of those to train on, and the checkpoint to begin from.
ModelMaker = Callable[[TrainingSet, np.ndarray, Initial | None], UNetModel]


def train_unet(run: TrainingRun, make_model: ModelMaker) -> None:
    """Read the universes, export them if asked to, train, and write the checkpoint.

    Raises ConfigError if the configuration disagrees with the data, DataError if the data will not do, Stopped.
    """
    universes = read_training_set(run.inputs)
    _refuse_disagreement(run.config, universes)
    if run.export is not None and not rank():
        write_training_set(universes, run.export)
        log.info("%s: %d universes, %d halos", run.export, len(universes), len(universes.mass))
    if run.output is not None:
        _train(surveyed(universes, run.config.halo.get("survey") or {}), run, make_model)


def _train(universes: TrainingSet, run: TrainingRun, make_model: ModelMaker) -> None:
    settings = run.config.train
    torch.set_num_threads(threads())
    torch.manual_seed(settings.seed)
    families, kept_back = split(universes, settings.validation)
    initial = read_initial(settings.initial, settings.model) if settings.initial else None
    model = make_model(universes, np.concatenate(families), initial)
    training, validation = model.examples(families), model.examples(kept_back)
    examples = Examples(model, training + validation, universes.box.n, settings.cache * 1e9)
    log.info(
        "%d examples to train on, %d to validate, of %d universes; %s",
        *(len(training), len(validation), len(universes)),
        f"{examples.bytes / 1e9:.2f} GB "
        + ("kept in memory" if examples.kept else "painted anew (over [train] cache)"),
    )
    with together(device_of(settings.device)) as processes:
        network, architecture = _network(model, settings, universes.box.n, initial, processes.device)
        # Directories and names have no hash of their own.
        restart = run.restart.bound_to(universes.hash(), initial.hash if initial else "")
        state = fit_unet(
            *(network, model, examples, training, validation, settings),
            restart=restart,
            journal_path=run.journal if processes.writes else None,
            processes=processes,
        )
    if not processes.writes:
        return
    card = {
        "model": settings.model,
        "architecture": architecture,
        "inputs": model.card(),
        "training": settings.as_card()
        | {"updates": state.update, "best_epoch": state.best_epoch, "wall_seconds": round(state.seconds)}
        | ({"initial_sha256": initial.hash} if initial else {}),
        "data": _provenance(universes, families, kept_back),
        "validation": {"loss": state.best_loss, "examples": len(validation), **state.figures},
    }
    save_checkpoint(run.checkpoint, state.best, card)
    log.info(
        "%s: validation loss %.5f, epoch %d of %d",
        *(run.checkpoint, state.best_loss, state.best_epoch, settings.epochs),
    )


def _network(model: UNetModel, settings: Train, n: int, initial: Initial | None, device: str) -> tuple[UNet, Card]:
    """The network with its first weights on the device, and its architecture for the card."""
    sizes = {"inputs": model.inputs, "outputs": 1, "channels": settings.channels, "levels": settings.levels}
    architecture = {"kind": "unet", **sizes}
    network = build(architecture, "[train]").to(device)
    if n % network.divisor:
        raise ConfigError(f"[train] levels = {settings.levels}: a grid of {n}^3 cannot be halved that often")
    if initial is not None:
        refuse_misfit(initial, architecture, model.card())
        network.load_state_dict(initial.weights)
    log.info("%d parameters on %s", sum(p.numel() for p in network.parameters()), device)
    return network, architecture


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
        "redshift_space": universes.survey.redshift_space,
        "min_particles": settings.get("halo", {}).get("min_particles"),
        "box": box.model_dump(),
        "cosmology": universes.cosmology.model_dump(),
        "abundance": abundance_table(masses, box.size**3 * len(training)),
    }
