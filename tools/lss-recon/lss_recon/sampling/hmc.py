"""Hamiltonian Monte Carlo with unit masses (Duane et al. 1987; Neal 2011, arXiv:1206.1901).

    H = -ln p(x) + p.p / 2,  p ~ N(0, 1);  n leapfrog steps;  accept with min(1, exp(-dH))

Other masses are other coordinates: `scaled` and `rotated` of `log_density`. The number of steps is drawn anew for every
trajectory, uniform from 1 to twice the mean, so that no mode of the target returns to where it was.
"""

import math
from typing import NamedTuple

import torch

from lss_recon.sampling.integrators import LEAPFROG, integrate, kick
from lss_recon.sampling.log_density import Evaluated, LogDensity


class State(NamedTuple):
    """x : (d,); value, gradient : of ln p there"""

    x: torch.Tensor
    value: torch.Tensor
    gradient: torch.Tensor


class Info(NamedTuple):
    """gradients : evaluations of this transition; energy : dH; acceptance : min(1, exp(-dH)); accepted : 0 or 1"""

    gradients: int
    energy: float
    acceptance: float
    accepted: bool


class Settings(NamedTuple):
    """step : of the leapfrog; steps : mean number of them"""

    step: float
    steps: float


def start(log_density: LogDensity, x: torch.Tensor) -> State:
    return State(x, *log_density(x))


def kernel(state: State, draw: torch.Generator, log_density: LogDensity, settings: Settings) -> tuple[State, Info]:
    """One transition."""
    momentum = torch.randn(state.x.shape, generator=draw, dtype=state.x.dtype)
    steps = length(draw, settings.steps)
    x, p, at = state.x, momentum, Evaluated(state.value, state.gradient)
    for _ in range(steps):
        x, p, at, _ = integrate(log_density, kick, x, p, at, settings.step, LEAPFROG)
    change = float(state.value - at.value) + 0.5 * float(torch.sum(p.double() ** 2) - torch.sum(momentum.double() ** 2))
    taken, acceptance = accept(draw, change)
    return State(x, *at) if taken else state, Info(steps, change, acceptance, taken)


def length(draw: torch.Generator, mean: float) -> int:
    """A number of steps, uniform from 1 to 2 mean - 1."""
    most = max(1, round(2 * mean - 1))
    return int(torch.randint(1, most + 1, (), generator=draw))


def accept(draw: torch.Generator, change: float) -> tuple[bool, float]:
    """Metropolis' decision on a change of energy; what is not a number is refused."""
    acceptance = math.exp(min(0.0, -change)) if math.isfinite(change) else 0.0
    return float(torch.rand((), generator=draw, dtype=torch.float64)) < acceptance, acceptance
