"""Quasi-Newton Hamiltonian Monte Carlo, as published (Fu, Luo & Zhang 2016; Charnock et al. 2020, Eqs. 22-24).

    dx/dt = B M^-1 p,   dp/dt = B grad ln p,   p ~ N(0, M)

B approximates the inverse Hessian from the steps s and changes of gradient y of accepted transitions (L-BFGS), constant
along a trajectory. For any symmetric B the flow conserves -ln p + p.M^-1 p / 2 and volume; it is HMC with the inverse
mass B M^-1 B (p = B p~). Here M = 1. B learns while `adapt` is set, which belongs into the burn-in: a B made of the
states it acts on has no stationary distribution to leave alone.
"""

from typing import NamedTuple

import torch

from lss_recon.sampling.hmc import Info, accept, length
from lss_recon.sampling.integrators import LEAPFROG, integrate
from lss_recon.sampling.log_density import Evaluated, LogDensity

CURVATURE = 1e-8  # least s.y in units of |s| |y|


class State(NamedTuple):
    """x : (d,); value, gradient : of ln p there; steps, changes : (m, d), the pairs (s, y) that B is made of"""

    x: torch.Tensor
    value: torch.Tensor
    gradient: torch.Tensor
    steps: torch.Tensor
    changes: torch.Tensor


class Settings(NamedTuple):
    """step, steps : as for HMC; memory : most pairs kept; adapt : whether B learns"""

    step: float
    steps: float
    memory: int = 100
    adapt: bool = False


def start(log_density: LogDensity, x: torch.Tensor) -> State:
    nothing = x.new_zeros(0, len(x))
    return State(x, *log_density(x), nothing, nothing)


def inverse_hessian(steps: torch.Tensor, changes: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """B v by the two loops of L-BFGS, from B_0 = 1, oldest pair first (Nocedal & Wright 2006, algorithm 7.4)."""
    shares = []
    q = vector
    for s, y in zip(steps.flip(0), changes.flip(0), strict=True):
        rho = 1 / torch.dot(s, y)
        a = rho * torch.dot(s, q)
        q = q - a * y
        shares.append((rho, a))
    for (rho, a), s, y in zip(reversed(shares), steps, changes, strict=True):
        q = q + s * (a - rho * torch.dot(y, q))
    return q


def kernel(state: State, draw: torch.Generator, log_density: LogDensity, settings: Settings) -> tuple[State, Info]:
    """One transition."""

    def b(vector: torch.Tensor) -> torch.Tensor:
        return inverse_hessian(state.steps, state.changes, vector)

    def kick(p: torch.Tensor, gradient: torch.Tensor, time: float) -> tuple[torch.Tensor, float]:
        return p + time * b(gradient), 0.0

    momentum = torch.randn(state.x.shape, generator=draw, dtype=state.x.dtype)
    steps = length(draw, settings.steps)
    x, p, at = state.x, momentum, Evaluated(state.value, state.gradient)
    for _ in range(steps):
        x, p, at, _ = integrate(log_density, kick, x, p, at, settings.step, LEAPFROG, b)
    change = float(state.value - at.value) + 0.5 * float(torch.sum(p.double() ** 2 - momentum.double() ** 2))
    taken, acceptance = accept(draw, change)
    info = Info(steps, change, acceptance, taken)
    if not taken:
        return state, info
    pairs = _learned(state, x, at, settings) if settings.adapt else (state.steps, state.changes)
    return State(x, *at, *pairs), info


def _learned(state: State, x: torch.Tensor, at: Evaluated, settings: Settings) -> tuple[torch.Tensor, torch.Tensor]:
    """The pairs with the last transition's; y is the change of the gradient of -ln p."""
    s, y = x - state.x, state.gradient - at.gradient
    if torch.dot(s, y) <= CURVATURE * torch.linalg.vector_norm(s) * torch.linalg.vector_norm(y):
        return state.steps, state.changes
    keep = settings.memory - 1
    steps = torch.cat([state.steps[-keep:] if keep else state.steps[:0], s[None]])
    changes = torch.cat([state.changes[-keep:] if keep else state.changes[:0], y[None]])
    return steps, changes
