"""Batches of fields for an information-maximising network, simulated in memory here; see also stored.

A source gives batches for a purpose by number: the same simulations whenever asked again, none shared between
purposes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from lss.differentiable.field_models import Simulator
from lss.learned.compression import Moments

TRAINING, FIRST_WEIGHTS, VALIDATION, FIGURES = range(4)
PIECE = 100  # simulations made at a time
Function = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Batch:
    """Fields at the fiducial parameters, and how they change with each parameter.

    fiducial : (n, 1, *shape); tangents : (p, n, 1, *shape), derivatives of the same fields; or, where the simulator has
    none, below, above : (p, m, 1, *shape), of one noise each, and span : (p,) between them
    """

    fiducial: torch.Tensor
    tangents: torch.Tensor | None = None
    below: torch.Tensor | None = None
    above: torch.Tensor | None = None
    span: torch.Tensor | None = None

    def to(self, device: str) -> "Batch":
        """The same on a device."""
        return Batch(**{name: tensor.to(device) for name, tensor in vars(self).items() if tensor is not None})

    def apply(self, function: Function) -> tuple[torch.Tensor, torch.Tensor]:
        """The function's outputs (n, s) at the fiducial, and their derivatives in each simulation, (p, m, s)."""
        if self.tangents is not None:
            seen = [torch.func.jvp(function, (self.fiducial,), (tangent,)) for tangent in self.tangents]
            return seen[0][0], torch.stack([one[1] for one in seen])
        assert self.below is not None
        assert self.above is not None
        assert self.span is not None
        change = torch.stack([function(a) - function(b) for a, b in zip(self.above, self.below, strict=True)])
        return function(self.fiducial), change / self.span[:, None, None]


class FieldSource(Protocol):
    """A source of batches; `shape` of a field, `device` where they lie."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def device(self) -> str: ...

    def batches(self, purpose: int, number: int, count: int) -> Iterator[Batch]:
        """The simulations of a purpose: `count` of them in pieces that fit in memory, another set for each number."""


@dataclass(frozen=True)
class InMemory:
    """Fields drawn from a differentiable simulator.

    fiducial : (p,); step : (p,) for differences, or None for the simulator's own derivatives; distinct : how many
    simulations a training may see, 0 for new ones at every update
    """

    simulator: Simulator
    fiducial: np.ndarray
    step: np.ndarray | None
    seed: int
    distinct: int
    device: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a field."""
        return self.simulator.shape

    def batches(self, purpose: int, number: int, count: int) -> Iterator[Batch]:
        """New noise for every (purpose, number); in training, the same again after `distinct` simulations."""
        if purpose == TRAINING and self.distinct:
            number %= max(1, self.distinct // count)
        for i, first in enumerate(range(0, count, PIECE)):
            yield self._batch(min(PIECE, count - first), (purpose, number, i))

    @torch.no_grad()
    def _batch(self, count: int, key: tuple[int, int, int]) -> Batch:
        seed = np.random.SeedSequence((self.seed, *key)).generate_state(1, np.uint64)[0]
        noise = self.simulator.noise(count, torch.Generator().manual_seed(int(seed >> np.uint64(1))))
        theta = torch.from_numpy(self.fiducial)[None]

        def fields(theta: torch.Tensor) -> torch.Tensor:
            return self.simulator.fields(theta, noise)

        if self.step is not None:
            shifts = torch.diag(torch.from_numpy(self.step))[:, None]
            below, above = (torch.stack([fields(theta + sign * shift) for shift in shifts]) for sign in (-1, 1))
            span = torch.from_numpy(2 * self.step).float()
            return Batch(fields(theta), below=below, above=above, span=span).to(self.device)
        directions = torch.eye(len(self.fiducial), dtype=theta.dtype)[:, None]

        def along(direction: torch.Tensor) -> Any:
            return torch.func.jvp(fields, (theta,), (direction,))

        # The fields are the same for all directions, which are computed together.
        alike: Any = (None, 0)
        return Batch(*torch.func.vmap(along, out_dims=alike)(directions)).to(self.device)


@torch.no_grad()
def moments(function: Function, batches: Iterable[Batch]) -> Moments:
    """Mean, covariance and derivative of a function of the fields. Raises DataError for too few simulations."""
    pairs = [batch.apply(function) for batch in batches]
    outputs = torch.cat([x for x, _ in pairs]).double().cpu().numpy()
    return Moments.of(outputs, torch.cat([d for _, d in pairs], 1).double().cpu().numpy())
