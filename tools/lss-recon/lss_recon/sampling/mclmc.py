"""Microcanonical Langevin Monte Carlo, unadjusted and adjusted.

A particle of constant speed moves through the density; its velocity u on the unit sphere turns towards the gradient so
that time averages are averages over p, and a little noise in u makes that ergodic:

    du/dt = (1 - u u.) grad ln p / (d - 1) + noise,   dx/dt = u
    u <- (u + nu z) / |u + nu z|,  nu^2 = [exp(2 step / L) - 1] / d,  z ~ N(0, 1)

The unadjusted kernel makes an error that the variance of the energy per dimension measures (and its step size is
chosen by: `warm_up`). The adjusted one draws u anew, goes some steps without noise and accepts or not.
Source: Robnik, De Luca, Silverstein & Seljak 2023 (arXiv:2212.08549); Robnik & Seljak 2024 (arXiv:2303.18221); Robnik,
Cohn-Gordon & Seljak 2025 (arXiv:2503.01707, adjusted).
"""

import math
from typing import NamedTuple

import torch

from lss_recon.sampling.hmc import Info, accept, length
from lss_recon.sampling.integrators import MINIMAL_NORM, integrate, turn_on_sphere
from lss_recon.sampling.log_density import Evaluated, LogDensity

GRADIENTS = 2  # a step of the minimal-norm scheme


class State(NamedTuple):
    """x : (d,); value, gradient : of ln p there; velocity : (d,), unit length"""

    x: torch.Tensor
    value: torch.Tensor
    gradient: torch.Tensor
    velocity: torch.Tensor


class Settings(NamedTuple):
    """step : length of a step; decoherence : L, the length after which the direction is forgotten (adjusted: the
    length of a trajectory)"""

    step: float
    decoherence: float


def start(log_density: LogDensity, x: torch.Tensor, draw: torch.Generator) -> State:
    return State(x, *log_density(x), direction(x, draw))


def direction(x: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """A direction, uniform on the sphere."""
    z = torch.randn(x.shape, generator=draw, dtype=x.dtype)
    return z / torch.linalg.vector_norm(z)


def kernel(state: State, draw: torch.Generator, log_density: LogDensity, settings: Settings) -> tuple[State, Info]:
    """One step of the unadjusted sampler, and a little noise in the velocity."""
    at = Evaluated(state.value, state.gradient)
    x, u, new, kinetic = integrate(
        log_density, turn_on_sphere, state.x, state.velocity, at, settings.step, MINIMAL_NORM
    )
    energy = kinetic + float(state.value - new.value)
    if not math.isfinite(energy):  # a step into nowhere: back, and another way
        return state._replace(velocity=direction(state.x, draw)), Info(GRADIENTS, math.inf, 0.0, False)
    nu = math.sqrt(math.expm1(2 * settings.step / settings.decoherence) / len(x))
    u = torch.add(u, torch.randn(u.shape, generator=draw, dtype=u.dtype), alpha=nu)
    return State(x, *new, u / torch.linalg.vector_norm(u)), Info(GRADIENTS, energy, 1.0, True)


def adjusted_kernel(
    state: State, draw: torch.Generator, log_density: LogDensity, settings: Settings
) -> tuple[State, Info]:
    """A trajectory of about `decoherence`, accepted by its change of energy."""
    u, x, at, energy = direction(state.x, draw), state.x, Evaluated(state.value, state.gradient), 0.0
    steps = length(draw, max(1.0, settings.decoherence / settings.step))
    for _ in range(steps):
        before = at.value
        x, u, at, kinetic = integrate(log_density, turn_on_sphere, x, u, at, settings.step, MINIMAL_NORM)
        energy += kinetic + float(before - at.value)
        if not math.isfinite(energy):
            break
    taken, acceptance = accept(draw, energy)
    new = State(x, *at, u) if taken else state
    return new, Info(GRADIENTS * steps, energy, acceptance, taken)
