"""Lagrangian perturbation theory in torch: from phases to a density, with exact gradients.

The phases are sampled as the Hartley coefficients h of the white noise: n^3 real numbers, N(0, 1) each, one per
wavevector. With F the unitary transform of the noise, h(k) = Re F(k) - Im F(k); the map is orthogonal and its own
inverse, so that a prior that is white in space is white in h, and what is diagonal in Fourier space (a spectrum, a
preconditioner) is diagonal in h.

    h -> linear modes -> displacements -> particles on a lattice moved -> cloud in cell -> density

The displacements are those of `lss.physics.lpt`, at whose docstring the equations stand.
Source: Bracewell 1983 (Hartley transform); Bouchet et al. 1995 (A&A 296, 575).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from lss.config import Cosmology
from lss.differentiable.clouds import paint
from lss.differentiable.zeldovich import Zeldovich
from lss.grid import fourier
from lss.physics.cosmology import growth_factor, growth_factor_2, growth_rate, growth_rate_2
from lss.physics.linear_power import linear_power


@dataclass(frozen=True)
class Waves:
    """Wavevectors of an n-grid, shaped to broadcast against (n, n, n//2+1).

    k : kx, ky, kz, h/Mpc; odd : the same, zero in the Nyquist plane of an even grid, where i k of a real field is not
    defined; minus_inverse_k2 : -1 / k^2, zero at k = 0
    """

    n: int
    k: list[torch.Tensor]
    odd: list[torch.Tensor]
    minus_inverse_k2: torch.Tensor


def waves(n: int, box_size: float, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu") -> Waves:
    """The wavevectors of a grid of n points a side in a box of box_size Mpc/h."""
    k = fourier.wavenumbers(n, box_size)
    k2 = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    k2[0, 0, 0] = np.inf

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(device, dtype)

    odd = fourier.derivative_wavenumbers(n, box_size)
    return Waves(n, [tensor(c) for c in k], [tensor(c) for c in odd], tensor(-1 / k2))


def displacements(modes: torch.Tensor, grid: Waves, order: int = 2) -> tuple[torch.Tensor, torch.Tensor | None]:
    """psi1 and psi2 of a linear overdensity, for growth factors of one.

    modes : (n, n, n//2+1) complex, plain transform of the linear overdensity at z = 0; order : 1 or 2
    Returns (3, n, n, n) in Mpc/h each; psi2 is None at order 1.
    """
    phi = modes * grid.minus_inverse_k2
    psi1 = _gradient(phi, grid, -1)
    if order == 1:
        return psi1, None
    n = grid.n
    xx, yy, zz = (_inverse(phi * -(c * c), n) for c in grid.k)
    source = xx * yy + (xx + yy) * zz
    for i, j in ((0, 1), (0, 2), (1, 2)):
        source = source - _inverse(phi * -(grid.odd[i] * grid.odd[j]), n) ** 2
    return psi1, _gradient(torch.fft.rfftn(source) * grid.minus_inverse_k2, grid, 1)


def _gradient(phi: torch.Tensor, grid: Waves, sign: int) -> torch.Tensor:
    return torch.stack([_inverse(phi * (1j * sign * c), grid.n) for c in grid.odd])


def _inverse(modes: torch.Tensor, n: int) -> torch.Tensor:
    return torch.fft.irfftn(modes, s=(n, n, n))


def hartley(noise: torch.Tensor) -> torch.Tensor:
    """The Hartley coefficients of white noise, and the noise of Hartley coefficients: the map is its own inverse.

    noise : (n, n, n) real
    Returns (n, n, n), N(0, 1) each if the noise is.
    """
    modes = torch.fft.fftn(noise, norm="ortho")
    return modes.real - modes.imag


class _Modes(torch.autograd.Function):
    """Hartley coefficients to the modes of rfftn, (n, n, n//2+1): F = (h(k) + h(-k)) / 2 - i (h(k) - h(-k)) / 2."""

    @staticmethod
    def forward(ctx: Any, h: torch.Tensor, opposite: torch.Tensor) -> torch.Tensor:
        ctx.opposite = opposite
        half = h[..., : h.shape[-1] // 2 + 1]
        other = h.reshape(-1)[opposite].view(half.shape)
        return torch.complex(half + other, other - half) * 0.5

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        re, im = gradient.real * 0.5, gradient.imag * 0.5
        n = len(gradient)
        result = re.new_zeros(n, n, n)
        result[..., : n // 2 + 1] = re - im
        flat = result.view(-1)
        flat[ctx.opposite] += (re + im).reshape(-1)  # every opposite occurs once
        return result, None


@dataclass(frozen=True)
class LptDensity:
    """Hartley coefficients to the density of moved particles.

    n, box_size : the grid, one particle a voxel; order : of perturbation theory; d1, d2 : growth factors
    stretch : along each axis, what the displacements of first and second order are multiplied with: 1, or 1 + f and
        1 + f2 along the line of sight in redshift space; amplitude : sqrt(P n^3 / V) per mode, times n^(3/2)
    """

    n: int
    box_size: float
    order: int
    d1: float
    d2: float
    stretch: tuple[tuple[float, float], ...]
    amplitude: torch.Tensor
    opposite: torch.Tensor
    lattice: torch.Tensor
    grid: Waves

    @cached_property
    def zeldovich(self) -> Zeldovich:
        """Positions of first order on a processor."""
        per_length = self.d1 * self.n / self.box_size
        factors = [
            -per_length * s[0] * self.amplitude * self.grid.minus_inverse_k2 * c
            for s, c in zip(self.stretch, self.grid.odd, strict=True)
        ]
        return Zeldovich(torch.stack(factors), self.lattice)

    def modes(self, h: torch.Tensor) -> torch.Tensor:
        """Modes of the linear overdensity at z = 0; h : (n, n, n)."""
        return _Modes.apply(h, self.opposite) * self.amplitude

    def positions(self, h: torch.Tensor) -> torch.Tensor:
        """Where the particles are, in cells, (3, n^3)."""
        if self.order == 1 and h.device.type == "cpu":
            return self.zeldovich(h)
        psi1, psi2 = displacements(self.modes(h), self.grid, self.order)
        per_length = self.n / self.box_size
        first = self.lattice.new_tensor([self.d1 * s[0] * per_length for s in self.stretch]).view(3, 1)
        u = torch.addcmul(self.lattice, psi1.view(3, -1), first)
        if psi2 is None:
            return u
        second = self.lattice.new_tensor([self.d2 * s[1] * per_length for s in self.stretch]).view(3, 1)
        return torch.addcmul(u, psi2.view(3, -1), second)

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """rho / mean on the grid, (n, n, n); h : (n, n, n) Hartley coefficients."""
        return paint(self.positions(h), self.n)


def lpt_density(
    cosmology: Cosmology,
    n: int,
    box_size: float,
    redshift: float = 0.0,
    order: int = 1,
    line_of_sight: str = "none",
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> LptDensity:
    """The forward model of LPT at a redshift, in real space or along an axis ("x", "y", "z") in redshift space."""
    a, omega_m = 1 / (1 + redshift), cosmology.omega_m
    along = "xyz".find(line_of_sight)
    factors = 1 + float(growth_rate(a, omega_m)), 1 + float(growth_rate_2(a, omega_m))
    stretch = tuple(factors if axis == along else (1.0, 1.0) for axis in range(3))
    power = linear_power(fourier.lattice_wavenumbers(n, box_size), cosmology)
    power[0] = 0  # the mean of the noise is no overdensity
    amplitude = np.sqrt(power * n**3 / box_size**3)[fourier.squared_indices((n, n, n))] * n**1.5
    index = np.arange(n)
    minus = -index % n
    opposite = (minus[:, None, None] * n + minus[:, None]) * n + minus[: n // 2 + 1]
    lattice = np.stack(np.meshgrid(index, index, index, indexing="ij")).reshape(3, -1)
    return LptDensity(
        n,
        box_size,
        order,
        float(growth_factor(a, omega_m)),
        float(growth_factor_2(a, omega_m)),
        stretch,
        torch.from_numpy(amplitude).to(device, dtype),
        torch.from_numpy(opposite.reshape(-1)).to(device),
        torch.from_numpy(lattice).to(device, dtype),
        waves(n, box_size, dtype, device),
    )
