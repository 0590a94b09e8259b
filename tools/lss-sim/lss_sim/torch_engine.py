"""Perturbation theory and particle mesh by torch, for a GPU: the numbers of `lss.physics.lpt` and of numba to rounding.

The arithmetic is that of `lss.differentiable`, without gradients. The sums of `paint` are taken in a fixed order, so
that a run has the same bits on the same device.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from lss.differentiable import particle_mesh
from lss.differentiable.lpt import displacements, waves
from lss.physics.cosmology import growth_factor, growth_factor_2, growth_rate, growth_rate_2
from lss.physics.units import hubble_flow
from lss_sim.mesh_force import newtonian_influence
from lss_sim.pm import Engine


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
    cell = box_size / mesh_n

    @torch.no_grad()
    def force(position: torch.Tensor, offset: np.ndarray) -> torch.Tensor:
        shift = torch.tensor(offset, dtype=torch.float32, device=place)
        return particle_mesh.force((position / cell + shift).T, mesh_n, influence, cell).T.contiguous()

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


def lpt_particles(
    linear: NDArray[np.float32], box_size: float, omega_m: float, redshift: float, order: int = 2
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Particles displaced from the lattice: arguments, result and source as `lss.physics.lpt.lpt_particles`."""
    n, place, a = len(linear), device(), 1 / (1 + redshift)
    modes = torch.fft.rfftn(torch.from_numpy(linear).to(place))
    psi1, psi2 = displacements(modes, waves(n, box_size, device=place), order)
    flow = hubble_flow(a, omega_m)
    d1 = float(growth_factor(a, omega_m))
    displacement, velocity = d1 * psi1, (flow * d1 * float(growth_rate(a, omega_m))) * psi1
    if psi2 is not None:
        d2 = float(growth_factor_2(a, omega_m))
        displacement += d2 * psi2
        velocity += (flow * d2 * float(growth_rate_2(a, omega_m))) * psi2
    lattice = torch.arange(n, dtype=torch.float64, device=place) * (box_size / n)
    q = torch.stack(torch.meshgrid(lattice, lattice, lattice, indexing="ij"))
    position = torch.remainder(q + displacement, box_size).to(torch.float32)
    position[position >= np.float32(box_size)] = 0
    return tuple(array.reshape(3, -1).T.cpu().numpy().copy() for array in (position, velocity))  # type: ignore[return-value]
