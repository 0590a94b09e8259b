"""Particle mesh in torch: a few steps with exact gradients, or one force for a whole simulation.

    f = -grad lap^-1 delta: cloud in cell, phi_k = -I(k) delta_k, differences of eighth order, cloud in cell

Momenta are p = a^2 dx/dt in cells; kicks and drifts are those of `lss.physics.integration_factors`, which follow the
Zel'dovich solution exactly, so that five steps from 2LPT at a = 0.1 give the density of a few megaparsecs.
Source: Feng et al. 2016 (MNRAS 463, 2273); gradients by torch through the adjoints of `lss.differentiable.clouds`.
"""

from dataclasses import dataclass

import numpy as np
import torch

from lss.config import Cosmology
from lss.differentiable.clouds import interpolate, paint
from lss.differentiable.lpt import LptDensity, displacements, lpt_density
from lss.grid.differences import DIFFERENCE
from lss.physics.cosmology import growth_factor_2, growth_rate_2, hubble
from lss.physics.integration_factors import Factors

START = 0.1  # scale factor where 2LPT hands over


def force(u: torch.Tensor, n: int, influence: torch.Tensor, cell: float) -> torch.Tensor:
    """f at the particles.

    u : (3, m) in cells of an n-grid; influence : (n, n, n//2+1), I in (Mpc/h)^2; cell : Mpc/h
    Returns (3, m) in Mpc/h, differentiable by u.
    """
    modes = torch.fft.rfftn(paint(u, n)) * (influence * -(n**3 / u.shape[1]))
    potential = torch.fft.irfftn(modes, s=(n, n, n))
    return torch.stack([interpolate(minus_gradient(potential, axis, 1 / cell), u) for axis in range(3)])


def minus_gradient(potential: torch.Tensor, axis: int, per_length: float) -> torch.Tensor:
    """-d phi / dx of a grid with per_length points to a Mpc/h."""
    result = torch.zeros_like(potential)
    for distance, weight in enumerate(DIFFERENCE, start=1):
        difference = torch.roll(potential, distance, axis) - torch.roll(potential, -distance, axis)
        result = result.add(difference, alpha=float(np.float32(weight * per_length)))
    return result


@dataclass(frozen=True)
class ParticleMeshDensity:
    """Hartley coefficients to the density after a few steps: `lpt` makes the modes and the lattice.

    edges : scale factors of the steps; velocities : what the momenta along each axis are added with, in cells per
    momentum, for redshift space
    """

    lpt: LptDensity
    omega_m: float
    edges: tuple[float, ...]
    velocities: tuple[float, float, float]
    influence: torch.Tensor

    @property
    def n(self) -> int:
        return self.lpt.n

    @property
    def box_size(self) -> float:
        return self.lpt.box_size

    def positions(self, h: torch.Tensor) -> torch.Tensor:
        """Where the particles are, in cells, (3, n^3)."""
        factors, start = Factors(self.omega_m), self.edges[0]
        per_length = self.n / self.box_size
        psi1, psi2 = displacements(self.lpt.modes(h), self.lpt.grid, 2)
        assert psi2 is not None  # of order 2
        first, second = psi1.view(3, -1) * per_length, psi2.view(3, -1) * per_length
        growth, momentum = (float(v) for v in factors.solution(np.array(start)))
        d2 = float(growth_factor_2(start, self.omega_m))
        g2 = start**2 * float(hubble(start, self.omega_m)) * float(growth_rate_2(start, self.omega_m)) * d2
        u = self.lpt.lattice + growth * first + d2 * second
        p = momentum * first + g2 * second
        f = self._force(u)
        for a0, a1 in zip(self.edges[:-1], self.edges[1:], strict=True):
            middle = float(np.sqrt(a0 * a1))
            p = p + factors.kick(a0, middle, at=a0) * f
            u = u + factors.drift(a0, a1, at=middle) * p
            f = self._force(u)
            p = p + factors.kick(middle, a1, at=a1) * f
        return u + torch.stack([v * component for v, component in zip(self.velocities, p, strict=True)])

    def _force(self, u: torch.Tensor) -> torch.Tensor:
        cell = self.box_size / self.n
        return force(u, self.n, self.influence, cell) / cell

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """rho / mean on the grid, (n, n, n)."""
        return paint(self.positions(h), self.n)


def particle_mesh_density(
    cosmology: Cosmology,
    n: int,
    box_size: float,
    redshift: float = 0.0,
    steps: int = 5,
    line_of_sight: str = "none",
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> ParticleMeshDensity:
    """The forward model of a particle mesh on the grid of the phases, `steps` steps even in a from a = 0.1."""
    a = 1 / (1 + redshift)
    lpt = lpt_density(cosmology, n, box_size, redshift, 2, "none", dtype, device)
    edges = tuple(float(edge) for edge in np.linspace(min(START, a / 2), a, steps + 1))
    # p = a^2 dx/dt and the comoving shift is v / (a H) = p / (a^2 E).
    shift = 1 / (a**2 * float(hubble(a, cosmology.omega_m)))
    along = "xyz".find(line_of_sight)
    velocities = tuple(shift if axis == along else 0.0 for axis in range(3))
    return ParticleMeshDensity(lpt, cosmology.omega_m, edges, velocities, -lpt.grid.minus_inverse_k2)  # type: ignore[arg-type]
