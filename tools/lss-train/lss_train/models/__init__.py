"""The networks that lss-train trains: one line in MODELS and one module for each.

A model module imports nothing heavy at its top, since the configuration imports them all. It has

    train(run)                   -> None: train, and write run.checkpoint (a lss_train.training.run.TrainingRun)
    plan(inputs, config)         -> Plan: what `--dry-run` prints

and, where they apply,

    Settings                     a lss.config.Table with the model's own keys: [train.NAME], dashes as underscores
    SIMULATES = True             inputs may be left out: the model then simulates what it learns from
    EXPORTS = True               --export: its training set can be written as one compact file
    FOLLOWS = True               --observed: it can be trained again at the estimate from one universe
    BEGINS_FROM_CHECKPOINT = True    [train] initial
    DISTRIBUTED = True           several processes that torchrun started can train it together

A model that maps fields to a field shares the training of lss_train.training.unet.
"""

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Model:
    """A line of the table: the module, and what the network does in a few words."""

    module: str
    words: str


MODELS = {
    "estimator": Model("lss_train.models.estimator", "halos to linear field"),
    "optimizer": Model("lss_train.models.optimizer", "differences of halo fields to those of white noise"),
    "imnn": Model("lss_train.models.imnn", "fields to summaries of [inference]"),
    "lagrangian-bias": Model("lss_train.models.lagrangian_bias", "the halo-to-mass ratio from the initial density"),
    "density": Model("lss_train.models.density", "the probability of those summaries given the parameters"),
    "halo-mass": Model("lss_train.models.halo_mass", "initial conditions to the mass of each particle's halo"),
    "neural-bias": Model("lss_train.models.neural_bias", "densities to halo mass distributions"),
}


def load(name: str) -> Any:
    """The module of a model."""
    return importlib.import_module(MODELS[name].module)


def declares(name: str, what: str) -> bool:
    """Whether a model module declares SIMULATES, EXPORTS, FOLLOWS, BEGINS_FROM_CHECKPOINT or DISTRIBUTED."""
    return bool(getattr(load(name), what, False))


def declaring(what: str) -> str:
    """The names of the models that declare it, for messages."""
    return ", ".join(name for name in MODELS if declares(name, what)) or "no model"
