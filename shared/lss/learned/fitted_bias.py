"""A neural bias with its parameters: the checkpoint of model "neural-bias"."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from lss.errors import DataError
from lss.learned.neural_bias import NeuralBias
from lss.nets.checkpoint import Card, load_checkpoint, resolve, save_checkpoint
from lss.nets.mixture_density import MixtureDensity
from lss.nets.multipole_kernels import feature_count

MODEL = "neural-bias"


@dataclass(frozen=True)
class FittedBias:
    """bias : the model; theta : (p,) float64, of the highest posterior; factor : (p, p) float64, with factor factor^T
    the covariance by the curvature there; card : of the checkpoint"""

    bias: NeuralBias
    theta: torch.Tensor
    factor: torch.Tensor
    card: Card


def save(path: Path, bias: NeuralBias, theta: torch.Tensor, factor: torch.Tensor, card: Card) -> None:
    """Write the checkpoint; card : "training", "data" and "validation"."""
    settings = asdict(bias)
    sizes = {name: settings.pop(name) for name in ("size", "l_max")}
    architecture = {"kind": MODEL, "gaussians": settings["head"].pop("gaussians"), **sizes}
    whole = {"model": MODEL, "architecture": architecture, "inputs": settings, **card}
    save_checkpoint(path, {"theta": theta, "factor": factor}, whole)


def load(name_or_path: Path | str) -> FittedBias:
    """The bias of a checkpoint. Raises DataError as `lss.nets.checkpoint`, and for a card without what a bias needs."""
    state, card = load_checkpoint(name_or_path, model=MODEL)
    source = str(resolve(name_or_path))
    architecture, inputs = card["architecture"], dict(card["inputs"])
    try:
        if architecture["kind"] != MODEL or not 0 < architecture["size"] < 16 or not 0 <= architecture["l_max"] < 9:
            raise ValueError("architecture")
        head = MixtureDensity(gaussians=int(architecture["gaussians"]), **inputs.pop("head"))
        mean, std = (tuple(float(v) for v in inputs.pop(name)) for name in ("feature_mean", "feature_std"))
        bias = NeuralBias(head, inputs.pop("voxel"), mean, std, architecture["size"], architecture["l_max"], **inputs)
        theta, factor = state["theta"].double(), state["factor"].double()
        if len(mean) != feature_count(bias.size, bias.l_max) or len(std) != len(mean):
            raise ValueError("features")
        if theta.shape != (bias.parameters,) or factor.shape != (bias.parameters, bias.parameters):
            raise ValueError(f"{tuple(theta.shape)} parameters for a model of {bias.parameters}")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{source}: its card and weights make no neural bias ({error})") from None
    return FittedBias(bias, theta, factor, card)
