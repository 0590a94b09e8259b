"""All statistics of a universe that are asked for and that its data allow, as groups of /stats."""

import logging
from dataclasses import dataclass, field

import numpy as np

from lss.errors import DataError
from lss.halos.redshift_space import redshift_space
from lss.inference import Inference
from lss.process.progress import progress
from lss.universe import Group, Universe
from lss_stats.agreement import refuse_other_abscissae
from lss_stats.config import Statistics
from lss_stats.measures import bispectrum
from lss_stats.measures.anisotropy import multipoles, wedges
from lss_stats.measures.fields import (
    Sample,
    available,
    planes,
    points_sample,
    resolved_halo_field,
    sample,
    without_window,
)
from lss_stats.measures.halo_velocities import halo_velocities
from lss_stats.measures.learned import information, summaries
from lss_stats.measures.mass_function import mass_function
from lss_stats.measures.posterior import posterior
from lss_stats.measures.power import compare, plane_power, power
from lss_stats.measures.residuals import residuals
from lss_stats.measures.slices import slices
from lss_stats.measures.two_point import two_point

log = logging.getLogger("lss.stats")

Groups = dict[str, Group]  # path below /stats -> its columns
VECTORS = ("momentum", "velocity")


@dataclass(frozen=True)
class Measured:
    """Statistics of a universe, and of the truth it is held against.

    own : "power/matter", "mass_function", ...; "comparison/matter" where there is a truth, "memory/matter" (against
    the universe's own initial field) where there is none. truth : the same statistics of the truth.
    """

    own: Groups
    truth: Groups = field(default_factory=dict)


def measure(
    universe: Universe, config: Statistics, truth: Universe | None = None, inference: Inference | None = None
) -> Measured:
    """Every statistic of `config.measure`; those whose data are not there are left out, and the log says so.

    Raises DataError for a truth of another box, or whose statistics stand at other k, triangles or distances.
    """
    own, of_truth = Groups(), Groups()
    if truth is not None and truth.box.size != universe.box.size:
        raise DataError(
            f"{universe.source}: box of {universe.box.size:g} Mpc/h, but {truth.source} has {truth.box.size:g}"
        )
    names = _spectra_names(universe, config)
    with progress("statistics", len(names) + 1) as bar:
        initial = sample(universe, "initial", config) if "initial" in names and truth is None else None
        for name in names:
            bar.update(1, name)
            here = sample(universe, name, config)
            there = sample(truth, name, config) if truth is not None and name in available(truth) else None
            if there is None and truth is not None:
                log.info("%s has no %s: not compared", truth.source, name)
            own |= _spectra(here, there, initial, config)
            if there is not None:
                of_truth[f"power/{name}"] = power(there, config)
        bar.update(1, "halos")
        own |= _without_partner(universe, config)
        if truth is not None:
            of_truth |= _without_partner(truth, config)
            if config.wants("residuals"):
                own |= residuals(universe, truth)
    own |= _inferred(universe, config, truth, inference or Inference())
    if not own:
        raise DataError(f"{universe.source}: nothing to measure: of {', '.join(config.measure)} its data allow none")
    if truth is not None:
        refuse_other_abscissae(own, universe.source, of_truth, truth.source)
    return Measured(own, of_truth)


def _spectra_names(universe: Universe, config: Statistics) -> list[str]:
    scalars = config.wants("power", "correlation", "transfer")
    return [name for name in available(universe) if (config.wants(name) if name in VECTORS else scalars)]


def _spectra(here: Sample, there: Sample | None, initial: Sample | None, config: Statistics) -> Groups:
    """Power of one sample; against the truth's, or against the universe's own initial field on the same grid."""
    groups = {f"power/{here.name}": power(here, config)}
    if there is not None:
        groups[f"comparison/{here.name}"] = compare(here, there, config)
    elif initial is not None and here.name != "initial" and here.modes.shape == initial.modes.shape:
        groups[f"memory/{here.name}"] = compare(here, initial, config)
    return groups


def _without_partner(universe: Universe, config: Statistics) -> Groups:
    """Statistics of one universe that are no spectra of its samples in real space."""
    groups = Groups()
    names = available(universe)
    if config.wants("power"):
        groups |= {f"power/{name}": plane_power(universe, name, config) for name in planes(universe)}
        if names or planes(universe):
            groups["slices"] = slices(universe, config)
    if config.wants("multipoles", "wedges"):
        for shown in _in_redshift_space(universe, config, names):
            if config.wants("multipoles"):
                groups[f"multipoles/{shown.name}"] = multipoles(shown, config)
            if config.wants("wedges"):
                groups[f"wedges/{shown.name}"] = wedges(shown, config)
    if config.wants("bispectrum"):
        groups |= _bispectra(universe, config, names)
    if "halos" in names:
        if config.wants("mass_function"):
            groups["mass_function"] = mass_function(universe, config)
        if config.wants("halo_velocities"):
            groups["halo_velocities"] = halo_velocities(universe, config)
        if config.wants("two_point"):
            groups["two_point"] = two_point(universe, config)
    elif config.wants("mass_function", "halo_velocities", "two_point"):
        log.info("%s: no /halos: no statistics of halos", universe.source)
    return groups


