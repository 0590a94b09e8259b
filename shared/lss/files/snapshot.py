"""Snapshots of other people's simulations: Gadget-2 to 4, AREPO and SWIFT HDF5, read as universes.

A snapshot says less than a universe: what it does not say (sigma8, n_s, omega_b) stays unknown. Its dark matter is read
and put in the order of the lattice by its ids, where these number a lattice.

| | lengths | masses | velocities |
|---|---|---|---|
| Gadget, AREPO | UnitLength_in_cm / h | UnitMass_in_g / h | u = v_pec / sqrt(a) |
| SWIFT | comoving U_L, without h | U_M | peculiar |

Sources: the Gadget-4 manual, section 5; the documentation of SWIFT, "Snapshots".
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from lss.config import Settings
from lss.errors import DataError
from lss.files.hdf5 import find_dataset, holds, one_number, open_parts, read_joined
from lss.grid.lattice import follows_lattice, in_places, places_by_id
from lss.grid.periodic import wrap_rounding
from lss.physics.units import GADGET_MASS, particle_mass
from lss.universe import Group

log = logging.getLogger("lss.snapshot")

MPC_IN_CM = 3.085678e24
MASS_UNIT_IN_G = 1.989e43  # 1e10 Msun
KM_IN_CM = 1.0e5
LARGEST_BOX = 1e7  # Mpc/h: the horizon is at 1e4
LENGTH_UNITS = {"kpc/h": 1e-3, "Mpc/h": 1.0}

PARTICLE_TYPES = ("gas", "dark matter", "dark matter of type 2", "dark matter of type 3", "stars", "black holes")
_EQUAL = 1e-3  # by which masses and units may differ and count as equal
# The share of all matter that a particle of dark matter may carry where other types are there too.
_LEAST_SHARE = 0.5
_SPEEDS = (1e-2, 1e3)  # km/s, root mean square of a component: some 300 in our universe today


@dataclass(frozen=True)
class Header:
    """What a snapshot says of itself, in our units.

    length : Mpc/h of its unit of length; mass : 1e10 Msun/h of its unit of mass; velocity : peculiar km/s of its unit
    of velocity; counts : particles of each type, here and of the whole snapshot; mass_table : 1e10 Msun/h
    h : None where the file says nothing
    """

    box_size: float
    n: int
    omega_m: float
    h: float | None
    redshift: float
    length: float
    mass: float
    velocity: float
    mass_table: float

    @property
    def settings(self) -> Settings:
        """The settings of a universe that the file implies; what it does not say is listed as unknown."""
        said: dict[str, Any] = {"omega_m": self.omega_m} | ({} if self.h is None else {"h": self.h})
        unknown = [name for name in ("omega_b", "h", "n_s", "sigma8", "transfer") if name not in said]
        return {"cosmology": said | {"unknown": unknown}, "box": {"size": self.box_size, "n": self.n}}


def is_snapshot(root: h5py.File) -> bool:
    """Whether an HDF5 file is another code's snapshot (or part of one): a header, and not one of ours."""
    return "format" not in root.attrs and "Header" in root


def read_snapshot(
    root: h5py.File, source: str, length_unit: str | None = None, particles: bool = True
) -> tuple[Settings, dict[str, Group]]:
    """The settings that the header implies, and the dark matter as /PartType1 if the particles are wanted.

    length_unit : "kpc/h" or "Mpc/h", of a Gadget snapshot without unit attributes
    Raises DataError naming the attribute or dataset that is missing, or contradicts another.
    """
    place = f"{source}: /PartType1"
    count = int(Attributes.of(root, source).get("NumFilesPerSnapshot", 1))
    with open_parts(root, source, count) as parts:
        header = read_header(parts, source, length_unit)
        if not particles:
            return header.settings, {}
        if not any(holds(part, "PartType1") for part in parts):
            raise DataError(f"{source}: no /PartType1: a snapshot without dark matter")
        position, velocity, ids = (
            read_joined(parts, f"PartType1/{name}", source) for name in ("Coordinates", "Velocities", "ParticleIDs")
        )
        check_arrays(position, velocity, ids, header, place)
        _check_masses(parts, header, source)
    group = particles_of(position, velocity, ids, header, place)
    report(header, source)
    return header.settings, {"PartType1": group}


def report(header: Header, source: str) -> None:
    """Say what was read."""
    known = f"Omega_m = {header.omega_m:g}" + ("" if header.h is None else f", h = {header.h:g}")
    log.info(
        "%s: %d^3 particles of dark matter in a box of %g Mpc/h at z = %g, %s; unknown: %s",
        *(source, header.n, header.box_size, round(header.redshift, 6), known),
        ", ".join(header.settings["cosmology"]["unknown"]),
    )


