"""Halos: particles (or another code's catalogue) -> /halos and /fields/halo_*."""

import dataclasses
import logging
import time
from pathlib import Path

import numpy as np

from lss.errors import ConfigError, DataError
from lss.halos.halo_fields import MOMENTUM, halo_fields, mass_bins, mass_edges
from lss.halos.lagrangian import particle_halo_mass
from lss.halos.survey import Survey, completeness, described, observe
from lss.physics.units import GRAVITY, hubble_flow, particle_mass
from lss.process.progress import since
from lss.stages import IMPORTS_BYTES, Plan
from lss.universe import Field, Group, Halos, Particles, Universe
from lss_halo.catalogues.catalogue import of_universe, read_foreign
from lss_halo.catalogues.recognition import recognised
from lss_halo.config import Config
from lss_halo.finders.binding import binding_of
from lss_halo.finders.bound_groups import bound_members
from lss_halo.finders.fof import friends_of_friends
from lss_halo.finders.mass_definition import threshold_density
from lss_halo.finders.spherical_overdensity import spherical_overdensity
from lss_halo.finders.structure import nfw_concentration, structure
from lss_halo.predicted import predictor

__all__ = ["Config", "plan", "read_foreign", "recognised", "run"]

log = logging.getLogger("lss.halo")

SOFTENING = 0.02  # mean separations, of the potential that binds a group: about that of a simulation


def run(universe: Universe, config: Config, *, catalogue: Path | None = None) -> Universe:
    """Find the halos of the particles, or predict them with a network, and make the halo fields.

    catalogue : another code's halos of these particles, taken instead of ours
    A network that predicts fields only leaves /halos and the halo fields as they are.
    Raises DataError when the universe has neither particles nor halos, or its particles are not finite or not in the
    box; ConfigError when the halos it has are of another mass definition, or seen by another survey, or the network
    predicts no halos.
    """
    if config.halo.network is not None:
        given = universe.groups.get("halos")
        universe = predictor(config.halo.network).predict(universe, config, config.halo.network)
        if universe.groups.get("halos") is given:
            return universe
    elif catalogue is not None:
        universe = of_universe(universe, catalogue, config)
    elif universe.has("PartType1"):
        if universe.particles.redshift == universe.config.get("ic", {}).get("redshift") and not _was_evolved(universe):
            log.warning(
                "%s: the particles are the initial conditions, at z = %g: run lss-sim first",
                *(universe.source, universe.particles.redshift),
            )
        universe = universe.with_halos(find_halos(universe.particles, config))
    elif not universe.has("halos"):
        raise DataError(f"{universe.source}: neither particles nor halos; run lss-sim first")
    halos = universe.halos
    if halos.mass_definition != config.halo.mass_definition:
        raise ConfigError(
            f'{universe.source}: the halos are "{halos.mass_definition}", but [halo] mass_definition = '
            f'"{config.halo.mass_definition}"'
            + ("" if config.halo.network else ", and there are no particles to find them in")
        )
    if config.halo.survey:
        universe = universe.with_halos(surveyed(halos, config, config.halo.survey, universe.source))
    if config.halo.particle_masses:
        labels = particle_halo_mass(universe.halos, config.box.n)
        attrs = {"assignment": "none", "interlaced": False, "deconvolved": False, "smoothing": 0.0}
        group = Group({"value": labels}, attrs, {"value": "Msun/h"})
        universe = universe.with_group("fields/halo_particle_mass", group)
    return with_halo_fields(universe, config)


def surveyed(halos: Halos, config: Config, survey: Survey, source: str) -> Halos:
    """The halos as the survey sees them; those of a table that was observed already are so as they are.

    Raises ConfigError for halos that another survey has seen.
    """
    asked, applied = described(survey), halos.attrs.get("survey")
    if applied is None:
        if config.halo.catalogue and config.halo.catalogue.observed:
            moved = {} if survey.line_of_sight is None else {"redshift_space": survey.redshift_space}
            return dataclasses.replace(halos, attrs=halos.attrs | moved | {"survey": asked})
        found = observe(halos, survey, config.cosmology.omega_m, config.box)
        return dataclasses.replace(found, attrs=found.attrs | {"survey": asked})
    if applied != asked:
        raise ConfigError(
            f"{source}: the halos are what a survey sees of them, {applied}, and there are no particles to find them"
            f" in for another: [halo.survey] is {asked}"
        )
    return halos


