"""Gadget-4's friends-of-friends groups with SUBFIND's properties: `fof_subhalo_tab_*.hdf5`, one file."""

from pathlib import Path

import numpy as np

from lss.errors import DataError
from lss.files.snapshot import Attributes, units_of
from lss.physics.units import GADGET_MASS
from lss_halo.catalogues.foreign import BOX, OMEGA_M, REDSHIFT, Foreign, H
from lss_halo.catalogues.hdf5_table import open_hdf5, read_dataset
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

    Raises DataError when it is no such file, is one of several, or a dataset is missing.
    """
    with open_hdf5(path) as file:
        for name in ("Header", "Group"):
            if name not in file:
                raise DataError(f"{path}: no /{name}; is it a fof_subhalo_tab file?")
        said = Attributes.of(file, str(path))
        for name in ("Redshift", "BoxSize", "NumFiles"):
            said.need(name)
        if int(said.need("NumFiles")) != 1:
            raise DataError(f"{path}: one of {int(said.need('NumFiles'))} files of a catalogue; join them first")
        length_unit, mass_unit, velocity_unit = units_of(said, catalogue.length_unit, "[halo.catalogue]")
        facts = {BOX: said.side(length_unit), REDSHIFT: said.redshift()}
        facts |= {key: said.need(name) for key, name in ((OMEGA_M, "Omega0"), (H, "HubbleParam")) if name in said.found}
        if said.get("Ngroups_Total", 1) == 0:
            return Foreign(EMPTY, None, facts)
        mass_unit *= GADGET_MASS
        mass_name, radius_name = GROUP_COLUMNS[config.halo.mass_definition]
        length = read_dataset(file, "Group/GroupLen", path)
        if "Ngroups_Total" in said.found and len(length) != said.need("Ngroups_Total"):
            raise DataError(
                f"{path}: Ngroups_Total is {int(said.need('Ngroups_Total'))}, but GroupLen has {len(length)} rows "
                "(truncated?)"
            )
        fof_mass = read_dataset(file, "Group/GroupMass", path) * mass_unit
        scale_factor = 1 / (1 + float(facts[REDSHIFT]))
        columns = {
            "position": read_dataset(file, "Group/GroupPos", path) * length_unit,
            # The code's velocity variable is a^2 dx/dt; SUBFIND divides its own by a, friends of friends does not.
            "velocity": read_dataset(file, "Group/GroupVel", path) * velocity_unit / scale_factor,
            "mass": read_dataset(file, f"Group/{mass_name}", path) * mass_unit,
        }
        particle_mass = float(np.median(fof_mass / length)) if len(length) else 1.0
        columns["n_particles"] = np.rint(columns["mass"] / particle_mass)
        if radius_name:
            columns["radius"] = read_dataset(file, f"Group/{radius_name}", path) * length_unit
        if "Subhalo/SubhaloVmax" in file and "Group/GroupFirstSub" in file:
            v_max = read_dataset(file, "Subhalo/SubhaloVmax", path) * velocity_unit
            main = read_dataset(file, "Group/GroupFirstSub", path).astype(np.int64)
            columns["v_max"] = np.where(main >= 0, v_max[np.maximum(main, 0)] if len(v_max) else 0.0, 0.0)
    # Groups whose mean density nowhere reaches the threshold have none of its mass.
    kept = columns["mass"] != 0
    return Foreign({name: column[kept] for name, column in columns.items()}, None, facts)