def read_header(parts: Sequence[h5py.File], source: str, length_unit: str | None = None) -> Header:
    """The header of a snapshot, of all its files. Raises DataError naming the attribute that cannot be used."""
    attributes = Attributes.of(parts[0], source)
    return header_of(attributes, _lattice_side_of(parts, attributes), length_unit)


def header_of(attributes: "Attributes", n: int, length_unit: str | None = None) -> Header:
    """The header of a snapshot of n^3 particles. Raises DataError naming the attribute that cannot be used."""
    source, found = attributes.source, attributes.found
    is_swift = "Unit length in cgs (U_L)" in found
    h = attributes.get("HubbleParam")
    length, mass, velocity = units_of(attributes, length_unit)
    redshift = attributes.redshift()
    if is_swift:
        h = attributes.need("HubbleParam")
        length, mass = length * h, mass * h
    else:
        velocity /= np.sqrt(1 + redshift)
    omega_m = attributes.need("Omega0")
    flat = omega_m + attributes.need("OmegaLambda") + attributes.get("Omega_r", 0.0) + attributes.get("Omega_nu_0", 0.0)
    if abs(flat - 1) > 1e-4:
        raise DataError(f"{source}: Omega0 + OmegaLambda is {flat:.6g}, not 1; only flat universes are handled")
    table = np.atleast_1d(found.get("MassTable", np.zeros(2)))
    mass_table = float(table[1]) * mass if len(table) > 1 else 0.0
    return Header(attributes.side(length), n, omega_m, h, redshift, length, mass, velocity, mass_table)


@dataclass(frozen=True)
class Attributes:
    """What the header of a snapshot or of its groups says, by Gadget's names, wherever it stands."""

    found: Mapping[str, Any]
    source: str

    @staticmethod
    def of(root: h5py.File, source: str) -> "Attributes":
        """The attributes of a file; those of SWIFT under the names that Gadget gives them."""
        found: dict[str, Any] = {}
        for group in ("Units", "Cosmology", "Parameters", "Header"):
            if group in root and isinstance(root[group], h5py.Group):
                found |= dict(root[group].attrs)
        return Attributes(_gadget_names(found) if "Unit length in cgs (U_L)" in found else found, source)

    def need(self, name: str) -> float:
        if name not in self.found:
            raise DataError(
                f"{self.source}: no attribute {name} in /Header, /Parameters, /Cosmology or /Units of this snapshot"
            )
        return one_number(self.found[name], f"{self.source}: {name}")

    def get(self, name: str, default: Any = None) -> Any:
        return self.need(name) if name in self.found else default

    def side(self, length: float) -> float:
        """The side of the box, which may be given as three equal numbers, in Mpc/h; length : Mpc/h of the unit."""
        sides = np.atleast_1d(self.found.get("BoxSize", ()))
        if sides.size == 3 and sides.dtype.kind in "iuf" and (sides == sides[0]).all():
            sides = sides[:1]
        elif sides.size == 3:
            raise DataError(f"{self.source}: BoxSize = {sides.tolist()}: only cubes are handled")
        side = self.need("BoxSize") if sides.size == 0 else one_number(sides, f"{self.source}: BoxSize")
        if abs(side * length) > LARGEST_BOX:
            raise DataError(
                f"{self.source}: BoxSize = {side:g}, a box of {side * length:.4g} Mpc/h; no box is so large"
            )
        return float(f"{side * length:.12g}")  # 50000 kpc/h are 50 Mpc/h, whatever 50000 * 1e-3 is

    def redshift(self) -> float:
        """The redshift, which Time must not contradict."""
        redshift, time = self.get("Redshift"), self.get("Time")
        if redshift is None:
            if time is None or not 0 < time <= 1:
                self.need("Redshift")
            redshift = 1 / time - 1
        if redshift <= -1:
            raise DataError(f"{self.source}: Redshift = {redshift:g}; expected above -1")
        if time is not None and abs(time * (1 + redshift) - 1) > _EQUAL:
            raise DataError(
                f"{self.source}: Redshift = {redshift:g} and Time = {time:g} contradict each other "
                f"(1 / (1 + z) is {1 / (1 + redshift):g})"
            )
        return float(redshift)


