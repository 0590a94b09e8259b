"""Perturbation theory and particle mesh by torch, for a GPU: the numbers of `lss.physics.lpt` and of numba to rounding.

On a processor torch is several times slower than numba; it is there to be held against it. The sums of `paint` are
taken in a fixed order, so that a run has the same bits on the same device.
"""

import itertools
import math

import numpy as np
import torch
from numpy.typing import NDArray

from lss.grid import fourier
from lss.physics.cosmology import growth_factor, growth_factor_2, growth_rate, growth_rate_2
from lss.physics.units import hubble_flow
from lss_sim.mesh_force import DIFFERENCE, newtonian_influence
from lss_sim.pm import Engine

CHUNK = 1 << 23  # particles painted or interpolated at once: bounds the memory for weights


def device() -> torch.device:
    """The GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def on_torch(mesh_n: int, box_size: float) -> Engine:
    """The particle mesh's arithmetic on the device: CIC, differences of eighth order, as `lss_sim.mesh_force`."""
    torch.use_deterministic_algorithms(True)
    place = device()
    by_size = torch.from_numpy(newtonian_influence(mesh_n, box_size)).to(place)
    index = torch.arange(mesh_n, device=place)
    size = torch.minimum(index, mesh_n - index)
    influence = by_size[size][:, size]
    per_length = mesh_n / box_size

    def force(position: torch.Tensor, offset: np.ndarray) -> torch.Tensor:
        shift = torch.tensor(offset, dtype=torch.float32, device=place)
        grid = torch.zeros(mesh_n**3, dtype=torch.float32, device=place)
        for some in position.split(CHUNK):
            for cell, weight in _cloud(some * per_length + shift, mesh_n):
                grid.index_add_(0, cell, weight)
        modes = torch.fft.rfftn(grid.view(mesh_n, mesh_n, mesh_n))
        modes *= influence * -(mesh_n**3 / len(position))
        potential = torch.fft.irfftn(modes, s=(mesh_n, mesh_n, mesh_n))
        del modes
        result = torch.empty_like(position)
        for axis in range(3):
            component = _minus_gradient(potential, axis, per_length).flatten()
            for some, target in zip(position.split(CHUNK), result[:, axis].split(CHUNK), strict=True):
                terms = (component[cell] * weight for cell, weight in _cloud(some * per_length + shift, mesh_n))
                target.copy_(sum(terms, torch.zeros_like(target)))
        return result

    def kick(momentum: torch.Tensor, by: torch.Tensor, factor: float) -> None:
        momentum.add_(by, alpha=float(np.float32(factor)))

    def drift(position: torch.Tensor, momentum: torch.Tensor, factor: float) -> None:
        position.add_(momentum, alpha=float(np.float32(factor)))
        position += torch.where(position < 0, box_size, 0.0)
        position -= torch.where(position >= box_size, box_size, 0.0)

    return Engine(
        load=lambda array: torch.from_numpy(array).to(place),
        unload=lambda tensor: tensor.cpu().numpy(),
        force=force,
        kick=kick,
        drift=drift,
    )


def _cloud(u: torch.Tensor, n: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The eight CIC cells of each particle (flat indices) and their weights; u : (m, 3) positions in cells."""
    low = torch.floor(u)
    far = u - low
    below = low.to(torch.int64)
    corners = []
    for corner in itertools.product((0, 1), repeat=3):
        i, j, k = (((below[:, axis] + step) % n) for axis, step in enumerate(corner))
        shares = [far[:, axis] if step else 1 - far[:, axis] for axis, step in enumerate(corner)]
        corners.append(((i * n + j) * n + k, math.prod(shares[1:], start=shares[0])))
    return corners


def _minus_gradient(potential: torch.Tensor, axis: int, per_length: float) -> torch.Tensor:
    """-d phi / dx by centred differences of eighth order."""
    result = torch.zeros_like(potential)
    for distance, weight in enumerate(DIFFERENCE, start=1):
        difference = torch.roll(potential, distance, axis) - torch.roll(potential, -distance, axis)
        result.add_(difference, alpha=float(np.float32(weight * per_length)))
    return result


def lpt_particles(
    linear: NDArray[np.float32], box_size: float, omega_m: float, redshift: float, order: int = 2
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Particles displaced from the lattice: arguments, result and source as `lss.physics.lpt.lpt_particles`."""
    n, place, a = len(linear), device(), 1 / (1 + redshift)
    k = [torch.from_numpy(c).to(place) for c in fourier.wavenumbers(n, box_size)]
    k2 = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    k2[0, 0, 0] = torch.inf
    odd = [torch.from_numpy(c).to(place, torch.float32) for c in fourier.derivative_wavenumbers(n, box_size)]
    even = [c.to(torch.float32) for c in k]
    inverse_k2 = (-1 / k2).to(torch.float32)

    def inverse(modes: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfftn(modes, s=(n, n, n))

    def gradient(of: torch.Tensor, sign: int) -> torch.Tensor:
        phi = torch.fft.rfftn(of) * inverse_k2
        return torch.stack([inverse(phi * (1j * sign * c)) for c in odd], dim=-1)

    delta = torch.from_numpy(linear).to(place)
    flow = hubble_flow(a, omega_m)
    d1 = float(growth_factor(a, omega_m))
    psi = gradient(delta, -1)
    displacement, velocity = d1 * psi, (flow * d1 * float(growth_rate(a, omega_m))) * psi
    if order == 2:
        phi = torch.fft.rfftn(delta) * inverse_k2
        xx, yy, zz = (inverse(phi * -(c * c)) for c in even)
        source = xx * yy + (xx + yy) * zz
        for i, j in ((0, 1), (0, 2), (1, 2)):
            source -= inverse(phi * -(odd[i] * odd[j])) ** 2
        d2 = float(growth_factor_2(a, omega_m))
        psi = gradient(source, 1)
        displacement += d2 * psi
        velocity += (flow * d2 * float(growth_rate_2(a, omega_m))) * psi
    lattice = torch.arange(n, dtype=torch.float64, device=place) * (box_size / n)
    q = torch.stack(torch.meshgrid(lattice, lattice, lattice, indexing="ij"), dim=-1)
    position = torch.remainder(q + displacement, box_size).to(torch.float32)
    position[position >= np.float32(box_size)] = 0
    return position.reshape(-1, 3).cpu().numpy(), velocity.reshape(-1, 3).cpu().numpy()
