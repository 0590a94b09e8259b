"""One chain: blocks moved in turns, what is kept of it, and its file.

A sweep moves the phases some times at fixed bias, then the bias some times at fixed density, or only the one that is
sampled, or both together as one block. After the warm-up every sweep adds to the mean and the variance of the phases, every `thin`-th is measured
(`target.Monitors`), and some are kept whole. A chain that was written down goes on with the same bits.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lss.errors import DataError
from lss.universe import Group
from lss_recon.sampling import block as blocks
from lss_recon.sampling.block import Block
from lss_recon.sampling.target import Monitors, Target


@dataclass(frozen=True)
class Schedule:
    """phases, bias : how each block is moved, None if it is given; phase_moves, bias_moves : in a sweep
    warm_up : sweeps that nothing is kept of; thin : sweeps between measurements; draws : measurements; fields : kept
    whole among them; together : the block `phases` is of phases and bias, and `bias` is None"""

    phases: blocks.Plan | None
    bias: blocks.Plan | None
    phase_moves: int
    bias_moves: int
    warm_up: int
    thin: int
    draws: int
    fields: int
    together: bool = False

    @property
    def sweeps(self) -> int:
        return self.warm_up + self.thin * self.draws


@dataclass(frozen=True)
class Chain:
    """sweep : done; draw : the stream of random numbers; h, theta : the state of blocks that are not moved; phases,
    bias : blocks; measured : (draws so far, monitors); thetas : (draws so far, p); fields : (kept so far, n^3) float32;
    sums : (2, n^3) of h and h^2 over `summed` sweeps"""

    draw: torch.Generator
    h: torch.Tensor
    theta: torch.Tensor
    phases: Block | None
    bias: Block | None
    measured: list[NDArray[np.float64]]
    thetas: list[NDArray[np.float64]]
    fields: list[NDArray[np.float32]]
    sums: NDArray[np.float64]
    summed: int = 0
    sweep: int = 0

    @property
    def gradients(self) -> tuple[int, int]:
        """Of phases and of bias, so far."""
        return tuple(block.gradients if block else 0 for block in (self.phases, self.bias))  # type: ignore[return-value]


def begin(target: Target, schedule: Schedule, h: torch.Tensor, theta: torch.Tensor, seed: tuple[int, ...]) -> Chain:
    """A chain at h (n^3,) and theta (p,). Raises DataError if the posterior is not finite there."""
    draw = torch.Generator().manual_seed(stream(*seed))
    phases = bias = None
    if schedule.phases and schedule.together:
        phases = blocks.begin(target.joined(h, theta), draw, target.both(), schedule.phases)
    elif schedule.phases:
        phases = blocks.begin(h.to(target.dtype), draw, target.phases(theta), schedule.phases)
    if schedule.bias:
        y = torch.linalg.solve(target.factor, theta)
        bias = blocks.begin(y, draw, target.parameters(target.density(h.to(target.dtype))), schedule.bias)
    return Chain(draw, h.to(target.dtype), theta, phases, bias, [], [], [], np.zeros((2, len(h))))


def stream(*seed: int) -> int:
    """A seed of torch's generator from several numbers."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))


def run(chain: Chain, target: Target, schedule: Schedule, monitors: Monitors, sweeps: int) -> Chain:
    """The chain some sweeps later, at most to the end of the schedule."""
    h, theta, phases, bias = chain.h, chain.theta, chain.phases, chain.bias
    in_phases = (target.both() if schedule.together else target.phases(theta)) if phases else None
    in_bias = target.parameters(target.density(h)) if bias else None
    measured, thetas, fields = list(chain.measured), list(chain.thetas), list(chain.fields)
    sums, summed = chain.sums.copy(), chain.summed
    end = min(chain.sweep + sweeps, schedule.sweeps)
    for sweep in range(chain.sweep, end):
        if phases and schedule.phases and in_phases:
            for _ in range(schedule.phase_moves):
                phases, _ = blocks.advance(phases, chain.draw, in_phases, schedule.phases)
            h, theta = target.apart(phases.x) if schedule.together else (phases.x, theta)
        if bias and schedule.bias and in_bias:
            if phases:
                in_bias = target.parameters(target.density(h))
                bias = blocks.renewed(bias, in_bias)
            for _ in range(schedule.bias_moves):
                bias, _ = blocks.advance(bias, chain.draw, in_bias, schedule.bias)
            theta = target.factor @ bias.x
            if phases:
                in_phases = target.phases(theta)
                phases = blocks.renewed(phases, in_phases)
        kept = sweep + 1 - schedule.warm_up
        if kept <= 0:
            continue
        if phases:
            values = h.double().numpy()
            sums += values, values**2
            summed += 1
        if kept % schedule.thin == 0:
            measured.append(monitors.measure(target, h, theta))
            thetas.append(theta.numpy().copy())
            if phases and schedule.fields and _is_kept(len(measured), schedule):
                fields.append(h.float().numpy().copy())
    if not bool(torch.isfinite(h).all()) or not bool(torch.isfinite(theta).all()):
        raise DataError(f"the chain left the finite numbers in sweep {end}: a smaller step is needed")
    return Chain(chain.draw, h, theta, phases, bias, measured, thetas, fields, sums, summed, end)


def _is_kept(draw: int, schedule: Schedule) -> bool:
    """Whether the draw-th measurement is one of the `fields` evenly spaced ones, the last among them."""
    every = max(1, schedule.draws // schedule.fields)
    return (schedule.draws - draw) % every == 0 and (schedule.draws - draw) // every < schedule.fields


def as_group(chain: Chain) -> Group:
    """All of a chain, to go on from."""
    data: dict[str, Any] = {
        "draw": chain.draw.get_state().numpy(),
        "h": chain.h.numpy(),
        "theta": chain.theta.numpy(),
        "measured": np.array(chain.measured),
        "thetas": np.array(chain.thetas),
        "fields": np.array(chain.fields, np.float32),
        "sums": chain.sums,
    }
    for name, block in (("phases", chain.phases), ("bias", chain.bias)):
        if block is not None:
            data |= {f"{name}_{key}": array for key, array in blocks.as_arrays(block).items()}
    return Group(data, {"sweep": chain.sweep, "summed": chain.summed})


def from_group(group: Group, schedule: Schedule) -> Chain:
    """The chain of `as_group`. Raises DataError if it holds other blocks than the schedule moves."""
    data, made = group.data, {}
    for name, plan in (("phases", schedule.phases), ("bias", schedule.bias)):
        prefix = f"{name}_"
        arrays = {key.removeprefix(prefix): array for key, array in data.items() if key.startswith(prefix)}
        if bool(arrays) != (plan is not None):
            raise DataError(
                f"the chain's file {'has' if arrays else 'lacks'} a block '{name}': remove it to begin anew"
            )
        try:
            made[name] = blocks.from_arrays(arrays, plan) if plan else None
        except KeyError as missing:
            raise DataError(f"the chain's file is of another sampler (no {missing}): remove it to begin anew") from None
    draw = torch.Generator()
    draw.set_state(torch.from_numpy(np.array(data["draw"])))
    chain = Chain(
        draw,
        torch.from_numpy(np.array(data["h"])),
        torch.from_numpy(np.array(data["theta"])),
        made["phases"],
        made["bias"],
        list(data["measured"]),
        list(data["thetas"]),
        list(data["fields"]),
        np.array(data["sums"]),
    )
    return replace(chain, sweep=int(group.attrs["sweep"]), summed=int(group.attrs["summed"]))