def _gadget_names(found: dict[str, Any]) -> dict[str, Any]:
    """SWIFT's attributes under the names that Gadget gives them."""
    names = {
        "Unit length in cgs (U_L)": "UnitLength_in_cm",
        "Unit mass in cgs (U_M)": "UnitMass_in_g",
        "Omega_m": "Omega0",
        "Omega_lambda": "OmegaLambda",
        "h": "HubbleParam",
        "Scale-factor": "Time",
    }
    renamed = {names[name]: value for name, value in found.items() if name in names}
    time = found.get("Unit time in cgs (U_t)")
    if time is not None:
        length = one_number(found["Unit length in cgs (U_L)"], "Unit length in cgs (U_L)")
        renamed["UnitVelocity_in_cm_per_s"] = length / one_number(time, "Unit time in cgs (U_t)")
    return found | renamed


def units_of(
    attributes: Attributes, length_unit: str | None, table: str = "[sim.snapshot]"
) -> tuple[float, float, float]:
    """Mpc, 1e10 Msun and km/s of the units, whatever powers of h they carry.

    table : where the user may say the unit of length
    A unit that is ours, or a power of ten of it, within rounding is taken as exactly that. Raises DataError.
    """
    units = []
    for name, ours in (
        ("UnitLength_in_cm", MPC_IN_CM),
        ("UnitMass_in_g", MASS_UNIT_IN_G),
        ("UnitVelocity_in_cm_per_s", KM_IN_CM),
    ):
        if name not in attributes.found and length_unit is None:
            raise DataError(
                f"{attributes.source}: no attribute {name}: the file does not say its units; set "
                f'{table} length_unit = "kpc/h" or "Mpc/h" (masses are then 1e10 Msun/h, velocities km/s)'
            )
        ratio = attributes.get(name, ours) / ours
        near = 10.0 ** np.round(np.log10(ratio)) if ratio > 0 else np.nan
        if not np.isfinite(near):
            raise DataError(f"{attributes.source}: {name} = {attributes.found[name]!r}: expected a positive number")
        units.append(float(near) if abs(ratio / near - 1) < _EQUAL else float(ratio))
    if length_unit is not None:
        length = LENGTH_UNITS[length_unit]
        if "UnitLength_in_cm" in attributes.found and abs(length / units[0] - 1) > _EQUAL:
            raise DataError(
                f"{attributes.source}: UnitLength_in_cm is {units[0]:g} Mpc/h, but {table} length_unit = "
                f'"{length_unit}"'
            )
        units[0] = length
    return units[0], units[1], units[2]


def _lattice_side_of(parts: Sequence[h5py.File], attributes: Attributes) -> int:
    """Particles a side, of the rows of all files. Raises DataError as `lattice_side`."""
    source = attributes.source
    rows = np.zeros(6, np.int64)
    for part in parts:
        here = _rows(part, source)
        _compare_counts(
            here, _counts(dict(part["Header"].attrs), "NumPart_ThisFile", source), "NumPart_ThisFile", part.filename
        )
        rows += here
    return lattice_side(rows, attributes)


def lattice_side(rows: np.ndarray, attributes: Attributes) -> int:
    """Particles a side; rows : particles of six types in all files of a snapshot.

    Raises DataError where a part of a snapshot is given, or no cube.
    """
    source, found = attributes.source, attributes.found
    total, high = (_counts(found, name, source) for name in ("NumPart_Total", "NumPart_Total_HighWord"))
    if total is not None and high is not None:
        total = total + high * 2**32
    _compare_counts(rows, total, "NumPart_Total", source)
    others = [f"{rows[kind]} of {PARTICLE_TYPES[kind]}" for kind in range(6) if kind != 1 and rows[kind]]
    if others:
        log.warning("%s: %s are not read; the dark matter stands for all matter", source, ", ".join(others))
    n = round(float(rows[1]) ** (1 / 3))
    if n**3 != rows[1] or n == 0:
        raise DataError(f"{source}: {rows[1]} particles: not a perfect cube; a full lattice is required")
    return n


def _rows(part: h5py.File, source: str) -> np.ndarray:
    """Rows of Coordinates of the six types, (6,) int64."""
    names = [f"PartType{kind}/Coordinates" for kind in range(6)]
    return np.array([find_dataset(part, name, source).shape[0] if holds(part, name) else 0 for name in names], np.int64)


def _compare_counts(rows: np.ndarray, counts: np.ndarray | None, name: str, source: str) -> None:
    """Raise DataError if an attribute counts other particles of dark matter than there are rows."""
    if counts is not None and counts[1] != rows[1]:
        raise DataError(
            f"{source}: {name} counts {counts[1]} particles of dark matter, but there are {rows[1]} rows (truncated?)"
        )


