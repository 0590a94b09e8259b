"""Particle mesh: 2LPT to z = 19, then mesh forces alone; a universe for a tenth of the cost of P3M.

Phases are right to k = 1 h/Mpc and beyond, power falls short on small scales (docs/gravity.md has the table).
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lss_sim.factors import Factors
from lss_sim.mesh_force import MeshForce, mesh_offset, newtonian_influence
from lss_sim.motion import drift, kick
from lss_sim.state import State

SCHEME = "cic"


@dataclass(frozen=True)
class ParticleMesh:
    """The integrator: kick-drift-kick with the growth-aware factors of `lss_sim.factors`.

    mesh_n : mesh points per side; box_size : Mpc/h; seed : of the mesh offsets
    """

    mesh_n: int
    box_size: float
    omega_m: float
    seed: int

    def evolve(self, state: State, edges: np.ndarray) -> Iterator[State]:
        """The state after every step; its arrays are written to by the next one.

        edges : scale factors of the step edges from the start of the run; steps that `state` has made are left out
        """
        influence = newtonian_influence(self.mesh_n, self.box_size)
        force_of = MeshForce(self.mesh_n, self.box_size, SCHEME, influence)
        factors = Factors(self.omega_m)
        position, momentum = state.position, state.momentum
        force = force_of(position, mesh_offset(self.seed, state.steps))
        for step in range(state.steps + 1, len(edges)):
            a0, a1 = edges[step - 1 : step + 1]
            middle = np.sqrt(a0 * a1)
            kick(momentum, force, factors.kick(a0, middle, at=a0))
            drift(position, momentum, factors.drift(a0, a1, at=middle), self.box_size)
            force = force_of(position, mesh_offset(self.seed, step))
            kick(momentum, force, factors.kick(middle, a1, at=a1))
            yield dataclasses.replace(state, position=position, momentum=momentum, scale_factor=float(a1), steps=step)
