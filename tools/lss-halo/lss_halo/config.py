"""The table [halo]: which halos are found, or read from another code's catalogue, and the fields made of them."""

from typing import Literal

from pydantic import field_validator, model_validator

from lss.config import Assignment, Configuration, Table, quantity

MassDefinition = Literal["fof", "200c", "500c", "vir", "200m"]
Channel = Literal["mass_weighted", "count", "mass", "momentum_x", "momentum_y", "momentum_z"]


class Catalogue(Table):
    """[halo.catalogue]: how to read a catalogue made by another code."""

    format: Literal["ahf"] = quantity("ahf", "who wrote it")
    length_unit: Literal["kpc/h", "Mpc/h"] = quantity("kpc/h", "unit of the positions")
    redshift: float = quantity(0.0, "redshift of the catalogue", gt=-1)
    subhalos: bool = quantity(False, "keep subhalos too, not host halos only")
    min_particles: int = quantity(20, "particles of the smallest halo that is kept", ge=1)
    match: Literal["none", "abundance"] = quantity(
        "none",
        '"abundance": the i-th most massive takes the mass at n(>M) = (i - 1/2) / V of the checkpoint\'s universes',
    )
    checkpoint: str = quantity("", "name or path of the estimator whose n(>M) the masses are matched to")

    @model_validator(mode="after")
    def _matching_needs_a_table(self) -> "Catalogue":
        if self.match == "abundance" and not self.checkpoint:
            raise ValueError("match = 'abundance' needs the checkpoint whose mass function is matched")
        return self


class Halo(Table):
    """[halo]: halos of particles, and the grids made of them."""

    mass_definition: MassDefinition = quantity(
        "200c", "friends of friends, or the spherical overdensity against the critical (c) or mean (m) density"
    )
    min_particles: int = quantity(20, "particles of the smallest halo", ge=2)
    escape: float = quantity(
        1.5, "spherical overdensity: faster particles than this many escape velocities are taken off (inf: none)", gt=0
    )
    subhalos: bool = quantity(False, "spherical overdensity: keep subhalos too, not host halos only")
    linking_length: float = quantity(0.2, "of friends of friends", "mean separations", gt=0, lt=1)
    mass_range: tuple[float, float] = quantity((1e13, 2e15), "range of the mass bins", "Msun/h")
    mass_bins: int = quantity(10, "logarithmic mass bins of the halo fields", ge=1)
    fields: tuple[Channel, ...] = quantity(("mass_weighted", "count"), "halo fields to make, /fields/halo_NAME")
    assignment: Assignment = quantity("cic", "assignment of halos to the grid")
    catalogue: Catalogue | None = quantity(None, "how to read another code's catalogue")

    @field_validator("mass_range")
    @classmethod
    def _mass_range_ascends(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] < value[1]:
            raise ValueError("expected two ascending positive masses")
        return value


class Config(Configuration):
    """What lss-halo reads."""

    halo: Halo = quantity(Halo(), "halos of particles, and the grids made of them")
