"""Halos: particles (or another code's catalogue) -> /halos and /fields/halo_*."""

import logging

import numpy as np

from lss.cosmology import RHO_CRIT
from lss.errors import ConfigError, DataError
from lss.features import halo_fields, mass_bins, mass_edges
from lss.stages import IMPORTS_BYTES, Plan
from lss.universe import Field, Halos, Members, Particles, Universe
from lss_halo.bulk import bulk
from lss_halo.catalogue import read_foreign
from lss_halo.config import Config
from lss_halo.fof import friends_of_friends

__all__ = ["Config", "plan", "read_foreign", "run"]

log = logging.getLogger("lss.halo")


def run(universe: Universe, config: Config) -> Universe:
    """Find the halos of the particles, if there are particles, and make the halo fields.

    Raises DataError when the universe has neither particles nor halos, or cannot hold the particles it says it has.
    """
    if universe.has("PartType1"):
        universe = universe.with_halos(find_halos(universe.particles, config))
    elif not universe.has("halos"):
        raise DataError(f"{universe.source}: neither particles nor halos; run lss-sim first")
    return with_halo_fields(universe, config)


def find_halos(particles: Particles, config: Config) -> Halos:
    """The halo catalogue of a set of particles."""
    box, halo = config.box, config.halo
    if halo.mass_definition != "fof":
        raise ConfigError(f'[halo] mass_definition = "{halo.mass_definition}": particles have only "fof" halos')
    check_particles(particles, box.size)
    particle_mass = RHO_CRIT * config.cosmology.omega_m * box.size**3 / len(particles.position)
    spacing = box.size / len(particles.position) ** (1 / 3)
    groups = friends_of_friends(particles.position, box.size, halo.linking_length * spacing, halo.min_particles)
    sums = bulk(particles.position, particles.velocity, groups.offset, groups.index, box.size)
    columns = {
        "position": sums.position,
        "velocity": sums.velocity,
        "mass": (groups.size * particle_mass).astype(np.float32),
        "n_particles": groups.size.astype(np.int32),
        "velocity_dispersion": sums.velocity_dispersion,
    }
    log.info("%d halos of at least %d particles (%s)", len(groups), halo.min_particles, halo.mass_definition)
    members = Members(groups.offset, groups.index)
    attrs = {"linking_length": halo.linking_length, "min_particles": halo.min_particles}
    return Halos(columns, halo.mass_definition, "lss-halo", particles.redshift, members, attrs)


def check_particles(particles: Particles, box_size: float) -> None:
    """Every position finite and in the box, every velocity finite. Raises DataError saying how many are not."""
    for name, array in (("positions", particles.position), ("velocities", particles.velocity)):
        bad = int(np.count_nonzero(~np.isfinite(array).all(axis=1)))
        if bad:
            raise DataError(f"particles: {bad} of {len(array)} {name} are not finite (a failed simulation?)")
    outside = (particles.position < 0) | (particles.position >= np.float32(box_size))
    if outside.any():
        count = int(outside.any(axis=1).sum())
        raise DataError(f"particles: {count} of {len(outside)} lie outside the box of {box_size:g} Mpc/h")


def with_halo_fields(universe: Universe, config: Config) -> Universe:
    """Add the halo fields asked for, normalised by the catalogue's own mean counts."""
    box, halo, halos = config.box, config.halo, universe.halos
    reference = mass_bins(halos.mass, mass_edges(*halo.mass_range, halo.mass_bins))
    left_out = len(halos) - int(reference.count.sum())
    if left_out:
        log.info("%d of %d halos are outside the mass range of the halo fields", left_out, len(halos))
    fields = halo_fields(
        halos.position,
        halos.mass,
        box.n,
        box.size,
        reference,
        channels=halo.fields,
        assignment=halo.assignment,
        velocity=halos.velocity,
    )
    for name, value in zip(halo.fields, fields, strict=True):
        universe = universe.with_field(f"halo_{name}", Field(value, halo.assignment))
    return universe


def plan(universe: Universe | None, config: Config) -> Plan:
    """Memory and time of a run: both go with the number of particles."""
    count = config.box.n**3
    fields = 4 * count * (len(config.halo.fields) + 1)
    # Cell offsets (8 cells a particle), order, sorted positions, parents, roots, sizes, lowest members: 4 bytes each.
    finder = 4 * count * (8 + 1 + 3 + 1 + 3) if config.halo.catalogue is None else 0
    particles = 24 * count
    steps = [f"{config.halo.mass_definition} halos of {config.box.n}^3 particles"]
    steps += [f"the field halo_{name}" for name in config.halo.fields]
    return Plan(IMPORTS_BYTES + particles + finder + fields, 1.0 + 0.4e-6 * count, steps)
