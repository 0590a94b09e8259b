"""The particles of a run between two steps: what integrators hand over, outputs are made of and restart files keep."""

from dataclasses import dataclass

import numpy as np

from lss.physics.units import HUBBLE
from lss.universe import Group, Particles

KM_S = np.float32(HUBBLE)  # velocities in units of (Mpc/h) H0, in km/s


@dataclass(frozen=True)
class State:
    """Particles in any order, all at one time.

    position : (m, 3) float32 in [0, L) Mpc/h; momentum : (m, 3) float32, a v_pec / (100 km/s)
    row : (m,) int32, the lattice index of each particle; steps : mesh steps made so far
    active : particles that took part in each level of short-range steps since the last state, coarsest first
    """

    position: np.ndarray
    momentum: np.ndarray
    row: np.ndarray
    scale_factor: float
    steps: int = 0
    active: tuple[int, ...] = ()

    @property
    def redshift(self) -> float:
        return 1 / self.scale_factor - 1

    @staticmethod
    def of(particles: Particles) -> "State":
        """The state that particles are in; copies, which integrators may write to."""
        a = 1 / (1 + particles.redshift)
        row = np.arange(len(particles.position), dtype=np.int32)
        return State(particles.position.copy(), particles.velocity * (np.float32(a) / KM_S), row, a)

    def particles(self, redshift: float) -> Particles:
        """The particles in Lagrangian order; `redshift` is the exact one that was asked for."""
        position, velocity = np.empty_like(self.position), np.empty_like(self.momentum)
        position[self.row] = self.position
        velocity[self.row] = self.momentum * (KM_S / np.float32(self.scale_factor))
        return Particles(position, velocity, redshift)

    def group(self) -> Group:
        """What a restart file holds."""
        data = {"position": self.position, "momentum": self.momentum, "row": self.row}
        return Group(data, {"scale_factor": self.scale_factor, "steps": self.steps})

    @staticmethod
    def of_group(group: Group) -> "State":
        """The state of a restart file."""
        d = group.data
        return State(
            d["position"], d["momentum"], d["row"], float(group.attrs["scale_factor"]), int(group.attrs["steps"])
        )
