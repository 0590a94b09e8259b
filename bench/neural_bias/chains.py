"""Chains that are kept, go on where they were, and can be extended."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bench.neural_bias.boxes import BOX, FOLDER, Box, N
from lss.files.restart import Restart
from lss_recon.sampling import block, chain
from lss_recon.sampling.chain import Chain, Schedule
from lss_recon.sampling.target import monitors, scale_groups

SEGMENT = 50
PARAMETERS = 17  # of the shipped bias
SHELL_WIDTH = 2 * np.pi / BOX


@dataclass(frozen=True)
class Wanted:
    """What a chain is of and how long: sampler of the phases, of the bias (None: given), sweeps.

    joint_moves : of both as one in a sweep
    """

    sampler: str | None = "mclmc"
    bias_sampler: str | None = None
    warm_up: int = 1000
    draws: int = 1000
    thin: int = 10
    phase_moves: int = 1
    bias_moves: int = 2
    length: float = 1.0
    fields: int = 32
    joint_moves: int = 0

    def schedule(self, n: int = N) -> Schedule:
        phases = bias = both = None
        if self.sampler:
            phases = block.Plan(
                self.sampler, self.warm_up * self.phase_moves, groups=scale_groups(n), length=self.length
            )
        if self.bias_sampler:
            bias = block.Plan(self.bias_sampler, self.warm_up * self.bias_moves)
        if self.joint_moves and self.sampler:
            groups = scale_groups(n, PARAMETERS)
            both = block.Plan(self.sampler, self.warm_up * self.joint_moves, groups=groups, length=self.length)
        return Schedule(
            phases, bias, self.phase_moves, self.bias_moves, self.warm_up, self.thin, self.draws,
            self.fields if phases else 0, both, self.joint_moves,
        )  # fmt: skip


def follow(
    name: str, box: Box, wanted: Wanted, number: int, theta: torch.Tensor, h: torch.Tensor | None = None
) -> Chain:
    """A chain to its end, from where its file stands; its start is drawn from the prior unless given."""
    torch.set_num_threads(1)
    n, kept = box.target.n, Restart(FOLDER / "chains", True, name)
    schedule, watched = wanted.schedule(n), monitors(n, box.size)
    state = kept.load(f"{name}-{number}")
    if state is not None:
        now = chain.from_group(state, schedule)
    else:
        draw = np.random.default_rng([number, *name.encode()])
        start = torch.from_numpy(draw.standard_normal(n**3).astype(np.float32)) if h is None else h
        now = chain.begin(box.target, schedule, start, theta, (number, *name.encode()))
    while now.sweep < schedule.sweeps:
        now = chain.run(now, box.target, schedule, watched, SEGMENT)
        kept.save(f"{name}-{number}", chain.as_group(now))
        print(f"{name}-{number}: sweep {now.sweep} of {schedule.sweeps}, ln L {_last(now)}", flush=True)
    return now


def _last(now: Chain) -> str:
    return f"{now.measured[-1][0]:.1f}" if now.measured else "not yet"


def shells(
    a: NDArray[np.float64], b: NDArray[np.float64], n: int = N, size: float = BOX
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """k and the sum over each shell's modes of a b, over their number; a, b : (n^3,) Hartley coefficients."""
    watched = monitors(n, size)
    number = np.bincount(watched.shell)[1:]
    return watched.k, np.bincount(watched.shell, a * b)[1:] / number


def correlation(a: NDArray[np.float64], b: NDArray[np.float64], n: int = N, size: float = BOX) -> NDArray[np.float64]:
    """r(k) in the shells."""
    return shells(a, b, n, size)[1] / np.sqrt(shells(a, a, n, size)[1] * shells(b, b, n, size)[1])


def at(k: NDArray[np.float64], values: NDArray[np.float64], where: float) -> float:
    """The shells' values at a k between them."""
    return float(np.interp(where, k, values))
