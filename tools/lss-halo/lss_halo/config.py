"""The table [halo]: which halos are found, or read from another code's catalogue, and the fields made of them."""

from typing import Annotated, Literal

from pydantic import field_validator, model_validator

from lss.config import Assignment, Configuration, OneOf, Table, quantity
from lss.halos.survey import Survey
from lss_halo.catalogues import READERS

MassDefinition = Literal["fof", "200c", "500c", "vir", "200m"]
Column = Literal[
    "position",
    "velocity",
    "mass",
    "n_particles",
    "radius",
    "v_max",
    "r_max",
    "velocity_dispersion",
    "concentration",
    "spin",
]
Channel = Literal["mass_weighted", "count", "mass", "momentum_x", "momentum_y", "momentum_z"]


class Catalogue(Table):
    """[halo.catalogue]: how to read a catalogue made by another code."""

    format: Annotated[str, OneOf(READERS)] = quantity(
        "ahf", "; ".join(f'"{name}": {reader.words}' for name, reader in READERS.items())
    )
    length_unit: Literal["kpc/h", "Mpc/h"] | None = quantity(
        None, "unit of the lengths (ahf: kpc/h unless said otherwise; csv and hdf5 must say; others have their own)"
    )
    mass_unit: float = quantity(1.0, "csv, hdf5: unit of the mass column", "Msun/h", gt=0)
    centred: bool = quantity(False, "csv, hdf5: coordinates run from -L/2 to L/2")
    columns: dict[Column, str | list[str]] = quantity({}, "csv, hdf5: our names of columns, and the file's")
    members: str = quantity("", "ahf: the _particles file, for the members of the halos", names="path")
    redshift: float = quantity(0.0, "redshift of the catalogue", gt=-1)
    subhalos: bool = quantity(False, "ahf, rockstar: keep subhalos too, not host halos only")
    min_particles: int = quantity(20, "particles of the smallest halo that is kept", ge=1)
    observed: bool = quantity(
        False, "the table is what [halo.survey] describes: its halos are neither moved nor thinned again"
    )
    match: Literal["none", "abundance"] = quantity(
        "none",
        '"abundance": the i-th most massive takes the mass at n(>M) = (i - 1/2) / V of the checkpoint\'s universes',
    )
    checkpoint: str = quantity(
        "", "name or path of the estimator whose n(>M) the masses are matched to", names="checkpoint"
    )

    @model_validator(mode="after")
    def _keys_fit_the_format(self) -> "Catalogue":
        if self.match == "abundance" and not self.checkpoint:
            raise ValueError("match = 'abundance' needs the checkpoint whose mass function is matched")
        reader = READERS[self.format]
        if reader.length_unit is None and self.length_unit is None:
            raise ValueError(f'format = "{self.format}" needs length_unit = "kpc/h" or "Mpc/h"')
        if "length_unit" not in reader.takes and self.length_unit not in (None, reader.length_unit):
            raise ValueError(f'format = "{self.format}" has its lengths in {reader.length_unit}')
        for key in ("mass_unit", "centred", "columns", "members", "subhalos"):
            if key not in reader.takes and getattr(self, key) != type(self).model_fields[key].default:
                takers = ", ".join(name for name, other in READERS.items() if key in other.takes)
                raise ValueError(f'format = "{self.format}" takes no {key}; formats that do: {takers}')
        return self

    @property
    def length_in_mpc(self) -> float:
        """The unit of the file's lengths in Mpc/h."""
        return {"kpc/h": 1e-3, "Mpc/h": 1.0}[self.length_unit or READERS[self.format].length_unit or "Mpc/h"]


class Drawn(Table):
    """[halo.lagrangian_bias]: what a network of model "lagrangian-bias" adds."""

    grid: int = quantity(0, "points per side of the field halo_model; 0: the network's lattice", ge=0)
    catalogue: bool = quantity(False, 'draw a Poisson catalogue from a network of weight = "count", into /halos')
    seed: int = quantity(1, "of the drawn catalogue, together with the member's index", ge=0)


class Halo(Table):
    """[halo]: halos of particles, and the grids made of them."""

    mass_definition: MassDefinition = quantity(
        "200c", "friends of friends, or the spherical overdensity against the critical (c) or mean (m) density"
    )
    min_particles: int = quantity(20, "particles of the smallest halo", ge=2)
    escape: float = quantity(
        1.5, "spherical overdensity: faster particles than this many escape velocities are taken off (1e9: none)", gt=0
    )
    subhalos: bool = quantity(False, "spherical overdensity: keep subhalos too, not host halos only")
    linking_length: float = quantity(0.2, "of friends of friends", "mean separations", gt=0, lt=1)
    bound: bool = quantity(False, "friends of friends: keep only the members bound to their group, as SUBFIND does")
    mass_range: tuple[float, float] = quantity((1e13, 2e15), "range of the mass bins", "Msun/h")
    mass_bins: int = quantity(10, "logarithmic mass bins of the halo fields", ge=1)
    fields: tuple[Channel, ...] = quantity(("mass_weighted", "count"), "halo fields to make, /fields/halo_NAME")
    assignment: Assignment = quantity("cic", "assignment of halos to the grid")
    particle_masses: bool = quantity(False, "keep the halo mass of each particle, /fields/halo_particle_mass")
    network: str | None = quantity(
        None,
        "name or path of a trained network whose halos or fields are added; its card says which model it is",
        names="checkpoint",
    )
    network_particles: int = quantity(
        0, "drawn at random, for a network that predicts particle by particle; 0: all of them", ge=0
    )
    lagrangian_bias: Drawn = quantity(Drawn(), 'what a network of model "lagrangian-bias" adds')
    survey: Survey | None = quantity(None, "what an observer sees of the halos")
    catalogue: Catalogue | None = quantity(None, "how to read another code's catalogue")

    @field_validator("mass_range")
    @classmethod
    def _mass_range_ascends(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] < value[1]:
            raise ValueError("expected two ascending positive masses")
        return value

    @model_validator(mode="after")
    def _what_is_observed_is_described(self) -> "Halo":
        if self.catalogue and self.catalogue.observed and self.survey is None:
            raise ValueError("[halo.catalogue] observed = true needs [halo.survey], which says how it was observed")
        return self

    @model_validator(mode="after")
    def _halos_have_one_source(self) -> "Halo":
        if self.network is not None and self.catalogue is not None:
            raise ValueError("network and [halo.catalogue] exclude each other: halos are predicted or read")
        return self


class Config(Configuration):
    """What lss-halo reads."""

    halo: Halo = quantity(Halo(), "halos of particles, and the grids made of them")
