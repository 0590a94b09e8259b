"""Splitting integrators: positions and velocities moved in turns, reversible and volume-preserving.

A scheme is a list of shares: B (velocity by the gradient) and A (position) alternate, B first and last, whose gradient
is kept for the next step.

    leapfrog       B 1/2, A 1, B 1/2                      one gradient a step
    minimal-norm   B b, A 1/2, B 1 - 2b, A 1/2, B b       two gradients a step, an error ten times smaller; b = 0.19318
Source: Leimkuhler & Reich 2004; McLachlan 1995 and Omelyan et al. 2003 (minimal norm); Robnik et al. 2023
(arXiv:2212.08549), section 3 (velocities on the sphere).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch

from lss_recon.sampling.log_density import Evaluated, LogDensity

LEAPFROG = (0.5, 1.0, 0.5)
_B = 0.1931833275037836
MINIMAL_NORM = (_B, 0.5, 1 - 2 * _B, 0.5, _B)


class Moved(NamedTuple):
    """x, velocity : after the step; at : value and gradient at x; kinetic : change of the kinetic energy"""

    x: torch.Tensor
    velocity: torch.Tensor
    at: Evaluated
    kinetic: float


Turn = Callable[[torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, float]]


def integrate(
    log_density: LogDensity,
    turn: Turn,
    x: torch.Tensor,
    velocity: torch.Tensor,
    at: Evaluated,
    step: float,
    scheme: tuple[float, ...],
    direction: Callable[[torch.Tensor], torch.Tensor] = lambda velocity: velocity,
) -> Moved:
    """One step of a scheme.

    turn : velocity, gradient, time -> velocity after that time, and the change of its kinetic energy
    direction : velocity -> dx / dt
    """
    kinetic = 0.0
    for place, share in enumerate(scheme):
        if place % 2:
            x = x + (share * step) * direction(velocity)
            at = log_density(x)
        else:
            velocity, change = turn(velocity, at.gradient, share * step)
            kinetic += change
    return Moved(x, velocity, at, kinetic)


def kick(velocity: torch.Tensor, gradient: torch.Tensor, time: float) -> tuple[torch.Tensor, float]:
    """Hamilton's equation for unit masses, dp / dt = grad ln p; the caller counts the kinetic energy."""
    return velocity + time * gradient, 0.0


def turn_on_sphere(velocity: torch.Tensor, gradient: torch.Tensor, time: float) -> tuple[torch.Tensor, float]:
    """The velocity u, |u| = 1, of microcanonical dynamics, turned towards the gradient: the exact flow at fixed x.

        u <- [u + e (sinh d + (e.u)(cosh d - 1))] / (cosh d + (e.u) sinh d),  d = time |g| / (dim - 1)

    Source: Ver Steeg & Galstyan 2021; Robnik et al. 2023, Eq. 15, in terms of exp(-d), which does not overflow.
    """
    size = float(torch.linalg.vector_norm(gradient))
    if size == 0.0:
        return velocity, 0.0
    dimensions = len(velocity)
    delta = time * size / (dimensions - 1)
    along = float(torch.dot(gradient, velocity)) / size
    fade = math.exp(-delta)
    towards = (1 - fade) * (1 + fade + along * (1 - fade)) / size  # of the gradient
    turned = torch.add(velocity * (2 * fade), gradient, alpha=towards)
    turned = turned / torch.linalg.vector_norm(turned)
    change = (dimensions - 1) * (delta - math.log(2) + math.log(1 + along + (1 - along) * fade**2))
    return turned, change
