"""The table [train]: which network is trained on what, and how."""

from typing import Any, Literal

from pydantic import field_validator, model_validator

from lss.config import Configuration, Table, quantity
from lss.inference import Inference
from lss.learned.conditional_density import Flows


class Imnn(Table):
    """[train.imnn]: the network of `model = "imnn"` and the simulations that it is trained on."""

    bands: int = quantity(16, "of |k|, in which the powers of the field are features", ge=2, le=256)
    channels: int = quantity(8, "filters of each convolution", ge=1, le=1024)
    levels: int = quantity(4, "convolutions, each halving the grid", ge=1, le=10)
    hidden: int = quantity(32, "width of the perceptron behind the features", ge=1, le=4096)
    derivatives: Literal["exact", "differences"] = quantity(
        "exact", 'of the simulator in memory, or of pairs of one noise; stored universes: always "differences"'
    )
    simulations: int = quantity(100, "at the fiducial, in each update", ge=10)
    distinct: int = quantity(0, "simulations seen in training; 0: new ones at every update", ge=0)
    first_weights: int = quantity(2000, "simulations that the first weights are measured on", ge=100)
    updates: int = quantity(300, "of the weights, at most", ge=0)
    every: int = quantity(50, "updates between validations", ge=1)
    validation: int = quantity(1000, "simulations that choose the best weights", ge=10)
    patience: int = quantity(3, "validations without a better one that end the training", ge=1)
    figures: int = quantity(4000, "simulations of the card's Fisher matrix, unseen until then", ge=10)
    strength: float = quantity(10.0, "lambda, of the pull of the covariance to the identity", gt=1)
    closeness: float = quantity(0.1, "epsilon, the distance from the identity where the pull fades", gt=0, lt=1)
    rounds: int = quantity(5, "at most so many fiducials, with first weights alone, follow --observed", ge=1)
    tolerance: float = quantity(0.5, "sigma between fiducial and estimate: it stays put, and is trained at", gt=0)

    @model_validator(mode="after")
    def _pull_grows_with_the_distance(self) -> "Imnn":
        limit = 1 + 1 / self.closeness - self.closeness / (1 + self.closeness)  # where alpha of fisher_loss is zero
        if self.strength >= limit:
            raise ValueError(
                f"strength = {self.strength:g} turns the pull off; closeness = {self.closeness:g} needs one below"
                f" {limit:.4g}"
            )
        return self


class Train(Table):
    """[train]: a network, its data and its optimisation."""

    model: Literal["estimator", "optimizer", "imnn", "density"] = quantity(
        "estimator",
        '"estimator": halos to linear field; "optimizer": differences of halo fields to those of white noise; '
        '"imnn": fields to summaries of [inference]; "density": those summaries given the parameters',
    )
    initial: str | None = quantity(
        None, "name or path of a checkpoint whose weights and units of fields are begun with, instead of random weights"
    )
    channels: int = quantity(16, "filters of the first level of the U-Net", gt=0, multiple_of=4)
    levels: int = quantity(4, "resolutions of the U-Net, each half the last", ge=1, le=6)
    input_smoothing: tuple[float, ...] = quantity(
        (1.0, 2.0, 4.0, 8.0), "Gaussian R of the mass fields", "Mpc/h", min_length=1
    )
    input_scale: tuple[float, ...] = quantity((6.0, 2.0, 1.0, 0.5), "s in asinh(overdensity / s), one for each R")
    count_smoothing: tuple[float, ...] = quantity(
        (1.0, 2.0, 4.0), "Gaussian R of the count fields, among those of input_smoothing", "Mpc/h"
    )
    mass_bins: int = quantity(
        1, "bins with count fields of their own: each but the last holds half of the halos from its lower edge on", ge=1
    )
    velocity_smoothing: tuple[float, ...] = quantity(
        (), "Gaussian R of -div p / (a f H), p the momentum of the halos' counts; none: no velocities", "Mpc/h"
    )
    target_smoothing: float = quantity(1.0, "Gaussian R of the linear field to estimate", "Mpc/h", ge=0)
    pairs: Literal["perturbed", "independent"] = quantity(
        "perturbed", 'what an "optimizer" sees differences of: each x_a and its partners, or x_a of different seeds'
    )
    mean_counts: Literal["data", "own"] = quantity(
        "data", 'that normalise the halo fields of an "optimizer": of x_a, which stands for the data, or of each (LULO)'
    )
    loss: Literal["mse", "cosine", "hybrid"] = quantity(
        "mse", 'mean squared error; 1 - cosine over the whole box ("optimizer"); "hybrid": their sum'
    )
    learning_rate: float = quantity(2e-3, "of AdamW; LULO: 4e-4", gt=0)
    betas: tuple[float, float] = quantity((0.9, 0.999), "decay of AdamW's moments; LULO: 0.9, 0.99")
    weight_decay: float = quantity(1e-4, "of AdamW", ge=0)
    gradient_limit: float = quantity(1.0, "norm that gradients are clipped to", gt=0)
    warm_up: int = quantity(30, "updates over which the learning rate rises", ge=0)
    schedule: Literal["cosine", "plateau"] = quantity(
        "cosine", '"cosine": to zero at the end; "plateau": halved when the validation loss stands still (LULO)'
    )
    batch: int = quantity(1, "examples per update", ge=1)
    epochs: int = quantity(5, "passes over the training universes", ge=1)
    validation: float = quantity(0.02, "share of the universes x_a kept back to validate", gt=0, lt=1)
    precision: Literal["float32", "bfloat16"] = quantity(
        "float32", "of the convolutions; half the time in bfloat16 on processors and cards that have it"
    )
    seed: int = quantity(1, "of the first weights, the order and the symmetries", ge=0)
    device: str = quantity("auto", '"cpu", "cuda", or whatever there is')
    cache: float = quantity(4.0, "examples are kept in memory up to this, and painted anew beyond", "GB", ge=0)
    imnn: Imnn = quantity(Imnn(), 'of model = "imnn"')
    density: Flows = quantity(Flows(), 'of model = "density"')

    @field_validator("betas")
    @classmethod
    def _moments_decay(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError("expected two numbers from 0 to below 1")
        return betas

    @model_validator(mode="after")
    def _only_a_unet_begins_from_a_checkpoint(self) -> "Train":
        if self.initial is not None and self.model in ("imnn", "density"):
            raise ValueError(f'initial: model = "{self.model}" does not begin from a checkpoint; remove the key')
        return self

    @model_validator(mode="after")
    def _every_smoothing_has_a_scale(self) -> "Train":
        if len(self.input_scale) != len(self.input_smoothing):
            raise ValueError(f"input_scale needs {len(self.input_smoothing)} values, one for each of input_smoothing")
        if min(*self.input_scale, 1.0) <= 0 or min(*self.input_smoothing, *self.velocity_smoothing, 0.0) < 0:
            raise ValueError("input_scale must be positive, and no smoothing negative")
        stray = [radius for radius in self.count_smoothing if radius not in self.input_smoothing]
        if stray:
            raise ValueError(f"count_smoothing {stray} are not among input_smoothing {list(self.input_smoothing)}")
        return self


class Config(Configuration):
    """What lss-train reads."""

    halo: dict[str, Any] = quantity({}, '[halo] of the halo fields of an "optimizer"; the rest is as in the universes')
    train: Train = quantity(Train(), "a network, its data and its optimisation")
    inference: Inference = quantity(Inference(), "what is inferred, by an imnn and a density")
