"""What must hold before the first step and after every one."""

import logging

import numpy as np

from lss.errors import ConfigError, DataError
from lss.grid.periodic import nearest_image
from lss.physics.cosmology import growth_rate
from lss.physics.units import hubble_flow
from lss.process.usage import available_memory
from lss.universe import Particles
from lss_sim.config import Config
from lss_sim.split import SPLINE_REACH
from lss_sim.state import KM_S, State

log = logging.getLogger("lss.sim")

VELOCITY_FACTOR = 2.0  # off linear theory by more: not km/s; a clustered snapshot stays within 1.5
AT_REST = 1.0  # km/s: a lattice without perturbations has only the momenta of rounding errors to compare with
MOMENTUM_ERROR = 1e-2  # of the mean momentum of a particle; pairs on steps of different length leave up to 1e-3


def check_settings(config: Config) -> None:
    """Settings of [sim] that contradict each other or the box. Raises ConfigError."""
    sim, box = config.sim, config.box
    if sim.method != "p3m":
        return
    if sim.engine != "numba":
        raise ConfigError(f'[sim] engine = "{sim.engine}": p3m has only "numba"; torch runs pm, 2lpt and 1lpt')
    reach = sim.reach * box.size / box.n
    if sim.reach > box.n / 2:
        raise ConfigError(f"[sim] reach = {sim.reach:g} separations is more than half the box of {box.n}")
    if SPLINE_REACH * sim.softening > reach:
        raise ConfigError(
            f"[sim] softening = {sim.softening:g} Mpc/h: its spline reaches {SPLINE_REACH * sim.softening:g} Mpc/h, "
            f"farther than the pair force ({reach:g} Mpc/h); raise reach or lower softening"
        )


def check_start(start: Particles, redshifts: list[float], config: Config, source: str) -> None:
    """Particles that cannot be evolved to these redshifts. Raises DataError in one line; warns of odd velocities."""
    count, n, box = len(start.position), config.box.n, config.box.size
    if count != n**3:
        raise DataError(f"{source}: {count} particles are not the {n}^3 of [box] n = {n}")
    for name, values in (("positions", start.position), ("velocities", start.velocity)):
        bad = int(count - np.count_nonzero(np.isfinite(values).all(axis=1)))
        if bad:
            raise DataError(f"{source}: {bad} of {count} particles have {name} that are not finite")
    outside = int(np.count_nonzero(((start.position < 0) | (start.position >= np.float32(box))).any(axis=1)))
    if outside:
        raise DataError(f"{source}: {outside} of {count} particles lie outside the box of {box:g} Mpc/h")
    if redshifts == [start.redshift]:
        raise DataError(
            f"{source}: its particles are at z = {start.redshift:g} already, the only output of [sim] redshifts; "
            f"lss-ic sets them back to their start"
        )
    if redshifts[0] > start.redshift:
        raise DataError(
            f"{source}: its particles are at z = {start.redshift:g}, later than the output z = {redshifts[0]:g} of "
            "[sim] redshifts"
        )
    if not start.lattice:
        return
    ratio = velocity_over_linear(start, n, box, config.cosmology.omega_m)
    if not 1 / VELOCITY_FACTOR < ratio < VELOCITY_FACTOR:
        log.warning(
            "%s: velocities at z = %g are %.3g times what linear theory expects of these displacements; "
            "are they peculiar km/s, and are particles in the order of their lattice?",
            *(source, start.redshift, ratio),
        )


def velocity_over_linear(particles: Particles, n: int, box_size: float, omega_m: float) -> float:
    """Velocities over a H f1 times the displacements from the lattice, by least squares: 1 in linear theory."""
    lattice = (np.arange(n) * (box_size / n)).astype(np.float32)
    grid = np.stack(np.meshgrid(lattice, lattice, lattice, indexing="ij"), axis=-1).reshape(-1, 3)
    displacement = nearest_image(particles.position - grid, box_size)
    displacement -= displacement.mean(axis=0, dtype=np.float64).astype(np.float32)  # a lattice may start off its nodes
    a = 1 / (1 + particles.redshift)
    expected = hubble_flow(a, omega_m) * float(growth_rate(a, omega_m))
    norm = np.vdot(displacement, displacement)
    return float(np.vdot(particles.velocity, displacement) / norm / expected) if norm > 0 else 1.0


def check_state(state: State, first_momentum: np.ndarray) -> None:
    """Momenta after a step: finite, and their sum that of the start. Raises DataError.

    first_momentum : (3,) total momentum at the start
    """
    total = total_momentum(state)
    rms = float(np.sqrt(np.mean(np.square(state.momentum), dtype=np.float64)))
    typical = max(rms, AT_REST * state.scale_factor / float(KM_S)) * len(state.momentum)
    drift = float(np.abs(total - first_momentum).max())
    if not drift <= MOMENTUM_ERROR * typical:
        raise DataError(
            f"step {state.steps} (z = {state.redshift:.3f}): total momentum changed by {drift / typical:.1e} of the "
            "typical one; the run is not to be trusted and ends here"
        )


def total_momentum(state: State) -> np.ndarray:
    """Sum of the momenta, (3,) float64."""
    return state.momentum.sum(axis=0, dtype=np.float64)


def check_memory(needed: int) -> None:
    """Raises DataError when less than `needed` bytes are to be had."""
    available = available_memory()
    if needed > available:
        raise DataError(f"this run needs {needed / 1e9:.1f} GB of memory, {available / 1e9:.1f} GB are available")
