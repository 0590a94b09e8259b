"""`model = "halo-mass"`: the initial conditions about a particle to the mass of its halo (see lss.learned.halo_mass).

Source: Lucie-Smith et al. 2020.
"""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lss.errors import ConfigError, DataError
from lss.files.universe_file import read_universe, universe_files
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss_train.training.device import device_of
from lss_train.training.halo_mass_settings import Settings

if TYPE_CHECKING:
    from lss.learned.halo_mass import Inputs
    from lss_train.config import Config
    from lss_train.data.labelled import Labelled, LabelledSet
    from lss_train.data.particle_batches import Batches
    from lss_train.training.run import TrainingRun

log = logging.getLogger("lss.train")

FLOP_PER_CPU_SECOND = 5e10  # of the convolutions, forward and backward; measured on one core
DENSE_CPU_SECONDS = 6e-7  # per voxel of a whole universe and channel, forward and backward; measured with 8 and 16


def train(run: "TrainingRun") -> None:
    """Train a halo-mass network on universes whose particles know their halo.

    Raises ConfigError, DataError, Stopped.
    """
    import torch

    from lss.nets.checkpoint import save_checkpoint
    from lss.process.threads import threads
    from lss_train.data.labelled import read_labelled

    settings: Settings = run.config.train.sub_table(Settings)
    torch.set_num_threads(threads())
    universes = read_labelled(run.inputs, late=settings.input == "late")
    weights, card = trained(
        universes,
        settings,
        run.config.train.seed,
        device_of(run.config.train.device),
        run.restart,
        run.journal,
    )
    save_checkpoint(run.checkpoint, weights, card)
    figures = card["validation"]
    log.info("%s: validation r %.3f, rms %.3f dex", run.checkpoint, figures["r"], figures["rms_dex"])


