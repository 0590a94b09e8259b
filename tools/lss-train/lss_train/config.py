"""The table [train]: which network is trained on what, and how."""

from typing import Annotated, Any, Literal, TypeVar

import pydantic
from pydantic import field_validator, model_validator

from lss.config import Configuration, OneOf, Table, quantity
from lss.inference import Inference
from lss.nets.checkpoint import Card
from lss_train.models import MODELS, declares, load

TableT = TypeVar("TableT", bound=Table)


def _with_models(table: type[TableT]) -> type[TableT]:
    """The table with the choice of models, and a sub-table for each that has keys of its own, as MODELS says."""
    words = "; ".join(f'"{name}": {model.words}' for name, model in MODELS.items())
    fields: dict[str, Any] = {"model": (Annotated[str, OneOf(MODELS)], quantity("estimator", words))}
    for name in MODELS:
        settings = getattr(load(name), "Settings", None)
        if settings is not None:
            fields[name.replace("-", "_")] = (settings, quantity(settings(), f'of model = "{name}"'))
    return pydantic.create_model(
        table.__name__, __base__=table, __doc__=table.__doc__, __module__=table.__module__, **fields
    )


@_with_models
class Train(Table):
    """[train]: a network, its data and its optimisation."""

    model: str = quantity("estimator", "a name of MODELS")
    initial: str | None = quantity(
        None,
        "name or path of a checkpoint to begin from: its weights, and its units of the fields",
        names="checkpoint",
    )
    channels: int = quantity(16, "filters of the first level of the U-Net", gt=0, multiple_of=4)
    levels: int = quantity(4, "resolutions of the U-Net, each half of the one before", ge=1, le=6)
    input_smoothing: tuple[float, ...] = quantity(
        (1.0, 2.0, 4.0, 8.0), "Gaussian R of the mass fields", "Mpc/h", min_length=1
    )
    input_scale: tuple[float, ...] = quantity((6.0, 2.0, 1.0, 0.5), "s in asinh(overdensity / s), one for each R")
    count_smoothing: tuple[float, ...] = quantity(
        (1.0, 2.0, 4.0), "Gaussian R of the count fields, each one of input_smoothing", "Mpc/h"
    )
    mass_bins: int = quantity(
        1,
        "mass bins with their own count fields; each but the last holds half of the halos above its edge",
        ge=1,
    )
    velocity_smoothing: tuple[float, ...] = quantity(
        (),
        "Gaussian R of -div p / (a f H), p the momentum of the halo counts; empty: no velocities",
        "Mpc/h",
    )
    target_smoothing: float = quantity(1.0, "Gaussian R of the linear field to estimate", "Mpc/h", ge=0)
    pairs: Literal["perturbed", "independent"] = quantity(
        "perturbed", 'pairs an "optimizer" is trained on: each x_a with its partners, or with an x_a of another seed'
    )
    mean_counts: Literal["data", "own"] = quantity(
        "data",
        'mean counts that normalise the fields of an "optimizer": of x_a (the data) or of each (LULO)',
    )
    loss: Literal["mse", "cosine", "hybrid"] = quantity(
        "mse", 'mean squared error; "cosine": 1 - cosine over the whole box, for an "optimizer"; "hybrid": their sum'
    )
    learning_rate: float = quantity(2e-3, "of AdamW; LULO: 4e-4", gt=0)
    betas: tuple[float, float] = quantity((0.9, 0.999), "decay of AdamW's moments; LULO: 0.9, 0.99")
    weight_decay: float = quantity(1e-4, "of AdamW", ge=0)
    gradient_limit: float = quantity(1.0, "largest norm of the gradient; longer ones are clipped", gt=0)
    warm_up: int = quantity(30, "updates over which the learning rate rises", ge=0)
    schedule: Literal["cosine", "plateau"] = quantity(
        "cosine",
        '"cosine": learning rate to zero at the end; "plateau": halved when the validation loss stalls (LULO)',
    )
    batch: int = quantity(1, "examples per update", ge=1)
    epochs: int = quantity(5, "passes over the training examples", ge=1)
    validation: float = quantity(0.02, "share of the universes x_a held out for validation", gt=0, lt=1)
    precision: Literal["float32", "bfloat16"] = quantity(
        "float32", "of the convolutions in training; bfloat16 takes half the time where the hardware has it"
    )
    seed: int = quantity(1, "of the initial weights, the order of the examples and their symmetries", ge=0)
    device: str = quantity("auto", '"cpu", "cuda", or "auto": a GPU if there is one')
    cache: float = quantity(4.0, "memory for the examples; above it they are painted again each time", "GB", ge=0)

    def sub_table(self, table: type[TableT]) -> TableT:
        """The [train.NAME] that a model module declares as its Settings."""
        return next(value for _, value in self if type(value) is table)

    def as_card(self) -> Card:
        """What a model card keeps of it: all keys but the sub-tables of other models."""
        others = {name.replace("-", "_") for name in MODELS if name != self.model}
        return self.model_dump(mode="json", exclude=others)

    @field_validator("betas")
    @classmethod
    def _moments_decay(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError("expected two numbers from 0 to below 1")
        return betas

    @model_validator(mode="after")
    def _the_model_can_begin_from_a_checkpoint(self) -> "Train":
        if self.initial is not None and not declares(self.model, "BEGINS_FROM_CHECKPOINT"):
            raise ValueError(f'initial: model = "{self.model}" does not begin from a checkpoint; remove the key')
        return self

    @model_validator(mode="after")
    def _every_smoothing_has_a_scale(self) -> "Train":
        if len(self.input_scale) != len(self.input_smoothing):
            raise ValueError(f"input_scale needs {len(self.input_smoothing)} values, one for each of input_smoothing")
        if min(*self.input_scale, 1.0) <= 0 or min(*self.input_smoothing, *self.velocity_smoothing, 0.0) < 0:
            raise ValueError("input_scale must be positive, and smoothing lengths must not be negative")
        stray = [radius for radius in self.count_smoothing if radius not in self.input_smoothing]
        if stray:
            raise ValueError(f"count_smoothing {stray} are not among input_smoothing {list(self.input_smoothing)}")
        return self


class Config(Configuration):
    """What lss-train reads."""

    halo: dict[str, Any] = quantity(
        {}, '[halo] of the halo fields of an "optimizer"; other keys are as in the universes'
    )
    train: Train = quantity(Train(), "a network, its data and its optimisation")
    inference: Inference = quantity(Inference(), "what is inferred, by an imnn and a density")
