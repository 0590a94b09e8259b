"""Particles as Gadget stores them, so that yt, pynbody, Gadget-4 and people's scripts read our files.

On disk: Coordinates, Velocities (u = v_pec / sqrt(a)), ParticleIDs (1-based), MassTable in 1e10 Msun/h.
In memory: position in Mpc/h in [0, L), peculiar velocity in km/s, Lagrangian order.
Source: the Gadget-4 manual, section 5.
"""

import h5py
import numpy as np

from lss.config import Box, Cosmology
from lss.errors import DataError
from lss.files.hdf5 import one_number
from lss.files.integrity import write_dataset
from lss.files.snapshot import KM_IN_CM, MASS_UNIT_IN_G, MPC_IN_CM
from lss.grid.lattice import in_places, places_by_id
from lss.grid.periodic import wrap_rounding
from lss.physics.units import GADGET_MASS, particle_mass
from lss.universe import Group, Particles

GADGET_GROUPS = {"Header", "Units", "Parameters", "Config"}


def read_gadget_particles(group: Group, box: Box, place: str) -> Group:
    """The particles of a group that we wrote as they are in memory: row i belongs to lattice point i.

    Raises DataError: missing dataset, ids that are not 1 to n in order, positions outside the box.
    """
    for name in ("Coordinates", "Velocities", "ParticleIDs"):
        if name not in group.data:
            raise DataError(f"{place} has no dataset '{name}'")
    position, velocity, ids = (group.data[name] for name in ("Coordinates", "Velocities", "ParticleIDs"))
    if any(array.dtype.kind not in "iuf" for array in (position, velocity, ids)):
        raise DataError(f"{place}: Coordinates, Velocities and ParticleIDs must be numbers")
    if ids.ndim != 1 or position.shape != (len(ids), 3) or velocity.shape != position.shape:
        raise DataError(f"{place}: Coordinates {position.shape}, Velocities {velocity.shape}, ParticleIDs {ids.shape}")
    if "Redshift" not in group.attrs:
        raise DataError(f"{place}: no attribute Redshift")
    redshift = one_number(group.attrs["Redshift"], f"{place}: Redshift")
    if redshift <= -1:
        raise DataError(f"{place}: Redshift = {redshift:g}; expected above -1")
    position = wrap_rounding(position, box.size, f"{place}: particles")
    velocity = velocity.astype(np.float32, copy=False) * np.float32(np.sqrt(1 / (1 + redshift)))
    places = places_by_id(ids, place)
    if len(ids) and (ids.min(), ids.max()) != (1, len(ids)):
        raise DataError(f"{place}: ParticleIDs are not 1 to {len(ids)}, but {ids.min()} to {ids.max()}")
    position, velocity = in_places(position, places), in_places(velocity, places)
    attrs = {"redshift": redshift} | ({} if group.attrs.get("lattice", True) else {"lattice": False})
    return Group({"position": position, "velocity": velocity}, attrs)


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
    }
    said = {"OmegaBaryon": "omega_b", "HubbleParam": "h"}
    world |= {name: float(getattr(cosmology, key)) for name, key in said.items() if key not in cosmology.unknown}
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
    if not group.attrs.get("lattice", True):
        folder.attrs["lattice"] = False
    columns = {
        "Coordinates": (position, "Mpc/h"),
        "Velocities": (velocity / np.float32(np.sqrt(scale_factor)), "km/s / sqrt(a)"),
        "ParticleIDs": (ids, "1"),
    }
    for name, (array, unit) in columns.items():
        write_dataset(folder, name, array, unit)


def _counter(most: int) -> type[np.unsignedinteger]:
    """The integers that Gadget counts so many particles with."""
    return np.uint64 if most >= 2**32 else np.uint32