def trained(
    universes: "LabelledSet", settings: Settings, seed: int, device: str, restart: Any, journal: Path | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The weights and the card of a network trained on these universes, the last of which validate it."""
    import torch

    from lss.learned.halo_mass import MODEL
    from lss.nets.checkpoint import build
    from lss_train.data.particle_batches import FeatureBatches
    from lss_train.training.halo_mass_loop import fit
    from lss_train.training.weight_priors import pruned_neurons

    torch.manual_seed(seed)
    training, kept_back = universes.split(settings.validation)
    inputs = inputs_of(settings, training, universes.box.size)
    inputs.refuse_smaller_box(universes.box.n, universes.box.size, "[train.halo_mass]")
    batches = batches_of(settings, inputs, universes.box.size, training, kept_back, seed)
    architecture = architecture_of(settings, inputs)
    network = build(architecture, "[train.halo_mass]").to(device)
    if settings.network == "dense" and universes.box.n % network.divisor:
        n = universes.box.n
        raise ConfigError(f"[train.halo_mass] levels = {settings.levels}: a grid of {n}^3 cannot be halved that often")
    if isinstance(batches, FeatureBatches):
        network.standardise(batches.training.shown)
    parameters = sum(p.numel() for p in network.parameters())
    log.info("%d parameters on %s; %d universes, %d to validate", parameters, device, len(training), len(kept_back))
    result = fit(network, batches, settings, restart.bound_to(universes.hash), journal, device)
    network.load_state_dict(result.best)
    report: dict[str, Any] = {"parameters": parameters, "gamma": network.log_gamma.exp().item()}
    if settings.network != "dense":
        off, neurons = pruned_neurons(network)
        report |= {"neurons": neurons, "neurons_pruned": off}
        log.info("gamma %.3f; %d of %d neurons of the dense layers are switched off", report["gamma"], off, neurons)
    card = {
        "model": MODEL,
        "architecture": architecture,
        "inputs": inputs.as_card(),
        "training": settings.model_dump(mode="json")
        | {"seed": seed, "best_update": result.best_update, "updates_made": result.update}
        | {"samples_seen": result.update * batches.samples, "cpu_seconds": round(result.cpu_seconds, 1)}
        | {"wall_seconds": round(result.seconds, 1)}
        | report,
        "data": _provenance(universes, training, kept_back),
        "validation": {"loss": result.best_loss, **result.figures},
    }
    return result.best, card


def inputs_of(settings: Settings, training: Sequence["Labelled"], box_size: float) -> "Inputs":
    """What the network is shown, in units of the training universes' scatter."""
    from lss.learned.halo_mass import Inputs

    inputs = Inputs(
        settings.network,
        settings.input,
        settings.mass_range,
        box_size / len(training[0].linear),
        ("density", *settings.channels),
        (1.0,) * (1 + len(settings.channels)),
        settings.side if settings.network == "subbox" else 0,
        settings.shells,
        settings.shell_range,
        settings.refinement,
        settings.radii,
        settings.multipoles,
    )
    if settings.network == "perceptron":
        return inputs
    squares = np.zeros(len(inputs.channels))
    for universe in training:
        fields = inputs.fields(universe.linear, universe.position, box_size).astype(np.float64)
        parts = np.split(fields, np.cumsum(inputs.widths)[:-1])
        squares += [np.mean(part**2) for part in parts]
    return dataclasses.replace(inputs, scale=tuple(np.sqrt(squares / len(training)).tolist()))


def batches_of(
    settings: Settings,
    inputs: "Inputs",
    box_size: float,
    training: Sequence["Labelled"],
    kept_back: Sequence["Labelled"],
    seed: int,
) -> "Batches":
    """The examples of this network. Raises DataError where no particle is in the mass range."""
    from lss_train.data.particle_batches import BoxBatches, CubeBatches, FeatureBatches, Particles

    found = [sum(len(u.in_range(settings.mass_range)) for u in part) for part in (training, kept_back)]
    if not min(found):
        low, high = settings.mass_range
        heaviest = max(float(u.log_mass.max()) for u in (*training, *kept_back))
        raise DataError(
            f"[train.halo_mass] mass_range = [{low:g}, {high:g}] Msun/h: no particle of the"
            f" {'training' if not found[0] else 'validation'} universes is in such a halo"
            f" (the heaviest has {10**heaviest if heaviest else 0:.3g})"
        )
    if settings.network == "dense":
        return BoxBatches(inputs, box_size, training, kept_back, settings.batch, seed)
    drawn = Particles(training, settings.mass_range, settings.particles, seed)
    checked = Particles(kept_back, settings.mass_range, settings.validation_particles * len(kept_back))
    kind = CubeBatches if settings.network == "subbox" else FeatureBatches
    return kind(inputs, box_size, drawn, checked, settings.batch, seed)


def architecture_of(settings: Settings, inputs: "Inputs") -> dict[str, Any]:
    """The sizes of the network, as the card keeps them."""
    sizes: dict[str, Any] = {
        "dense": {"channels": settings.unet_channels, "levels": settings.levels},
        "perceptron": {"widths": list(settings.widths)},
        "subbox": {
            "side": settings.side,
            "filters": list(settings.filters),
            "widths": list(settings.widths),
            "pooled": settings.pooled,
            "pooling": settings.pooling,
        },
    }
    return {"kind": f"halo-mass-{settings.network}", "inputs": inputs.numbers, **sizes[settings.network]}


def _provenance(
    universes: "LabelledSet", training: Sequence["Labelled"], kept_back: Sequence["Labelled"]
) -> dict[str, Any]:
    """What the network was trained on, for its card."""
    settings = universes.settings
    return {
        "universes": len(training) + len(kept_back),
        "training": len(training),
        "validation": [list(universe.order) for universe in kept_back],
        "hash": universes.hash,
        "simulator": {table: settings[table] for table in ("ic", "sim", "halo") if table in settings},
        "mass_definition": settings.get("halo", {}).get("mass_definition"),
        "min_particles": settings.get("halo", {}).get("min_particles"),
        "box": universes.box.model_dump(),
        "cosmology": universes.cosmology.model_dump(),
    }


def plan(inputs: Sequence[Path], config: "Config") -> Plan:
    """What a training would read, hold and cost."""
    settings: Settings = config.train.sub_table(Settings)
    files = universe_files(inputs)
    n = read_universe(files[0], ["ic"]).box.n
    steps = [
        f"read {len(files)} universes of {n}^3, {settings.validation} of them to validate",
        f"train a {settings.network} network for at most {settings.updates} updates of {settings.batch}",
    ]
    held = len(files) * n**3 * 8 * (settings.refinement**3 if settings.input == "late" else 2)
    if settings.network == "dense":
        cost = settings.updates * settings.batch * n**3 * DENSE_CPU_SECONDS * max(settings.unet_channels, 8)
        return Plan(int(IMPORTS_BYTES + TORCH_BYTES + held + 3_000 * n**3 * settings.batch), cost, steps)
    samples = settings.updates * settings.batch
    flop = _flop(settings) if settings.network == "subbox" else 1e5
    return Plan(int(IMPORTS_BYTES + TORCH_BYTES + held), 10 + samples * flop / FLOP_PER_CPU_SECOND, steps)


def _flop(settings: Settings) -> float:
    """Operations of one sample, forward and backward, in the convolutions."""
    side, before, total = settings.side, 1 + len(settings.channels), 0.0
    for number, after in enumerate(settings.filters):
        total += 6 * side**3 * 27 * before * after
        before = after
        if number >= len(settings.filters) - settings.pooled:
            side = -(-side // 2)
    return total
