"""P3M: the N-body method that holds up against Gadget-4.

A mesh step from a0 to a1:

    particles are put in order of cells; mesh force (new random offset) and pair force of all
    half kick by the mesh force; levels are chosen; half kick of each particle's own step by the pair force
    2^deepest sub-steps: all drift; those at the end of their step get a new pair force, which ends this kick and
        begins the next
    at a1 both forces are computed anew: half kicks, and everything is at one time

The last half kicks of a step and the first of the next share their forces: one mesh force per step.
docs/gravity.md compares with Gadget-4 and says why each number is what it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lss.errors import DataError
from lss_sim.cells import Cells, cell_order, take
from lss_sim.factors import Factors
from lss_sim.mesh_force import MeshForce, mesh_offset
from lss_sim.motion import advance_levels, columns, kick, rows, wrap
from lss_sim.pair_force import PairForce
from lss_sim.split import long_range_influence
from lss_sim.state import State
from lss_sim.time_bins import StepFactors, choose_levels, level_limits

SCHEME = "pcs"
FARTHEST = 3.0  # cells that a particle may drift in a mesh step; beyond, every pair of the box would be near


@dataclass(frozen=True)
class P3M:
    """The integrator.

    n : particles per side; mesh_n : mesh points per side; reach : of the pair force, Mpc/h; softening :
    Plummer-equivalent, Mpc/h; eta, levels : of the time bins; seed : of the mesh offsets
    """

    n: int
    mesh_n: int
    box_size: float
    omega_m: float
    reach: float
    softening: float
    eta: float
    levels: int
    seed: int
    late: ClassVar[float] = 8.0  # steps are 3.7 times as long at z = 127 as at z = 0, where halos are

    def evolve(self, state: State, edges: np.ndarray) -> Iterator[State]:
        """The state after every mesh step, in an order of its own.

        edges : scale factors of the step edges from the start of the run; steps that `state` has made are left out
        """
        influence = long_range_influence(self.mesh_n, self.box_size, self.reach, SCHEME)
        mesh_force_of = MeshForce(self.mesh_n, self.box_size, SCHEME, influence)
        pair_force_of = PairForce(self.box_size, self.reach, self.softening, self.box_size**3 / (4 * np.pi * self.n**3))
        factors = Factors(self.omega_m)
        level = np.zeros(self.n**3, np.uint8)
        pair_force = np.empty((4, self.n**3), np.float32)  # the last row: stiffness

        order, cells = cell_order(state.position, self.box_size, self.reach)
        place, row, momentum = take(state.position, order), take(state.row, order), columns(take(state.momentum, order))
        mesh_force = columns(mesh_force_of(place, mesh_offset(self.seed, state.steps)))
        position = columns(place)
        pair_force_of(position, cells, level, 0, cells.enclose(position), pair_force)
        for step in range(state.steps + 1, len(edges)):
            a0, a1 = edges[step - 1 : step + 1]
            middle = np.sqrt(a0 * a1)
            limits = level_limits(a0, np.log(a1 / a0), self.omega_m, self.eta, self.levels)
            active = choose_levels(limits, mesh_force, pair_force, level)
            times = StepFactors.of(factors, a0, a1, deepest=int(np.flatnonzero(active)[-1]))
            kick(momentum, mesh_force, factors.kick(a0, middle, at=a0))
            advance_levels(momentum, pair_force, times.opening(0), level)
            for substep in range(1, times.substeps):
                advance_levels(position, momentum, times.drifts(substep), level)
                pair_force_of(
                    position, cells, level, times.first_level(substep), _stray(position, cells, a1), pair_force
                )
                advance_levels(momentum, pair_force, times.closing(substep) + times.opening(substep), level)
            advance_levels(position, momentum, times.drifts(times.substeps), level)
            _stray(position, cells, a1)

            place = rows(position)
            wrap(place, self.box_size)
            order, cells = cell_order(place, self.box_size, self.reach)
            place, row, level = take(place, order), take(row, order), take(level, order)
            momentum = columns(take(rows(momentum), order))
            mesh_force = columns(mesh_force_of(place, mesh_offset(self.seed, step)))
            position = columns(place)
            pair_force_of(position, cells, level, 0, cells.enclose(position), pair_force)
            kick(momentum, mesh_force, factors.kick(middle, a1, at=a1))
            advance_levels(momentum, pair_force, times.closing(times.substeps), level)
            yield State(place, rows(momentum), row, float(a1), step, tuple(active.tolist()))


def _stray(position: np.ndarray, cells: Cells, a1: float) -> float:
    """How far any particle is outside its cell, Mpc/h. Raises DataError when that is too far for a mesh step."""
    stray = cells.enclose(position)
    if stray > FARTHEST * cells.width:
        raise DataError(f"particles move {stray:.3g} Mpc/h within the mesh step to a = {a1:.3g}; raise [sim] steps")
    return stray
