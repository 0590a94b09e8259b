"""What a Lagrangian bias learns from: of each universe the inputs of its particles, their places and their halos."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lss.config import Box, Cosmology, Settings
from lss.errors import DataError
from lss.files.universe_file import read_universe, universe_files
from lss.grid.mesh import overdensity
from lss.halos.lagrangian import particle_halo_mass
from lss.halos.weighted_field import MassRange, occupation, tracer_field, tracer_weight
from lss.learned.estimator import abundance_table
from lss.learned.lagrangian_bias import Inputs
from lss.nets.checkpoint import Card
from lss.physics.random_field import linear_overdensity
from lss.process.progress import progress
from lss.universe import Universe

GROUPS = ["ic", "PartType1", "halos", "fields/halo_particle_mass"]


@dataclass(frozen=True)
class BiasUniverse:
    """One universe, reduced.

    inputs : (n^3, d) float32, of the particles in Lagrangian order; position : (n^3, 3) float32, Mpc/h, at the redshift
    of the halos; occupation : (n^3,) float32, the true ratio, or None where the members of halos are unknown;
    halo_position : (m, 3), halo_weight : (m,) float64, of the halos in the mass range; box_size : Mpc/h
    """

    inputs: np.ndarray
    position: np.ndarray
    occupation: np.ndarray | None
    halo_position: np.ndarray
    halo_weight: np.ndarray
    box_size: float
    source: str

    def halo_field(self, n: int, scheme: str = "cic") -> np.ndarray:
        """The overdensity of weighted halos on n^3 points."""
        return overdensity(self.halo_position, n, self.box_size, scheme, self.halo_weight.astype(np.float32))

    @property
    def known_occupation(self) -> np.ndarray:
        """The true ratio. Raises DataError if it is unknown."""
        if self.occupation is None:
            raise DataError(f"{self.source}: halos without members: which particles they hold is unknown")
        return self.occupation

    def seen_through(self, inputs: Inputs, present: Inputs) -> "BiasUniverse":
        """The same universe with other inputs, which lie in the space of the present ones."""
        if inputs is present:
            return self
        axes, *_ = np.linalg.lstsq(present.matrix.T, inputs.matrix.T, rcond=None)
        return dataclasses.replace(self, inputs=self.inputs @ axes.astype(np.float32))


@dataclass(frozen=True)
class BiasSet:
    """Universes of one cosmology, box, redshift and mass definition, and what they have in common.

    masses : of all halos in the range, Msun/h
    """

    universes: list[BiasUniverse]
    cosmology: Cosmology
    box: Box
    redshift: float
    mass_definition: str
    settings: Settings
    masses: np.ndarray

    def card(self, weight: str, mass_range: MassRange, held_out: int) -> Card:
        """What a checkpoint keeps of the data: what is asked of a universe that it is used on, and where it is from."""
        low, high = mass_range
        volume = len(self.universes) * self.box.size**3
        return {
            "universes": len(self.universes) - held_out,
            "held_out": held_out,
            "weight": weight,
            "mass_range": [low, None if np.isinf(high) else high],
            "mass_definition": self.mass_definition,
            "redshift": round(self.redshift, 6),
            "cosmology": self.cosmology.model_dump(mode="json"),
            "box": self.box.model_dump(mode="json"),
            "settings": {name: self.settings.get(name, {}) for name in ("ic", "sim", "halo")},
            "density": len(self.masses) / volume,
            "abundance": abundance_table(self.masses, volume),
        }


def read_bias_set(
    paths: Sequence[Path], radii: Sequence[float], weight: str, mass_range: MassRange, *, orthogonal: bool
) -> tuple[BiasSet, Inputs]:
    """Read universes, and take the inputs of their particles.

    Raises DataError for universes without initial conditions, particles or halos in the range, or that differ in
    cosmology, box or redshift; ConfigError for a radius below 1.15 voxels.
    """
    files = universe_files(paths)
    reduced: list[BiasUniverse] = []
    masses: list[np.ndarray] = []
    first: Universe | None = None
    with progress("reading universes", len(files)) as bar:
        for file in files:
            universe = read_universe(file, GROUPS)
            if first is None:
                first, box = universe, universe.box
                inputs = Inputs.of(radii, universe.cosmology, box.n, box.size, orthogonal=orthogonal)
            _refuse_difference(universe, first)
            reduced.append(reduce_universe(universe, inputs, weight, mass_range))
            inside = tracer_weight(universe.halos.mass, "count", mass_range) > 0
            masses.append(universe.halos.mass[inside])
            bar.update()
    assert first is not None
    halos = first.halos
    common = (first.cosmology, first.box, first.particles.redshift, halos.mass_definition, first.config)
    return BiasSet(reduced, *common, np.concatenate(masses)), inputs


def reduce_universe(universe: Universe, inputs: Inputs, weight: str, mass_range: MassRange) -> BiasUniverse:
    """The particles and halos of a universe as a Lagrangian bias sees them. Raises DataError as `read_bias_set`."""
    box, halos, particles = universe.box, universe.halos, universe.particles
    linear = linear_overdensity(universe.noise.value, universe.cosmology, box.size)
    if len(particles.position) != box.n**3:
        raise DataError(f"{universe.source}: {len(particles.position)} particles, but [box] n = {box.n}")
    if abs(halos.redshift - particles.redshift) > 1e-3:
        raise DataError(f"{universe.source}: halos at z = {halos.redshift:g}, particles at z = {particles.redshift:g}")
    weights = tracer_weight(halos.mass, weight, mass_range)
    labels = None
    if universe.has("fields/halo_particle_mass"):
        labels = universe.field("halo_particle_mass").value
    elif halos.members is not None:
        labels = particle_halo_mass(halos, box.n)
    try:
        known = None if labels is None else occupation(labels, weight, mass_range).ravel()
        tracer_field(halos.position, halos.mass, weight, mass_range, 4, box.size)
    except DataError as error:
        raise DataError(f"{universe.source}: {error}") from None
    inside = weights > 0
    of_field = inputs.of_field(linear, box.size)
    return BiasUniverse(
        of_field, particles.position, known, halos.position[inside], weights[inside], box.size, universe.source
    )


def _refuse_difference(universe: Universe, first: Universe) -> None:
    universe.group("ic", "a Lagrangian bias is learned from initial conditions: run lss-ic first")
    for what, mine, others in (
        ("cosmology", universe.cosmology, first.cosmology),
        ("box", universe.box, first.box),
        ("redshift", round(universe.particles.redshift, 3), round(first.particles.redshift, 3)),
        ("mass definition", universe.halos.mass_definition, first.halos.mass_definition),
    ):
        if mine != others:
            raise DataError(f"{universe.source}: {what} {mine} differs from the other universes' {others}")