def _was_evolved(universe: Universe) -> bool:
    return any(path.startswith("provenance/") and not path.endswith("-lss-ic") for path in universe.groups)


def find_halos(particles: Particles, config: Config) -> Halos:
    """The halo catalogue of a set of particles."""
    check_particles(particles, config.box.size)
    start = time.monotonic()
    halos = find_groups(particles, config) if config.halo.mass_definition == "fof" else find_spheres(particles, config)
    about = f"{len(halos)} halos of at least {config.halo.min_particles} particles"
    log.info("%s (%s) in %s", about, halos.mass_definition, since(start))
    return halos if particles.lattice else dataclasses.replace(halos, attrs=halos.attrs | {"lattice": False})


def find_groups(particles: Particles, config: Config) -> Halos:
    """Friends of friends; a group is where its centre of mass is."""
    box_size, halo, omega_m = config.box.size, config.halo, config.cosmology.omega_m
    spacing = box_size / len(particles.position) ** (1 / 3)
    groups = friends_of_friends(particles.position, box_size, halo.linking_length * spacing, halo.min_particles)
    mass, scale_factor = particle_mass(omega_m, box_size, len(particles.position)), 1 / (1 + particles.redshift)
    units = binding_of(mass, scale_factor, hubble_flow(scale_factor, omega_m), halo.escape)
    if halo.bound:
        softening = SOFTENING * spacing
        groups = bound_members(
            particles.position, particles.velocity, groups, box_size, softening, halo.min_particles, units
        )
    anywhere = particles.position[groups.index[groups.offset[:-1]]]
    centre = structure(particles.position, particles.velocity, anywhere, groups, box_size, units).centre_of_mass
    found = structure(particles.position, particles.velocity, centre, groups, box_size, units)
    columns = {
        "position": centre,
        "velocity": found.velocity,
        "mass": (groups.size * mass).astype(np.float32),
        "n_particles": groups.size.astype(np.int32),
        "velocity_dispersion": found.velocity_dispersion,
        "axis_ratios": found.axis_ratios,
        "major_axis": found.major_axis,
    }
    attrs = {"linking_length": halo.linking_length, "min_particles": halo.min_particles, "bound": halo.bound}
    return Halos(columns, "fof", "lss-halo", particles.redshift, groups, attrs)


def find_spheres(particles: Particles, config: Config) -> Halos:
    """Spherical overdensity halos with all that their members tell."""
    box_size, halo, omega_m = config.box.size, config.halo, config.cosmology.omega_m
    mass, scale_factor = particle_mass(omega_m, box_size, len(particles.position)), 1 / (1 + particles.redshift)
    density = threshold_density(halo.mass_definition, particles.redshift, omega_m)
    units = binding_of(mass, scale_factor, hubble_flow(scale_factor, omega_m), halo.escape)
    spheres = spherical_overdensity(
        particles.position,
        particles.velocity,
        box_size,
        density / mass,
        halo.min_particles,
        units,
        subhalos=halo.subhalos,
    )
    members = spheres.members
    found = structure(particles.position, particles.velocity, spheres.centre, members, box_size, units)
    halo_mass = members.size * mass
    radius = (3 * halo_mass / (4 * np.pi * density)) ** (1 / 3)
    circular = np.sqrt(GRAVITY * halo_mass / (scale_factor * radius))
    momentum = np.linalg.norm(found.angular_momentum.astype(np.float64), axis=1) * scale_factor
    columns = {
        "position": spheres.centre,
        "velocity": found.velocity,
        "mass": halo_mass,
        "n_particles": members.size.astype(np.int32),
        "radius": radius,
        "velocity_dispersion": found.velocity_dispersion,
        "v_max": found.v_max,
        "r_max": found.r_max,
        "concentration": nfw_concentration(found.v_max, circular),
        "spin": momentum / (np.sqrt(2) * circular * scale_factor * radius),  # Bullock et al. 2001, Eq. 5
        "axis_ratios": found.axis_ratios,
        "major_axis": found.major_axis,
    }
    columns = {name: c.astype(np.float32) if c.dtype == np.float64 else c for name, c in columns.items()}
    if halo.subhalos:
        columns["host"] = spheres.host
    attrs = {"escape": halo.escape, "min_particles": halo.min_particles}
    return Halos(columns, halo.mass_definition, "lss-halo", particles.redshift, members, attrs)


