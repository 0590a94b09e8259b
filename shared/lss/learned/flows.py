"""Masked autoregressive flows (zuko): the table that describes an ensemble of them, and one of them, untrained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from lss.config import Table, quantity

if TYPE_CHECKING:
    import torch


class Flows(Table):
    """The flows of a density of summaries, and their training."""

    members: int = quantity(3, "flows of the ensemble", ge=1, le=64)
    transform: Literal["affine", "spline"] = quantity(
        "affine", 'of one variable: "affine" (MAF), or "spline" (neural spline flow), slower, for what is not Gaussian'
    )
    transforms: int = quantity(2, "autoregressive transforms of each flow", ge=1, le=64)
    hidden: tuple[int, ...] = quantity((50, 50), "units of each hidden layer of a transform", min_length=1)
    learning_rate: float = quantity(2e-3, "of Adam", gt=0)
    batch: int = quantity(100, "simulations an update, at least; a tenth of all where that is more", ge=1)
    epochs: int = quantity(200, "passes over the simulations, at most", ge=1)
    patience: int = quantity(20, "epochs without a better validation loss that end the training", ge=1)
    validation: float = quantity(0.1, "share of the simulations kept back to validate", gt=0, lt=1)


def build_flow(summaries: int, parameters: int, settings: Flows) -> "torch.nn.Module":
    """A flow that is the identity: the last layer of every transform gives zero, whatever theta."""
    import torch
    import zuko

    kind = zuko.flows.MAF if settings.transform == "affine" else zuko.flows.NSF
    flow = kind(
        summaries,
        parameters,
        transforms=settings.transforms,
        hidden_features=settings.hidden,
        activation=torch.nn.Tanh,
    )
    for transform in flow.transform.transforms:
        last = transform.hyper[-1]
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
    return flow


@contextmanager
def one_thread() -> Iterator[None]:
    """Flows are too small to share: on cores that others use too, a second thread makes them ten times slower."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