def _inferred(universe: Universe, config: Statistics, truth: Universe | None, inference: Inference) -> Groups:
    """Parameters that were inferred, and what the data could tell of them."""
    groups = Groups()
    if config.wants("posterior") and universe.has("recon/posterior"):
        groups["posterior"] = posterior(universe, truth)
    if "summaries" in config.measure or (config.wants("summaries") and config.checkpoint is not None):
        groups["summaries"] = summaries(universe, config, inference)
    if "information" in config.measure:
        groups["information"] = information(universe, inference)
    return groups


def _in_redshift_space(universe: Universe, config: Statistics, names: list[str]) -> list[Sample]:
    """Matter and halos as they are seen along the line of sight."""
    axis, omega_m, size = "xyz".index(config.line_of_sight), universe.cosmology.omega_m, universe.box.size
    seen = []
    if "matter" in names and universe.has("PartType1"):
        particles = universe.particles
        position = redshift_space(particles.position, particles.velocity, axis, particles.redshift, omega_m, size)
        seen.append(points_sample("matter", position, universe, config))
    if "halos" in names:
        halos = universe.halos
        real = halos.columns.get("position_real", halos.position)  # a survey may have moved them before
        position = redshift_space(real, halos.velocity, axis, halos.redshift, omega_m, size)
        seen.append(points_sample("halos", position, universe, config))
    return seen


def _bispectra(universe: Universe, config: Statistics, names: list[str]) -> Groups:
    """B and Q of matter and halo fields (LULO Fig. 9), of resolved halos where the catalogue is there.

    "halo_count-matter-matter" is the cross-bispectrum with the halos on the first side.
    """
    groups = Groups()
    matter: np.ndarray | None = None
    for name in ("matter", "halo_mass_weighted", "halo_count"):
        if name != "matter" and "halos" in names:
            shown = resolved_halo_field(universe, name, config)
        elif name in names:
            shown = sample(universe, name, config)
        else:
            continue
        if not shown.modes.any():
            log.info("%s: %s is empty: no bispectrum", universe.source, name)
            continue
        modes = without_window(shown)
        groups |= _triangles(f"bispectrum/{name}", modes, shown, config)
        if name == "matter":
            matter = modes
        elif name == "halo_count" and matter is not None and matter.shape == modes.shape:
            groups |= _triangles(f"bispectrum/{name}-matter-matter", modes, shown, config, np.stack([matter, matter]))
    return groups


def _triangles(
    path: str, modes: np.ndarray, shown: Sample, config: Statistics, others: np.ndarray | None = None
) -> Groups:
    """Both sets of triangles of one field, or of a field with two others."""
    groups, n, box_size = Groups(), shown.n, shown.box_size
    k1, k2 = config.triangle
    if k1 + k2 > shown.nyquist:
        log.info("%s: k1 + k2 lies beyond Nyquist: no bispectrum against angle", path)
    else:
        theta = np.linspace(0, np.pi, config.angles)
        result = bispectrum.against_angle(modes, n, box_size, k1, k2, theta, others)
        groups[f"{path}/angle"] = _as_group(result, shown, {"theta": theta}, others is None)
    k = np.geomspace(3 * 2 * np.pi / box_size, 2 / 3 * shown.nyquist, config.equilateral)
    result = bispectrum.equilateral(modes, n, box_size, k, others)
    groups[f"{path}/equilateral"] = _as_group(result, shown, {"k": k}, others is None)
    return groups


def _as_group(result: bispectrum.Bispectrum, shown: Sample, first: dict[str, np.ndarray], auto: bool) -> Group:
    """Columns of a set of triangles; Q and the shot noise are those of one field alone."""
    data = {
        **first,
        "k1": result.sides[:, 0],
        "k2": result.sides[:, 1],
        "k3": result.sides[:, 2],
        "n_triangles": result.n_triangles,
        "bispectrum": result.bispectrum,
    }
    if auto:
        data |= {"reduced": result.reduced, "shot_noise": result.shot_noise(shown.shot_noise)}
    units = dict.fromkeys(("k", "k1", "k2", "k3"), "h/Mpc") | {"theta": "rad"}
    units |= dict.fromkeys(("bispectrum", "shot_noise"), "(Mpc/h)^6")
    return Group(data, {"field": shown.name, "source": shown.source}, units)
