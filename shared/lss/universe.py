"""The universe: one realisation, in memory as plain arrays, on disk as HDF5 (see docs/file-format.md).

Particles are stored exactly as Gadget does (1-based ids, u = v_pec / sqrt(a), masses in 1e10 Msun/h), so that other
people's programs read them; in memory they are in Lagrangian order (row i belongs to lattice point i) with peculiar
velocities in km/s. Everything a tool does not know is passed through as a `Group`.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lss.config import Box, Configuration, Cosmology, Settings, complete
from lss.errors import DataError

HALO_UNITS = {
    "position": "Mpc/h",
    "velocity": "km/s",
    "mass": "Msun/h",
    "radius": "Mpc/h",
    "velocity_dispersion": "km/s",
    "v_max": "km/s",
    "r_max": "Mpc/h",
    "position_real": "Mpc/h",
}

# What goes when a group is replaced: everything whose path begins so was computed from it.
_DERIVED = {
    "ic": ("PartType1", "snapshots/", "halos", "fields/", "stats/", "recon"),
    "PartType1": ("snapshots/", "halos", "fields/", "stats/"),
    "halos": ("fields/halo_", "stats/"),
}


@dataclass(frozen=True)
class Group:
    """Named arrays with attributes: what HDF5 calls a group.

    data : name -> array; attrs : name -> number, string or small array; units : dataset name -> unit
    """

    data: dict[str, np.ndarray] = field(default_factory=dict)
    attrs: dict[str, Any] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WhiteNoise:
    """The unknown of every reconstruction: N(0, 1) per voxel.

    value : (n, n, n) or (n, n) float32; seed, index : what it was drawn from; partner : 0, or the number of the
    perturbed partner (LULO Eq. 11) with its phase phi.
    """

    value: np.ndarray
    seed: int
    index: int = 0
    partner: int = 0
    phase: float = 0.0
    attrs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Particles:
    """Equal-mass particles in Lagrangian order (row i started at lattice point i).

    position : (m, 3) float32, comoving Mpc/h in [0, L); velocity : (m, 3) float32, peculiar km/s
    lattice : False for another code's particles whose ids number no lattice: where each started is unknown
    """

    position: np.ndarray
    velocity: np.ndarray
    redshift: float
    lattice: bool = True


@dataclass(frozen=True)
class Members:
    """Which particles belong to which halo: those of halo i are index[offset[i]:offset[i + 1]], ascending.

    offset : (m + 1,) int64; index : int64, 0-based lattice indices
    """

    offset: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.offset) - 1

    @property
    def size(self) -> np.ndarray:
        """Particles in each halo, (m,) int64."""
        return np.diff(self.offset)

    @property
    def number(self) -> np.ndarray:
        """The halo of each entry of `index`, int64."""
        return np.repeat(np.arange(len(self)), self.size)

    @staticmethod
    def of_sizes(size: np.ndarray, index: np.ndarray) -> "Members":
        """From the sizes (m,), and the members of one halo after the other, in any order within a halo."""
        listed = Members(np.concatenate(([0], np.cumsum(size, dtype=np.int64))), index)
        return Members(listed.offset, index[np.lexsort((index, listed.number))])

    def pick(self, rows: np.ndarray) -> "Members":
        """The members of these halos, in their order."""
        listed = [self.index[self.offset[i] : self.offset[i + 1]] for i in rows]
        offset = np.concatenate(([0], np.cumsum(self.size[rows], dtype=np.int64)))
        return Members(offset, np.concatenate([np.empty(0, np.int64), *listed]))


@dataclass(frozen=True)
class Halos:
    """A catalogue, by decreasing mass.

    columns : name -> (m,) or (m, 3) array; at least position (Mpc/h) and mass (Msun/h), velocity (peculiar km/s) where
    it is known; units in HALO_UNITS. mass_definition : "fof", "200c", ...; finder : who made it
    """

    columns: dict[str, np.ndarray]
    mass_definition: str
    finder: str
    redshift: float
    members: Members | None = None
    attrs: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["mass"])

    @property
    def position(self) -> np.ndarray:
        return self.columns["position"]

    @property
    def velocity(self) -> np.ndarray:
        """(m, 3) peculiar km/s. Raises DataError for halos without."""
        if "velocity" not in self.columns:
            raise DataError("the halos have no velocities: they cannot be moved to redshift space, nor momenta be made")
        return self.columns["velocity"]

    @property
    def known_velocity(self) -> np.ndarray | None:
        """(m, 3) peculiar km/s, or None."""
        return self.columns.get("velocity")

    @property
    def mass(self) -> np.ndarray:
        return self.columns["mass"]

    @property
    def n_particles(self) -> np.ndarray:
        return self.columns["n_particles"]


@dataclass(frozen=True)
class Field:
    """An overdensity on the grid, and what was done to it.

    value : (n, n, n) or (n, n) float32; assignment : "ngp", "cic", "tsc", "pcs" or "none"; smoothing : Gaussian R in
    Mpc/h
    """

    value: np.ndarray
    assignment: str = "none"
    interlaced: bool = False
    deconvolved: bool = False
    smoothing: float = 0.0


def snapshot_name(redshift: float) -> str:
    """The group of an earlier output: "snapshots/z000.500"."""
    return f"snapshots/z{redshift:07.3f}"


@dataclass(frozen=True)
class Universe:
    """One realisation: the cosmology and box, the travelling configuration, and groups of data by path.

    Updates return a new universe that shares the arrays; each removes what was derived from what it replaces.
    """

    cosmology: Cosmology
    box: Box
    config: Settings = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    source: str = "universe"

    @staticmethod
    def create(config: Configuration, settings: Settings | None = None) -> "Universe":
        """An empty universe of this cosmology and box."""
        return Universe(config.cosmology, config.box, complete(config, settings or {}), {}, "new universe")

    # --- reading -----------------------------------------------------------------------------------------------------

    def has(self, path: str) -> bool:
        """Whether the group, or anything below it, or the dataset is there."""
        folder, _, name = path.rpartition("/")
        below = any(p == path or p.startswith(path + "/") for p in self.groups)
        return below or (folder in self.groups and name in self.groups[folder].data)

    def group(self, path: str, hint: str = "") -> Group:
        """A group as it is stored. Raises DataError naming file and group."""
        if path not in self.groups:
            raise DataError(f"{self.source}: no /{path}{'; ' + hint if hint else ''}")
        return self.groups[path]

    @property
    def index(self) -> int:
        """The number of this member in its ensemble (0 for a single universe)."""
        return int(self._number("ic", "member", 0)) if "ic" in self.groups else 0

    @property
    def noise(self) -> WhiteNoise:
        """The white noise of the initial conditions."""
        return self.noise_in(3)

    def noise_in(self, dimensions: int) -> WhiteNoise:
        """The white noise, which must have so many dimensions."""
        group = self.group("ic", "run lss-ic first")
        value = self._dataset("ic", "white_noise", (self.box.n,) * dimensions)
        known = {"seed", "index", "partner", "phase"}
        return WhiteNoise(
            value,
            int(self._number("ic", "seed", -1)),
            int(self._number("ic", "index", 0)),
            int(self._number("ic", "partner", 0)),
            self._number("ic", "phase", 0.0),
            {name: a for name, a in group.attrs.items() if name not in known},
        )

    @property
    def particles(self) -> Particles:
        """The particles of the last output."""
        return self._particles("PartType1", "run lss-sim first")

    @property
    def snapshots(self) -> list[Particles]:
        """All outputs, by decreasing redshift."""
        names = [path for path in self.groups if path.startswith("snapshots/")]
        outputs = [self._particles(path) for path in names]
        if "PartType1" in self.groups:
            outputs.append(self.particles)
        return sorted(outputs, key=lambda p: -p.redshift)

    @property
    def halos(self) -> Halos:
        """The halo catalogue. Raises DataError naming what it lacks, or what is no column of it."""
        group = self.group("halos", "run lss-halo first")
        for name in ("position", "mass"):
            if name not in group.data:
                raise DataError(f"{self.source}: /halos has no dataset '{name}'")
        for name in ("mass_definition", "finder"):
            if name not in group.attrs:
                raise DataError(f"{self.source}: /halos has no attribute '{name}'")
        redshift = self._number("halos", "redshift")
        columns = {name: array for name, array in group.data.items() if not name.startswith("members_")}
        if len({array.shape[:1] for array in columns.values()}) > 1:
            raise DataError(f"{self.source}: the columns of /halos differ in length")
        for name, shape in (("position", (3,)), ("velocity", (3,)), ("mass", ())):
            if name not in columns:
                continue
            if columns[name].ndim == 0 or columns[name].shape[1:] != shape or columns[name].dtype.kind not in "iuf":
                found, wanted = columns[name], ", ".join(map(str, ("m", *shape)))
                raise DataError(
                    f"{self.source}: /halos/{name} is {found.dtype} of shape {found.shape}; expected numbers ({wanted})"
                )
        members = None
        if {"members_offset", "members_index"} <= group.data.keys():
            members = Members(group.data["members_offset"], group.data["members_index"])
        known = {"mass_definition", "finder", "redshift"}
        attrs = {name: a for name, a in group.attrs.items() if name not in known}
        return Halos(
            columns,
            str(group.attrs["mass_definition"]),
            str(group.attrs["finder"]),
            redshift,
            members,
            attrs,
        )

    @property
    def field_names(self) -> list[str]:
        """The names of the stored fields."""
        return sorted(path.removeprefix("fields/") for path in self.groups if path.startswith("fields/"))

    def field(self, name: str) -> Field:
        """A stored field."""
        group = self.group(f"fields/{name}", f"fields here: {', '.join(self.field_names) or 'none'}")
        if "value" not in group.data:
            raise DataError(f"{self.source}: /fields/{name} has no dataset 'value'")
        value = group.data["value"]
        if value.ndim not in (2, 3) or len(set(value.shape)) != 1:
            raise DataError(f"{self.source}: /fields/{name} has shape {value.shape}; expected a cube or a square")
        a = group.attrs
        return Field(
            value,
            str(a.get("assignment", "none")),
            bool(a.get("interlaced", False)),
            bool(a.get("deconvolved", False)),
            float(a.get("smoothing", 0.0)),
        )

    def _dataset(self, path: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
        data = self.group(path).data
        if name not in data:
            raise DataError(f"{self.source}: /{path} has no dataset '{name}'")
        if data[name].shape != shape:
            found, n = data[name].shape, self.box.n
            raise DataError(f"{self.source}: /{path}/{name} has shape {found}; {shape} is needed ([box] n = {n})")
        return data[name]

    def _particles(self, path: str, hint: str = "") -> Particles:
        group = self.group(path, hint)
        for name in ("position", "velocity"):
            if name not in group.data:
                raise DataError(f"{self.source}: /{path} has no '{name}'")
        lattice = bool(group.attrs.get("lattice", True))
        return Particles(group.data["position"], group.data["velocity"], self._number(path, "redshift"), lattice)

    def _number(self, path: str, name: str, default: float | None = None) -> float:
        """An attribute that is a number; without a default it must be there. Raises DataError."""
        value = self.group(path).attrs.get(name, default)
        if value is None:
            raise DataError(f"{self.source}: /{path} has no attribute '{name}'")
        try:
            return float(value)
        except (TypeError, ValueError):
            raise DataError(f"{self.source}: /{path}: {name} = {value!r}: expected a number") from None

    # --- updating ----------------------------------------------------------------------------------------------------

    def with_noise(self, noise: WhiteNoise) -> "Universe":
        """Replace the initial conditions; all that was made from the old ones goes."""
        attrs = {
            "seed": noise.seed,
            "index": noise.index,
            "partner": noise.partner,
            "phase": noise.phase,
            **noise.attrs,
        }
        return self.with_group("ic", Group({"white_noise": noise.value}, attrs, {"white_noise": "1"}))

    def with_particles(self, outputs: list[Particles]) -> "Universe":
        """Replace the particles; the output of the lowest redshift is the last."""
        *earlier, last = sorted(outputs, key=lambda p: -p.redshift)
        universe = self.with_group("PartType1", _as_group(last))
        for particles in earlier:
            universe = universe.with_group(snapshot_name(particles.redshift), _as_group(particles))
        return universe

    def with_halos(self, halos: Halos) -> "Universe":
        """Replace the catalogue; the halo fields go."""
        data = dict(halos.columns)
        if halos.members is not None:
            data |= {"members_offset": halos.members.offset, "members_index": halos.members.index}
        attrs = {
            "mass_definition": halos.mass_definition,
            "finder": halos.finder,
            "redshift": halos.redshift,
            **halos.attrs,
        }
        units = {name: HALO_UNITS.get(name, "1") for name in data}
        return self.with_group("halos", Group(data, attrs, units))

    def with_field(self, name: str, field: Field) -> "Universe":
        """Add or replace a field."""
        attrs = {f.name: getattr(field, f.name) for f in dataclasses.fields(field) if f.name != "value"}
        return self.with_group(f"fields/{name}", Group({"value": field.value}, attrs, {"value": "1"}))

    def with_group(self, path: str, group: Group) -> "Universe":
        """Replace one group and remove what was derived from it."""
        derived = _DERIVED.get(path, ())
        kept = {p: g for p, g in self.groups.items() if p != path and not p.startswith(derived)}
        return dataclasses.replace(self, groups={**kept, path: group})

    def without(self, path: str) -> "Universe":
        """Remove a group and everything below it, or a dataset; what other groups hold stays."""
        kept = {p: g for p, g in self.groups.items() if p != path and not p.startswith(path + "/")}
        folder, _, name = path.rpartition("/")
        if folder in kept:
            data = {key: array for key, array in kept[folder].data.items() if key != name}
            kept[folder] = dataclasses.replace(kept[folder], data=data)
        return dataclasses.replace(self, groups=kept)


def _as_group(particles: Particles) -> Group:
    data = {"position": particles.position, "velocity": particles.velocity}
    attrs = {"redshift": float(particles.redshift)} | ({} if particles.lattice else {"lattice": False})
    return Group(data, attrs, {"position": "Mpc/h", "velocity": "km/s"})
