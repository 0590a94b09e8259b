"""One chain: blocks moved in turns, what is kept of it, and its file.

A sweep moves the phases some times at fixed bias, then the bias some times at fixed density, then both as one; or only
what is sampled. After the warm-up every sweep adds to the mean and the variance of the phases, every `thin`-th is
measured (`target.Monitors`), and some are kept whole. A chain that was written down goes on with the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lss.errors import DataError
from lss.universe import Group
from lss_recon.sampling import block as blocks
from lss_recon.sampling.block import Block
from lss_recon.sampling.log_density import LogDensity
from lss_recon.sampling.target import Monitors, Target

BLOCKS = ("phases", "bias", "both")


@dataclass(frozen=True)
class Schedule:
    """phases, bias, both : how each block is moved, None if it is not; phase_moves, bias_moves, joint_moves : in a
    sweep; warm_up : sweeps that nothing is kept of; thin : sweeps between measurements; draws : measurements; fields :
    kept whole among them"""

    phases: blocks.Plan | None
    bias: blocks.Plan | None
    phase_moves: int
    bias_moves: int
    warm_up: int
    thin: int
    draws: int
    fields: int
    both: blocks.Plan | None = None
    joint_moves: int = 0

    @property
    def sweeps(self) -> int:
        return self.warm_up + self.thin * self.draws


@dataclass(frozen=True)
class Chain:
    """sweep : done; draw : the stream of random numbers; h, theta : where the chain is; phases, bias, both : blocks;
    measured : (draws so far, monitors); thetas : (draws so far, p); fields : (kept so far, n^3) float32; sums :
    (2, n^3) of h and h^2 over `summed` sweeps"""

    draw: torch.Generator
    h: torch.Tensor
    theta: torch.Tensor
    phases: Block | None
    bias: Block | None
    both: Block | None
    measured: list[NDArray[np.float64]]
    thetas: list[NDArray[np.float64]]
    fields: list[NDArray[np.float32]]
    sums: NDArray[np.float64]
    summed: int = 0
    sweep: int = 0

    @property
    def gradients(self) -> tuple[int, ...]:
        """Of phases, of the bias and of both as one, so far."""
        return tuple(block.gradients if block else 0 for block in (self.phases, self.bias, self.both))


@dataclass(frozen=True)
class Kind:
    """What a block moves: its coordinates of (h, theta), and back; and its density where the others stand."""

    plan: blocks.Plan
    moves: int
    coordinates: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    back: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    density: Callable[[torch.Tensor, torch.Tensor], LogDensity]


def _kinds(target: Target, schedule: Schedule) -> dict[str, Kind]:
    """The blocks that a sweep moves, in order."""
    made = {}
    if schedule.phases:
        made["phases"] = Kind(
            schedule.phases,
            schedule.phase_moves,
            lambda h, theta: h,
            lambda x, h, theta: (x, theta),
            lambda h, theta: target.phases(theta),
        )
    if schedule.bias:
        made["bias"] = Kind(
            schedule.bias,
            schedule.bias_moves,
            lambda h, theta: torch.linalg.solve(target.factor, theta),
            lambda y, h, theta: (h, target.factor @ y),
            lambda h, theta: target.parameters(target.density(h)),
        )
    if schedule.both:
        made["both"] = Kind(
            schedule.both,
            schedule.joint_moves,
            target.joined,
            lambda x, h, theta: target.apart(x),
            lambda h, theta: target.both(),
        )
    return made


def begin(target: Target, schedule: Schedule, h: torch.Tensor, theta: torch.Tensor, seed: tuple[int, ...]) -> Chain:
    """A chain at h (n^3,) and theta (p,). Raises DataError if the posterior is not finite there."""
    draw, h = torch.Generator().manual_seed(stream(*seed)), h.to(target.dtype)
    made = dict.fromkeys(BLOCKS) | {
        name: blocks.begin(kind.coordinates(h, theta), draw, kind.density(h, theta), kind.plan)
        for name, kind in _kinds(target, schedule).items()
    }
    return Chain(draw, h, theta, **made, measured=[], thetas=[], fields=[], sums=np.zeros((2, len(h))))


def stream(*seed: int) -> int:
    """A seed of torch's generator from several numbers."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))


def run(chain: Chain, target: Target, schedule: Schedule, monitors: Monitors, sweeps: int) -> Chain:
    """The chain some sweeps later, at most to the end of the schedule."""
    h, theta, kinds = chain.h, chain.theta, _kinds(target, schedule)
    moved: dict[str, Any] = {name: getattr(chain, name) for name in BLOCKS}
    alone = {name: kind.density(h, theta) for name, kind in kinds.items()} if len(kinds) == 1 else {}
    measured, thetas, fields = list(chain.measured), list(chain.thetas), list(chain.fields)
    sums, summed = chain.sums.copy(), chain.summed
    end = min(chain.sweep + sweeps, schedule.sweeps)
    has_phases = any(name != "bias" for name in kinds)
    for sweep in range(chain.sweep, end):
        for name, kind in kinds.items():
            block, density = moved[name], alone.get(name) or kind.density(h, theta)
            if not alone:  # the others have moved since
                block = blocks.renewed(block, kind.coordinates(h, theta), density)
            for _ in range(kind.moves):
                block, _ = blocks.advance(block, chain.draw, density, kind.plan)
            h, theta = kind.back(block.x, h, theta)
            moved[name] = block
        kept = sweep + 1 - schedule.warm_up
        if kept <= 0:
            continue
        if has_phases:
            values = h.double().numpy()
            sums += values, values**2
            summed += 1
        if kept % schedule.thin == 0:
            measured.append(monitors.measure(target, h, theta))
            thetas.append(theta.numpy().copy())
            if has_phases and schedule.fields and _is_kept(len(measured), schedule):
                fields.append(h.float().numpy().copy())
    if not bool(torch.isfinite(h).all()) or not bool(torch.isfinite(theta).all()):
        raise DataError(f"the chain left the finite numbers in sweep {end}: a smaller step is needed")
    done: dict[str, Any] = {
        "measured": measured,
        "thetas": thetas,
        "fields": fields,
        "sums": sums,
        "summed": summed,
        "sweep": end,
    }
    return Chain(chain.draw, h, theta, **moved, **done)


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
    for name in BLOCKS:
        block = getattr(chain, name)
        if block is not None:
            data |= {f"{name}_{key}": array for key, array in blocks.as_arrays(block).items()}
    return Group(data, {"sweep": chain.sweep, "summed": chain.summed})


def from_group(group: Group, schedule: Schedule) -> Chain:
    """The chain of `as_group`. Raises DataError if it holds other blocks than the schedule moves."""
    data, made = group.data, {}
    for name in BLOCKS:
        plan = getattr(schedule, name)
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
        made["both"],
        list(data["measured"]),
        list(data["thetas"]),
        list(data["fields"]),
        np.array(data["sums"]),
    )
    return replace(chain, sweep=int(group.attrs["sweep"]), summed=int(group.attrs["summed"]))