def _counts(found: Mapping[str, Any], name: str, source: str) -> np.ndarray | None:
    """The numbers of particles of six types; None without the attribute."""
    if name not in found:
        return None
    counts = np.atleast_1d(found[name])
    if counts.ndim != 1 or not 2 <= counts.size <= 7 or counts.dtype.kind not in "iuf":
        raise DataError(f"{source}: {name} = {counts.tolist()}: expected the numbers of six types of particles")
    return np.pad(counts.astype(np.int64), (0, max(0, 6 - counts.size)))[:6]


def check_arrays(position: np.ndarray, velocity: np.ndarray, ids: np.ndarray, header: Header, place: str) -> None:
    """Raise DataError unless positions, velocities and ids are those of n^3 particles, and finite."""
    count = header.n**3
    if ids.shape != (count,) or position.shape != (count, 3) or velocity.shape != (count, 3):
        raise DataError(f"{place}: Coordinates {position.shape}, Velocities {velocity.shape}, ParticleIDs {ids.shape}")
    for name, array in (("Coordinates", position), ("Velocities", velocity)):
        if array.dtype.kind != "f":
            raise DataError(f"{place}/{name} has type {array.dtype}; expected floating-point numbers")
        # One pass and no copy: a sum is finite exactly when all terms are.
        if not np.isfinite(array.sum(dtype=np.float64)):
            bad = int(array.size - np.isfinite(array).sum())
            raise DataError(f"{place}/{name} holds {bad} values that are not finite (NaN or infinity)")
    some = velocity[:: max(1, count // 4096)].astype(np.float64)
    speed = float(np.sqrt(np.mean(some**2)) * header.velocity)
    if speed and not _SPEEDS[0] < speed < _SPEEDS[1]:
        raise DataError(f"{place}: velocities of {speed:.3g} km/s (root mean square); is their unit right?")


def _check_masses(parts: Sequence[h5py.File], header: Header, source: str) -> None:
    """See `check_mass`; the masses of the particles are read where the table has none."""
    listed = not header.mass_table and any(holds(part, "PartType1/Masses") for part in parts)
    masses = read_joined(parts, "PartType1/Masses", source) if listed else None
    others = any(holds(part, f"PartType{kind}") for part in parts for kind in (0, 2, 3, 4, 5))
    check_mass(header, masses, others, source)


def check_mass(header: Header, masses: np.ndarray | None, others: bool, source: str) -> None:
    """Particles of one mass, which make up the matter of the box.

    masses : of the particles, in the file's unit, where the table has none; others : whether there are other types
    Raises DataError.
    """
    mass, name = header.mass_table, "MassTable"
    if not mass and masses is not None:
        name = "Masses"
        low, high = float(masses.min()) * header.mass, float(masses.max()) * header.mass
        if not high - low <= _EQUAL * high:
            raise DataError(
                f"{source}: Masses from {low:g} to {high:g} (1e10 Msun/h); only particles of one mass are read"
            )
        mass = 0.5 * (low + high)
    if not mass:
        raise DataError(f"{source}: no particle mass: MassTable is 0 or missing, and there is no /PartType1/Masses")
    expected = particle_mass(header.omega_m, header.box_size, header.n**3) / GADGET_MASS
    if not (_LEAST_SHARE if others else 0.99) * expected < mass < 1.01 * expected:
        raise DataError(
            f"{source}: {name} says {mass:.6g} (1e10 Msun/h) a particle, but {header.n}^3 particles of a universe with "
            f"Omega0 = {header.omega_m:g} in {header.box_size:g} Mpc/h weigh {expected:.6g}"
        )


def particles_of(position: np.ndarray, velocity: np.ndarray, ids: np.ndarray, header: Header, place: str) -> Group:
    """Particles in memory from a snapshot's arrays, in the order of the lattice as far as the ids tell it.

    Raises DataError: ids that occur twice, positions outside the box.
    """
    places = places_by_id(ids, place)
    if header.length != 1:
        position = position * np.asarray(header.length, position.dtype)
    position = in_places(wrap_rounding(position, header.box_size, f"{place}: particles"), places)
    velocity = in_places(velocity.astype(np.float32, copy=False) * np.float32(header.velocity), places)
    lattice = follows_lattice(position, header.box_size)
    if not lattice:
        turned = np.arange(len(position)).reshape((header.n,) * 3).transpose(2, 1, 0).ravel()
        if follows_lattice(position[turned], header.box_size):  # x runs fastest
            position, velocity, lattice = position[turned], velocity[turned], True
    if not lattice:
        log.warning(
            "%s: the ids do not number a lattice (glass, or another order): where each particle started is unknown",
            place,
        )
    attrs = {"redshift": header.redshift} | ({} if lattice else {"lattice": False})
    return Group({"position": position, "velocity": velocity}, attrs)
