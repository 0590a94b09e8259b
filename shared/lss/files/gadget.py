"""Particles as Gadget stores them, so that yt, pynbody, Gadget-4 and people's scripts read our files, and we theirs.

On disk: Coordinates, Velocities (u = v_pec / sqrt(a)), ParticleIDs (1-based), MassTable in 1e10 Msun/h.
In memory: position in Mpc/h in [0, L), peculiar velocity in km/s, Lagrangian order.
Source: the Gadget-4 manual, section 5.
"""

from typing import Any

import h5py
import numpy as np

from lss.config import Box, Cosmology, Settings
from lss.errors import DataError
from lss.grid.periodic import fold_edge
from lss.physics.units import GADGET_MASS, particle_mass
from lss.universe import Group, Particles

GADGET_GROUPS = {"Header", "Units", "Parameters", "Config"}
MPC_IN_CM = 3.085678e24
MASS_UNIT_IN_G = 1.989e43  # 1e10 Msun
KM_IN_CM = 1.0e5


def read_gadget_header(root: h5py.File, source: str) -> Settings:
    """The settings that a Gadget snapshot implies: matter density, Hubble constant, box and lattice.

    Raises DataError naming the attribute that is missing or cannot be used.
    """
    found: dict[str, Any] = {}
    for group in ("Units", "Parameters", "Header"):
        if group in root:
            found |= dict(root[group].attrs)

    def need(name: str) -> float:
        if name not in found:
            raise DataError(f"{source}: no attribute {name} in /Header, /Parameters or /Units of this Gadget snapshot")
        try:
            return float(found[name])
        except (TypeError, ValueError):
            raise DataError(f"{source}: {name} = {found[name]!r}: expected a number") from None

    length = need("UnitLength_in_cm") / MPC_IN_CM
    if abs(length - 1) > 1e-3:
        raise DataError(f"{source}: UnitLength_in_cm is {length:.6g} Mpc; only snapshots in Mpc/h are read")
    if abs(need("UnitVelocity_in_cm_per_s") / KM_IN_CM - 1) > 1e-3:
        raise DataError(f"{source}: UnitVelocity_in_cm_per_s is not km/s")
    if int(need("NumFilesPerSnapshot")) != 1:
        raise DataError(f"{source}: a snapshot in several files; join them first")
    counts = np.atleast_1d(found.get("NumPart_ThisFile", np.zeros(2)))
    if counts.sum() != counts[1]:
        raise DataError(f"{source}: particles of other types than dark matter (NumPart_ThisFile = {counts.tolist()})")
    n = round(float(counts[1]) ** (1 / 3))
    if n**3 != counts[1]:
        raise DataError(f"{source}: {int(counts[1])} particles: not a perfect cube; a full lattice is required")
    box = {"size": need("BoxSize"), "n": n}
    omega_m = need("Omega0")
    if abs(omega_m + need("OmegaLambda") - 1) > 1e-4:
        raise DataError(f"{source}: Omega0 + OmegaLambda is not 1; only flat universes are handled")
    mass = float(np.atleast_1d(found.get("MassTable", np.zeros(2)))[1])
    expected = particle_mass(omega_m, box["size"], n**3) / GADGET_MASS
    if abs(mass / expected - 1) > 0.01:
        raise DataError(
            f"{source}: MassTable says {mass:.6g} (1e10 Msun/h) a particle, but {n}^3 particles of a universe with "
            f"Omega0 = {omega_m:g} in {box['size']:g} Mpc/h weigh {expected:.6g}"
        )
    return {"cosmology": {"omega_m": omega_m, "h": need("HubbleParam")}, "box": box}


