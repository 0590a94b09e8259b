"""One training by several processes, as torchrun starts them, on one machine or many.

Every process holds the network, and works out the gradients of its share of each batch; their sum, weighted by the
shares, is the gradient of the whole batch. So the batch of the configuration is the global one, and the losses are
those of one process but for the rounding of sums. The first process alone writes.
Source: Goyal et al. 2017 (synchronous data parallelism), section 2.3.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from typing import TypeVar

import torch
from torch import distributed

from lss.process.ranks import rank, ranks

One = TypeVar("One")


@dataclass(frozen=True)
class Processes:
    """number : of this process, from 0; count : of all; device : where its tensors are"""

    number: int = 0
    count: int = 1
    device: str = "cpu"

    @property
    def writes(self) -> bool:
        """Whether this process keeps states, journal and checkpoint."""
        return self.number == 0

    def share(self, batch: Sequence[One]) -> Sequence[One]:
        """What of a batch is this process's; nothing where there are more processes than examples."""
        return batch[self.number :: self.count]

    def sum_gradients(self, network: torch.nn.Module, weight: float) -> None:
        """Replace every gradient by its sum over processes, each taken times its weight."""
        if self.count == 1:
            return
        for parameter in network.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            parameter.grad *= weight
            distributed.all_reduce(parameter.grad)

    def sum(self, value: float) -> float:
        """The sum of a number over processes."""
        if self.count == 1:
            return value
        number = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(number)
        return float(number)

    def of_the_first(self, value: float) -> float:
        """The first process's number, for what all must decide alike."""
        return self.sum(value if self.number == 0 else 0.0)


ALONE = Processes()


@contextmanager
def together(device: str) -> Iterator[Processes]:
    """The processes that torchrun started, connected; this one alone if it started none. device : as [train] says"""
    if ranks() == 1:
        yield Processes(device=device)
        return
    if device == "cuda":  # one card each
        device = f"cuda:{environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Processes(rank(), ranks(), device)
    finally:
        distributed.destroy_process_group()
