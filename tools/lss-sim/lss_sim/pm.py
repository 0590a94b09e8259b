"""Particle mesh: 2LPT to z = 19, then mesh forces alone; a universe for a tenth of the cost of P3M.

Phases are right to k = 1 h/Mpc and beyond, power falls short on small scales (docs/gravity.md has the table).
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lss_sim.factors import Factors
from lss_sim.mesh_force import MeshForce, mesh_offset, newtonian_influence
from lss_sim.motion import drift, kick
from lss_sim.state import State

SCHEME = "cic"


@dataclass(frozen=True)
class Engine:
    """What does the arithmetic, on arrays of its own.

    load : numpy -> its array, unload : back; force : (position, mesh offset) -> f; kick, drift : in place, as in
    `lss_sim.motion`
    """

    load: Callable[[np.ndarray], Any]
    unload: Callable[[Any], np.ndarray]
    force: Callable[[Any, np.ndarray], Any]
    kick: Callable[[Any, Any, float], None]
    drift: Callable[[Any, Any, float], None]


def on_numba(mesh_n: int, box_size: float) -> Engine:
    """The project's own kernels."""
    force = MeshForce(mesh_n, box_size, SCHEME, newtonian_influence(mesh_n, box_size))
    return Engine(lambda array: array, lambda array: array, force, kick, functools.partial(drift, box_size=box_size))


@dataclass(frozen=True)
class ParticleMesh:
    """The integrator: kick-drift-kick with the growth-aware factors of `lss_sim.factors`.

    seed : of the mesh offsets
    """

    engine: Engine
    omega_m: float
    seed: int
    late: ClassVar[float] = 0.0

    def evolve(self, state: State, edges: np.ndarray) -> Iterator[State]:
        """The state after every step; its arrays may be written to by the next one.

        edges : scale factors of the step edges from the start of the run; steps that `state` has made are left out
        """
        engine, factors = self.engine, Factors(self.omega_m)
        position, momentum = engine.load(state.position), engine.load(state.momentum)
        force = engine.force(position, mesh_offset(self.seed, state.steps))
        for step in range(state.steps + 1, len(edges)):
            a0, a1 = edges[step - 1 : step + 1]
            middle = np.sqrt(a0 * a1)
            engine.kick(momentum, force, factors.kick(a0, middle, at=a0))
            engine.drift(position, momentum, factors.drift(a0, a1, at=middle))
            force = engine.force(position, mesh_offset(self.seed, step))
            engine.kick(momentum, force, factors.kick(middle, a1, at=a1))
            place, moving = engine.unload(position), engine.unload(momentum)
            yield dataclasses.replace(state, position=place, momentum=moving, scale_factor=float(a1), steps=step)