def read_gadget_particles(group: Group, box: Box, place: str) -> Group:
    """A /PartType1 group as particles in memory.

    Raises DataError: missing dataset, ids that are not those of a lattice, positions outside the box.
    """
    for name in ("Coordinates", "Velocities", "ParticleIDs"):
        if name not in group.data:
            raise DataError(f"{place} has no dataset '{name}'")
    position, velocity, ids = (group.data[name] for name in ("Coordinates", "Velocities", "ParticleIDs"))
    if any(array.dtype.kind not in "iuf" for array in (position, velocity, ids)):
        raise DataError(f"{place}: Coordinates, Velocities and ParticleIDs must be numbers")
    if ids.ndim != 1 or position.shape != (len(ids), 3) or velocity.shape != position.shape:
        raise DataError(f"{place}: Coordinates {position.shape}, Velocities {velocity.shape}, ParticleIDs {ids.shape}")
    redshift = group.attrs.get("Redshift", np.nan)
    if not isinstance(redshift, int | float) or not -1 < redshift < np.inf:
        found = "no attribute Redshift" if redshift is np.nan else f"Redshift = {redshift!r}; expected above -1"
        raise DataError(f"{place}: {found}")
    outside = int(np.count_nonzero(((position < 0) | (position > box.size)).any(axis=1)))
    if outside:
        raise DataError(f"{place}: {outside} particles lie outside the box of {box.size:g} Mpc/h (kpc/h?)")
    row = _lagrangian_rows(ids, place)
    position = fold_edge(position.astype(np.float32, copy=False), box.size)
    velocity = velocity.astype(np.float32, copy=False) * np.float32(np.sqrt(1 / (1 + redshift)))
    if row is not None:
        position, velocity = position[row], velocity[row]
    return Group({"position": position, "velocity": velocity}, {"redshift": float(redshift)})


def _lagrangian_rows(ids: np.ndarray, place: str) -> np.ndarray | None:
    """The rows in the order of the lattice, None if they are in it; ids must be 1..n, each once."""
    wanted = np.arange(1, len(ids) + 1, dtype=np.int64)
    if np.array_equal(ids, wanted):
        return None
    row = np.argsort(ids, kind="stable")
    if not np.array_equal(ids[row], wanted):
        distinct = len(np.unique(ids))
        about = f"{len(ids) - distinct} occur twice" if distinct < len(ids) else f"{ids.min()} to {ids.max()}"
        raise DataError(f"{place}: ParticleIDs are not 1 to {len(ids)}, each once ({about})")
    return row


def write_gadget_header(file: h5py.File, particles: Particles, box: Box, cosmology: Cosmology) -> None:
    """Header, Units and Parameters; pynbody wants box and cosmology in all three places, yt in the header."""
    count = len(particles.position)
    masses = np.zeros(6)
    masses[1] = particle_mass(cosmology.omega_m, box.size, count) / GADGET_MASS
    numbers = np.zeros(6, dtype=_counter(count))
    numbers[1] = count
    world = {
        "BoxSize": float(box.size),
        "Omega0": float(cosmology.omega_m),
        "OmegaLambda": float(1 - cosmology.omega_m),
        "OmegaBaryon": float(cosmology.omega_b),
        "HubbleParam": float(cosmology.h),
    }
    units = {
        "UnitLength_in_cm": MPC_IN_CM,
        "UnitMass_in_g": MASS_UNIT_IN_G,
        "UnitVelocity_in_cm_per_s": KM_IN_CM,
    }
    state = {
        "Redshift": float(particles.redshift),
        "Time": float(1 / (1 + particles.redshift)),
        "NumPart_ThisFile": numbers,
        "NumPart_Total": numbers,
        "NumPart_Total_HighWord": np.zeros(6, dtype=np.uint32),
        "MassTable": masses,
        "NumFilesPerSnapshot": 1,
    }
    for name, attributes in (("Header", world | state), ("Units", units), ("Parameters", world | units)):
        file.create_group(name).attrs.update(attributes)


def write_gadget_particles(folder: h5py.Group, group: Group) -> None:
    """One output in Gadget's layout."""
    redshift = float(group.attrs["redshift"])
    scale_factor = 1 / (1 + redshift)
    position, velocity = group.data["position"], group.data["velocity"]
    ids = np.arange(1, len(position) + 1, dtype=_counter(len(position)))
    folder.attrs.update({"Redshift": redshift, "Time": scale_factor})
    columns = {
        "Coordinates": (position, "Mpc/h"),
        "Velocities": (velocity / np.float32(np.sqrt(scale_factor)), "km/s / sqrt(a)"),
        "ParticleIDs": (ids, "1"),
    }
    for name, (array, unit) in columns.items():
        folder.create_dataset(name, data=array).attrs["units"] = unit


def _counter(most: int) -> type[np.unsignedinteger]:
    """The integers that Gadget counts so many particles with."""
    return np.uint64 if most >= 2**32 else np.uint32
