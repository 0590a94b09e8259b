"""A block of coordinates that one sampler moves: warm-up, tuning and moves, as a state that can be written down.

The warm-up has three parts. In the first the chain finds the bulk of the density while the step size adapts; in the
second the widths of the coordinates are measured as well; in the third the coordinates are divided by their widths, and
the step size adapts to that. From then on nothing adapts any more.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lss.errors import DataError
from lss_recon.sampling.hmc import Info
from lss_recon.sampling.log_density import LogDensity, scaled
from lss_recon.sampling.samplers import SAMPLERS, Sampler, default_length, first_step
from lss_recon.sampling.warm_up import DualAveraging, VarianceTarget, scales, toward_acceptance, toward_variance

FOUND, MEASURED = 0.3, 0.7  # shares of the warm-up at which its first and second parts end


class Plan(NamedTuple):
    """What is fixed of a block.

    sampler : a name of SAMPLERS; warm_up : moves that adapt; energy_variance : of unadjusted steps, per dimension;
    acceptance : wanted of the others; groups : (d,) coordinates that share a width, None: each its own; widths : are
    they measured; length : in units of the default
    """

    sampler: str
    warm_up: int
    energy_variance: float = 5e-4
    acceptance: float = 0.8
    groups: torch.Tensor | None = None
    widths: bool = True
    length: float = 1.0


class Block(NamedTuple):
    """Where a block stands.

    state : the sampler's, in coordinates z = x / scale; tuner : of the step; moments : (4, d) sums of x, x^2, g, g^2
    over `seen` states; moves, gradients : so far; accepted : mean acceptance since the warm-up
    """

    state: Any
    scale: torch.Tensor
    step: float
    tuner: VarianceTarget | DualAveraging
    moments: torch.Tensor
    seen: int = 0
    moves: int = 0
    gradients: int = 0
    accepted: float = 0.0
    energy: float = 0.0

    @property
    def x(self) -> torch.Tensor:
        """The position, (d,)."""
        return self.state.x * self.scale


def begin(x: torch.Tensor, draw: torch.Generator, log_density: LogDensity, plan: Plan) -> Block:
    """A block at x. Raises DataError if the density or its gradient is not finite there."""
    sampler = SAMPLERS[plan.sampler]
    state = sampler.start(log_density, x, draw)
    if not (torch.isfinite(state.value) and torch.isfinite(state.gradient).all()):
        raise DataError(
            f"the log density at the start is {float(state.value):g} and its gradient"
            f" {'finite' if torch.isfinite(state.gradient).all() else 'not finite'}: there is no way to move from there"
        )
    step = first_step(plan.sampler, len(x))
    return Block(state, torch.ones_like(x), step, _tuner(sampler, step), torch.zeros(4, len(x), dtype=torch.float64))


def advance(block: Block, draw: torch.Generator, log_density: LogDensity, plan: Plan) -> tuple[Block, Info]:
    """One move; `log_density` is of x."""
    sampler, dimensions = SAMPLERS[plan.sampler], len(block.scale)
    length = plan.length * default_length(plan.sampler, dimensions)
    warming = block.moves < plan.warm_up
    state, info = sampler.move(block.state, draw, scaled(log_density, block.scale), block.step, length, warming)
    block = block._replace(state=state, moves=block.moves + 1, gradients=block.gradients + info.gradients)
    if not warming:
        after = block.moves - plan.warm_up
        energy = min(abs(info.energy), 1e6) ** 2 / dimensions
        return block._replace(
            accepted=block.accepted + (info.acceptance - block.accepted) / after,
            energy=block.energy + (energy - block.energy) / after,
        ), info
    block = _tuned(block, info, sampler, plan)
    if plan.widths and FOUND * plan.warm_up <= block.moves < MEASURED * plan.warm_up:
        x, g = block.x.double(), (state.gradient / block.scale).double()
        block = block._replace(moments=block.moments + torch.stack([x, x**2, g, g**2]), seen=block.seen + 1)
    if plan.widths and block.moves == int(MEASURED * plan.warm_up) and block.seen > 1:
        block = _rescaled(block, draw, log_density, plan)
    if block.moves == plan.warm_up and isinstance(block.tuner, DualAveraging):
        block = block._replace(step=float(np.exp(block.tuner.log_mean)))
    return block, info


def renewed(block: Block, x: torch.Tensor, log_density: LogDensity) -> Block:
    """The block at x in another density: where the other blocks have moved to."""
    value, gradient = log_density(x)
    state = block.state._replace(x=x / block.scale, value=value, gradient=gradient * block.scale)
    return block._replace(state=state)


def _tuner(sampler: Sampler, step: float) -> VarianceTarget | DualAveraging:
    return DualAveraging(step, step) if sampler.adjusted else VarianceTarget(step)


def _tuned(block: Block, info: Info, sampler: Sampler, plan: Plan) -> Block:
    if isinstance(block.tuner, DualAveraging):
        tuner: Any = toward_acceptance(block.tuner, info.acceptance, plan.acceptance)
    else:
        tuner = toward_variance(block.tuner, info.energy, len(block.scale), plan.energy_variance)
    return block._replace(tuner=tuner, step=tuner.step)


def _rescaled(block: Block, draw: torch.Generator, log_density: LogDensity, plan: Plan) -> Block:
    """The same position in coordinates of unit width; the step starts anew."""
    scale = scales(block.moments / block.seen, plan.groups).to(block.scale)
    sampler = SAMPLERS[plan.sampler]
    state = sampler.start(scaled(log_density, scale), block.x / scale, draw)
    step = first_step(plan.sampler, len(scale))
    return block._replace(state=state, scale=scale, step=step, tuner=_tuner(sampler, step))


def as_arrays(block: Block) -> dict[str, NDArray[Any]]:
    """The block as named arrays, exactly."""
    arrays = {f"state_{name}": value.numpy() for name, value in block.state._asdict().items()}
    numbers = [block.step, block.seen, block.moves, block.gradients, block.accepted, block.energy]
    return arrays | {
        "scale": block.scale.numpy(),
        "moments": block.moments.numpy(),
        "numbers": np.array(numbers, np.float64),
        "tuner": np.array(block.tuner, np.float64),
    }


def from_arrays(arrays: dict[str, NDArray[Any]], plan: Plan) -> Block:
    """The block of `as_arrays`."""
    sampler = SAMPLERS[plan.sampler]
    tensors = {name: torch.from_numpy(np.array(arrays[f"state_{name}"])) for name in sampler.state._fields}
    step, seen, moves, gradients, accepted, energy = arrays["numbers"].tolist()
    tuner: Any = DualAveraging if sampler.adjusted else VarianceTarget
    numbers = arrays["tuner"].tolist()
    return Block(
        sampler.state(**tensors),
        torch.from_numpy(np.array(arrays["scale"])),
        step,
        tuner(*numbers[:-1], int(numbers[-1])) if sampler.adjusted else tuner(*numbers),
        torch.from_numpy(np.array(arrays["moments"])),
        int(seen),
        int(moves),
        int(gradients),
        accepted,
        energy,
    )