def check_particles(particles: Particles, box_size: float) -> None:
    """Every position finite and in the box, every velocity finite. Raises DataError saying how many are not."""
    count = len(particles.position)
    for name, array in (("positions", particles.position), ("velocities", particles.velocity)):
        finite = np.isfinite(array)
        if not finite.all():
            bad = count - int(finite.all(axis=1).sum())
            raise DataError(f"particles: {bad} of {count} {name} are not finite (a failed simulation?)")
    if particles.position.min() < 0 or particles.position.max() >= np.float32(box_size):
        outside = (particles.position < 0) | (particles.position >= np.float32(box_size))
        bad = int(outside.any(axis=1).sum())
        raise DataError(f"particles: {bad} of {count} lie outside the box of {box_size:g} Mpc/h")


def with_halo_fields(universe: Universe, config: Config) -> Universe:
    """Add the halo fields asked for, normalised by the catalogue's own mean counts, under the survey's mask."""
    box, halo, halos = config.box, config.halo, universe.halos
    reference = mass_bins(halos.mass, mass_edges(*halo.mass_range, halo.mass_bins))
    left_out = len(halos) - int(reference.count.sum())
    if left_out:
        log.info("%d of %d halos are outside the mass range of the halo fields", left_out, len(halos))
    share = completeness(halo.survey, box.n)
    fields = halo_fields(
        halos.position,
        halos.mass,
        box.n,
        box.size,
        reference,
        channels=halo.fields,
        assignment=halo.assignment,
        velocity=halos.known_velocity,
        completeness=share,
    )
    attrs = {"assignment": halo.assignment, "interlaced": False, "deconvolved": False, "smoothing": 0.0}
    for name, value in zip(halo.fields, fields, strict=True):
        unit = "km/s" if name in MOMENTUM else "1"
        universe = universe.with_group(f"fields/halo_{name}", Group({"value": value}, attrs, {"value": unit}))
    return universe if share is None else universe.with_field("completeness", Field(share))


def plan(universe: Universe | None, config: Config) -> Plan:
    """Memory of the whole process and CPU time.

    Measured at 64^3 and 128^3: beside the idle process per particle 94 bytes (friends
    of friends) or 80 (spheres) with the particles themselves; another code's catalogue needs the halo fields alone.
    """
    if config.halo.network is not None:
        return predictor(config.halo.network).plan(universe, config)
    halo, count = config.halo, config.box.n**3
    steps = [f"the field halo_{name}" for name in halo.fields]
    if halo.survey:
        steps.insert(0, "the halos that the survey sees")
    foreign = halo.catalogue is not None if universe is None else not universe.has("PartType1")
    if foreign:
        return Plan(
            IMPORTS_BYTES + 4 * count * (len(halo.fields) + 2), 0.5 + 1e-7 * count, ["halos as given", *steps], 0.5
        )
    steps.insert(0, f"{halo.mass_definition} halos of at least {halo.min_particles} of {config.box.n}^3 particles")
    per_particle, seconds = (94, 4e-7) if halo.mass_definition == "fof" else (80, 5e-7)
    return Plan(IMPORTS_BYTES + per_particle * count, 0.5 + seconds * count, steps, 0.5)
