"""Gravity: particles at the output redshifts, from initial conditions or from particles at any redshift."""

import dataclasses
import math

from lss.errors import ConfigError
from lss.files.restart import Restart
from lss.grid.mesh import overdensity
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity
from lss.stages import Plan
from lss.universe import Field, Particles, Universe
from lss_sim.checks import check_memory, check_settings, check_start
from lss_sim.config import Config
from lss_sim.cost import estimate
from lss_sim.evolution import Integrator, evolve
from lss_sim.p3m import P3M
from lss_sim.pm import ParticleMesh, on_numba

TAKES = ("restart",)


def run(universe: Universe, config: Config, *, restart: Restart | None = None) -> Universe:
    """Evolve a universe to the output redshifts of [sim].

    "1lpt", "2lpt" and "pm" begin with the white noise of /ic, "p3m" (and "pm" where there is no noise) with the
    particles that are there.
    Raises DataError when the particles cannot be evolved so, Stopped when the program was asked to stop.
    """
    sim = config.sim
    redshifts = sorted(set(sim.redshifts), reverse=True)
    check_settings(config)
    if sim.method in ("1lpt", "2lpt"):
        outputs = [_lpt(universe, config, z, order=int(sim.method[0])) for z in redshifts]
    else:
        start = _start(universe, config, redshifts)
        check_start(start, redshifts, config, universe.source)
        check_memory(plan(universe, config).memory_bytes)
        outputs = evolve(integrator(config), start, redshifts, sim.mesh_steps, restart or Restart(None))
        outputs = [dataclasses.replace(output, lattice=start.lattice) for output in outputs]
    result = universe.with_particles(outputs)
    if sim.matter_grid:
        matter = overdensity(outputs[-1].position, sim.matter_grid, config.box.size, "cic")
        result = result.with_field("matter", Field(matter, "cic"))
    return result


def _start(universe: Universe, config: Config, redshifts: list[float]) -> Particles:
    """The particles a run begins with."""
    sim = config.sim
    if sim.method == "pm" and universe.has("ic/white_noise"):
        if redshifts[0] > sim.pm_start:
            raise ConfigError(f"[sim] start = {sim.pm_start:g}: pm begins later than the output z = {redshifts[0]:g}")
        return _lpt(universe, config, sim.pm_start, order=2)
    universe.group("PartType1", "lss-ic makes particles, also of the white noise of a file")
    particles = universe.particles
    # Snapshots hold 1 / a - 1, which rounding moves away from the redshift that is meant.
    same = [z for z in redshifts if math.isclose(1 + z, 1 + particles.redshift, rel_tol=1e-6)]
    return dataclasses.replace(particles, redshift=same[0]) if same else particles


def _lpt(universe: Universe, config: Config, redshift: float, order: int) -> Particles:
    linear = linear_overdensity(universe.noise.value, config.cosmology, config.box.size)
    displaced = lpt_particles
    if config.sim.engine == "torch":
        from lss_sim import torch_engine

        displaced = torch_engine.lpt_particles
    position, velocity = displaced(linear, config.box.size, config.cosmology.omega_m, redshift, order)
    return Particles(position, velocity, redshift)


def integrator(config: Config) -> Integrator:
    """What [sim] asks for, as a thing that moves particles."""
    sim, box, omega_m = config.sim, config.box, config.cosmology.omega_m
    mesh_n = sim.mesh * box.n
    if sim.method == "pm":
        engine = on_numba
        if sim.engine == "torch":
            from lss_sim.torch_engine import on_torch

            engine = on_torch
        return ParticleMesh(engine(mesh_n, box.size), omega_m, sim.offset_seed)
    reach = sim.reach * box.size / box.n
    return P3M(box.n, mesh_n, box.size, omega_m, reach, sim.softening, sim.eta, sim.levels, sim.offset_seed)


def plan(universe: Universe | None, config: Config) -> Plan:
    """Peak memory of the process and CPU time; a universe that is there holds particles and noise in memory too."""
    held = sum(array.nbytes for group in universe.groups.values() for array in group.data.values()) if universe else 0
    needed = estimate(config.sim, config.box, len(set(config.sim.redshifts)))
    return dataclasses.replace(needed, memory_bytes=needed.memory_bytes + held)
