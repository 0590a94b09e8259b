"""A run from its start to its last output: outputs, progress, restart files, requests to stop."""

import logging
import time
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from lss.files.restart import Restart
from lss.process import interrupt
from lss.process.progress import progress
from lss.universe import Group, Particles
from lss_sim.checks import check_state, total_momentum
from lss_sim.factors import step_edges
from lss_sim.state import State

log = logging.getLogger("lss.sim")

SAVE_EVERY = 120.0  # seconds between restart files


class Integrator(Protocol):
    """What moves particles: the state after every mesh step, from `state` to the last of `edges` (scale factors).

    late : how much shorter its steps are at late times (`lss_sim.factors.step_edges`)
    """

    @property
    def late(self) -> float: ...

    def evolve(self, state: State, edges: np.ndarray) -> Iterator[State]: ...


def evolve(
    integrator: Integrator, start: Particles, redshifts: list[float], steps: int, restart: Restart
) -> list[Particles]:
    """Particles at every output redshift.

    redshifts : decreasing, none above that of `start`; steps : mesh steps in all
    Raises Stopped, with the state saved, when the program was asked to stop; DataError when a step went wrong, the
    last saved state being left.
    """
    first = State.of(start)
    redshift_at = {1 / (1 + z): z for z in redshifts}
    edges = step_edges(first.scale_factor, list(redshift_at), steps, integrator.late)
    outputs = {start.redshift: start} if start.redshift in redshifts else {}
    kept = restart.load("state")
    if kept is not None:
        first = State.of_group(kept)
        outputs |= _kept_outputs(redshifts, restart)
        log.info("going on at z = %.3f, step %d of %d", first.redshift, first.steps, len(edges) - 1)
    momentum = total_momentum(first)
    saved = time.monotonic()
    with progress("lss-sim", len(edges) - 1) as bar:
        bar.update(first.steps)
        for state in integrator.evolve(first, edges):
            check_state(state, momentum)
            bar.update(1, f"z = {state.redshift:.2f} {_activity(state)}")
            redshift = redshift_at.get(state.scale_factor)
            if redshift is not None:
                outputs[redshift] = state.particles(redshift)
                _keep_output(outputs[redshift], restart)
            stop = interrupt.requested()
            if stop or time.monotonic() - saved > SAVE_EVERY:
                restart.save("state", state.group())
                saved = time.monotonic()
            if stop:
                raise restart.stopped(f"stopped at z = {state.redshift:.3f}, step {state.steps} of {len(edges) - 1}")
    return [outputs[z] for z in redshifts]


def _activity(state: State) -> str:
    """Particles in each level of short-range steps, for the progress bar."""
    return " ".join(f"{count:.2g}" for count in state.active)


def _keep_output(particles: Particles, restart: Restart) -> None:
    data = {"position": particles.position, "velocity": particles.velocity}
    restart.save(_output_name(particles.redshift), Group(data))


def _output_name(redshift: float) -> str:
    return f"output-{redshift:.3f}"  # as exact as the names of outputs in a universe


def _kept_outputs(redshifts: list[float], restart: Restart) -> dict[float, Particles]:
    """The outputs that a stopped run had already made."""
    groups = {z: restart.load(_output_name(z)) for z in redshifts}
    return {z: Particles(g.data["position"], g.data["velocity"], z) for z, g in groups.items() if g is not None}
