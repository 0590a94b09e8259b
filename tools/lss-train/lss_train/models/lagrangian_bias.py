"""`model = "lagrangian-bias"`: the halo-to-mass ratio of every particle, from the initial density where it started."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lss.errors import ConfigError, DataError
from lss.files.provenance import file_hash
from lss.files.universe_file import read_universe, universe_files
from lss.nets.checkpoint import Card, resolve
from lss.stages import IMPORTS_BYTES, Plan
from lss_train.training.lagrangian_bias.settings import Settings
from lss_train.training.run import TrainingRun

if TYPE_CHECKING:
    import torch

    from lss.learned.lagrangian_bias import LagrangianBias
    from lss_train.config import Config
    from lss_train.data.bias_universes import BiasSet, BiasUniverse

__all__ = ["Settings", "plan", "train"]

log = logging.getLogger("lss.train")

BEGINS_FROM_CHECKPOINT = True
TORCH_BYTES = 400_000_000
# Measured with 5 x 64: a particle forward and backward, and forward alone.
STEP_CPU_SECONDS, FORWARD_CPU_SECONDS = 3.3e-6, 1.0e-6


def train(run: TrainingRun) -> None:
    """Learn f from universes with initial conditions, particles and halos, and write its checkpoint.

    Raises ConfigError for settings that do not suit the data, DataError for universes that lack something, Stopped.
    """
    import torch

    from lss.nets.checkpoint import save_checkpoint
    from lss.process.threads import threads
    from lss_train.data.bias_universes import read_bias_set

    torch.set_num_threads(threads())
    settings = run.config.train.sub_table(Settings)
    initial = _initial(run, settings)
    if initial is not None:
        run = dataclasses.replace(run, restart=run.restart.bound_to(file_hash(resolve(initial.source))))
    network = settings.function == "network"
    radii = settings.radii if initial is None else initial.inputs.radii
    data, inputs = read_bias_set(run.inputs, radii, settings.weight, settings.mass_range, orthogonal=network)
    if settings.held_out >= len(data.universes):
        raise ConfigError(
            f"[train.lagrangian_bias] held_out = {settings.held_out}: of {len(data.universes)} universes none is left"
        )
    _refuse_missing_labels(data, settings)
    first_kept = len(data.universes) - settings.held_out
    learned, kept_back = data.universes[:first_kept], data.universes[first_kept:]
    original = inputs
    figures: Card = {}
    function: torch.nn.Module
    if network:
        from lss_train.training.lagrangian_bias.networks import train_networks

        function, architecture, inputs, figures = train_networks(
            learned, inputs, settings, initial, run.config.train.seed, run.restart
        )
    else:
        from lss_train.training.lagrangian_bias.baselines import fit_baseline

        how = settings.k_max, settings.cell, settings.fitted_on
        function, architecture = fit_baseline(learned, settings.function, *how)
    judged = [universe.seen_through(inputs, original) for universe in kept_back or learned]
    validation = _validation(function, judged, trained_on=not kept_back)
    card = {
        "model": "lagrangian-bias",
        "architecture": architecture,
        "inputs": inputs.as_card(),
        "training": run.config.train.as_card() | figures,
        "data": data.card(settings.weight, settings.mass_range, settings.held_out),
        "validation": validation,
    }
    save_checkpoint(run.checkpoint, function.state_dict(), card)
    where = "the training universes" if not kept_back else f"{len(kept_back)} universes kept back"
    log.info("%s: E %s of %s", run.checkpoint, ", ".join(f"{value:.4f}" for value in validation["error"]), where)


def _initial(run: TrainingRun, settings: Settings) -> "LagrangianBias | None":
    """The checkpoint that this training begins from, or whose principal components it takes."""
    from lss.learned.lagrangian_bias import load

    name = run.config.train.initial
    if name is None:
        if settings.components:
            raise ConfigError(
                f"[train.lagrangian_bias] components = {settings.components}: [train] initial must name the network"
                " whose principal components they are"
            )
        return None
    if settings.function != "network":
        raise ConfigError(f'[train] initial: function = "{settings.function}" begins from no checkpoint')
    return load(name)


def _refuse_missing_labels(data: "BiasSet", settings: Settings) -> None:
    fitted = settings.function in ("one", "linear", "polynomial") and settings.fitted_on == "labels"
    learned = settings.function == "network" and "labels" in settings.losses
    labels = settings.function == "binned" or fitted or learned
    lacking = [universe.source for universe in data.universes if universe.occupation is None]
    if labels and lacking:
        raise DataError(
            f"{lacking[0]}: halos without members: which particles they hold is unknown; run lss-halo with"
            ' [halo] particle_masses = true, or train with losses = ["cells"] or ["modes"]'
        )


def _validation(function: "torch.nn.Module", universes: "Sequence[BiasUniverse]", *, trained_on: bool) -> Card:
    """The four ratios in bands, means over universes."""
    from lss.grid.agreement import agreement, bands
    from lss.grid.mesh import overdensity
    from lss.learned.lagrangian_bias import evaluate, unit_mean

    found = []
    for universe in universes:
        n = round(len(universe.position) ** (1 / 3))
        f = unit_mean(evaluate(function, universe.inputs))
        model = overdensity(universe.position, n, universe.box_size, "cic", f)
        found.append(agreement(model, universe.halo_field(n), universe.box_size, bands(universe.box_size)))
    names = ("power_ratio", "inverse_r2", "error", "uncorrelated")
    means = {name: np.mean([getattr(one, name) for one in found], axis=0).round(5).tolist() for name in names}
    return {"k": found[0].k.round(4).tolist(), "universes": len(found), "of_training": trained_on, **means}


def plan(inputs: Sequence[Path], config: "Config") -> Plan:
    """Memory of the whole process and CPU time: 110 bytes a particle with three radii, and what the losses take."""
    settings = config.train.sub_table(Settings)
    files = universe_files(inputs)
    first = read_universe(files[0], ["ic"])
    particles = first.box.n**3 * len(files)
    size = (settings.width / 64) ** 2 * settings.layers / 5
    passes = {
        "labels": settings.label_epochs * STEP_CPU_SECONDS,
        "cells": settings.cell_epochs * (STEP_CPU_SECONDS + FORWARD_CPU_SECONDS),
        "modes": settings.mode_updates * (STEP_CPU_SECONDS / 2 + FORWARD_CPU_SECONDS),
    }
    each = sum(passes[loss] for loss in settings.losses) if settings.function == "network" else 2e-6
    members = settings.members if settings.function == "network" else 1
    seconds = 3 + particles * (2e-6 + members * size * each)
    held = particles * (32 + 4 * (2 * len(settings.radii) + 1)) + first.box.n**3 * 24 * len(settings.radii)
    steps = [f"read {len(files)} universes of {first.box.n}^3", _words(settings)]
    return Plan(IMPORTS_BYTES + TORCH_BYTES + held, seconds, steps)


def _words(settings: Settings) -> str:
    if settings.function != "network":
        return f"fit the function '{settings.function}'"
    losses = ", then ".join(settings.losses)
    return f"train {settings.members} networks of {settings.layers} x {settings.width} by {losses}"
