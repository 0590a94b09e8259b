"""Gadget-4's friends-of-friends groups with SUBFIND's properties: `fof_subhalo_tab_*.hdf5`, one file or several."""

from pathlib import Path

import h5py
import numpy as np

from lss.errors import DataError
from lss.files.guard import open_hdf5
from lss.files.hdf5 import holds, open_parts, read_joined
from lss.files.snapshot import Attributes, units_of
from lss.physics.units import GADGET_MASS
from lss_halo.catalogues.foreign import BOX, OMEGA_M, REDSHIFT, Foreign, H, check_shapes
from lss_halo.config import Catalogue, Config

# The names of mass and radius of each definition; a group of friends has no radius.
GROUP_COLUMNS = {
    "fof": ("GroupMass", None),
    "200c": ("Group_M_Crit200", "Group_R_Crit200"),
    "500c": ("Group_M_Crit500", "Group_R_Crit500"),
    "200m": ("Group_M_Mean200", "Group_R_Mean200"),
    "vir": ("Group_M_TopHat200", "Group_R_TopHat200"),
}

EMPTY = {"position": np.empty((0, 3)), "velocity": np.empty((0, 3)), "mass": np.empty(0), "n_particles": np.empty(0)}


def read(path: Path, catalogue: Catalogue, config: Config) -> Foreign:
    """The groups with a mass of that definition, at their potential minima; v_max of each group's main subhalo.

    Raises DataError when it is no such file, one of its files or a dataset is missing.
    """
    with open_hdf5(path, str(path)) as file:
        for name in ("Header", "Group"):
            if name not in file:
                raise DataError(f"{path}: no /{name}; is it a fof_subhalo_tab file?")
        said = Attributes.of(file, str(path))
        for name in ("Redshift", "BoxSize", "NumFiles"):
            said.need(name)
        length_unit, mass_unit, velocity_unit = units_of(said, catalogue.length_unit, "[halo.catalogue]")
        facts = {BOX: said.side(length_unit), REDSHIFT: said.redshift()}
        facts |= {key: said.need(name) for key, name in ((OMEGA_M, "Omega0"), (H, "HubbleParam")) if name in said.found}
        if said.get("Ngroups_Total", 1) == 0:
            return Foreign(EMPTY, None, facts)
        columns = _columns(
            file, path, int(said.need("NumFiles")), said, config, (length_unit, mass_unit, velocity_unit)
        )
    check_shapes(columns, path)
    # Groups whose mean density nowhere reaches the threshold have none of its mass; every group of friends has one.
    kept = (columns["mass"] != 0) | (config.halo.mass_definition == "fof")
    return Foreign({name: column[kept] for name, column in columns.items()}, None, facts)


def _columns(
    file: h5py.File, path: Path, count: int, said: Attributes, config: Config, units: tuple[float, float, float]
) -> dict[str, np.ndarray]:
    """The columns of all files of the catalogue; units : Mpc/h, 1e10 Msun/h and km/s of the files'."""
    length_unit, mass_unit, velocity_unit = units
    mass_unit *= GADGET_MASS
    with open_parts(file, str(path), count) as parts:

        def read(name: str) -> np.ndarray:
            return np.asarray(read_joined(parts, name, str(path)), np.float64)

        mass_name, radius_name = GROUP_COLUMNS[config.halo.mass_definition]
        length = read("Group/GroupLen")
        if "Ngroups_Total" in said.found and len(length) != said.need("Ngroups_Total"):
            raise DataError(
                f"{path}: Ngroups_Total is {int(said.need('Ngroups_Total'))}, but GroupLen has {len(length)} rows "
                "(truncated?)"
            )
        fof_mass = read("Group/GroupMass") * mass_unit
        scale_factor = 1 / (1 + said.redshift())
        if fof_mass.shape != length.shape or length.ndim != 1:
            raise DataError(f"{path}: GroupLen has shape {length.shape}, but GroupMass {fof_mass.shape}")
        columns = {
            "position": read("Group/GroupPos") * length_unit,
            # The code's velocity variable is a^2 dx/dt; SUBFIND divides its own by a, friends of friends does not.
            "velocity": read("Group/GroupVel") * velocity_unit / scale_factor,
            "mass": read(f"Group/{mass_name}") * mass_unit,
        }
        particle_mass = float(np.median(fof_mass / length)) if len(length) else 1.0
        columns["n_particles"] = np.rint(columns["mass"] / particle_mass)
        if radius_name:
            columns["radius"] = read(f"Group/{radius_name}") * length_unit
        if all(holds(parts[0], name) for name in ("Subhalo/SubhaloVmax", "Group/GroupFirstSub")):
            v_max = read("Subhalo/SubhaloVmax") * velocity_unit
            main = read("Group/GroupFirstSub").astype(np.int64)
            columns["v_max"] = np.where(main >= 0, v_max[np.maximum(main, 0)] if len(v_max) else 0.0, 0.0)
    return columns
