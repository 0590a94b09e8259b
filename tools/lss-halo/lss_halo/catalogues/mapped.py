"""Plain CSV and HDF5 catalogues, CompaSO's columns among them, with a map of columns in the configuration.

[halo.catalogue]
format = "hdf5"
length_unit = "Mpc/h"
mass_unit = 5.7e10           # Msun/h: here the mass column counts particles
centred = true               # coordinates from -L/2 to L/2, as CompaSO's
columns = { position = "halos/x_L2com", velocity = "halos/v_L2com", mass = "halos/N", n_particles = "halos/N" }
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lss.errors import ConfigError
from lss.files.guard import open_hdf5
from lss_halo.catalogues.foreign import Foreign, check_shapes
from lss_halo.catalogues.hdf5_table import read_dataset
from lss_halo.catalogues.text_table import read_text_table
from lss_halo.config import Catalogue, Column, Config

LENGTHS = ("position", "radius", "r_max")


def read(path: Path, catalogue: Catalogue, config: Config) -> Foreign:
    """The mapped columns in our units.

    Raises ConfigError when position or mass is not mapped, DataError when a column is not in the file.
    """
    missing = [name for name in ("position", "mass") if name not in catalogue.columns]
    if missing:
        raise ConfigError(f"[halo.catalogue] columns: no {', '.join(missing)}; name the columns of {path}")
    read_columns = _read_csv if catalogue.format == "csv" else _read_hdf5
    columns = read_columns(path, catalogue.columns)
    check_shapes(columns, path)
    columns["mass"] = columns["mass"] * catalogue.mass_unit
    for name in LENGTHS:
        if name in columns:
            columns[name] = columns[name] * catalogue.length_in_mpc
    if catalogue.centred:
        columns["position"] = columns["position"] + 0.5 * config.box.size
    return Foreign(columns)


def _read_csv(path: Path, names: Mapping[Column, str | list[str]]) -> dict[str, np.ndarray]:
    table = read_text_table(path, separators=",;\t|")
    return {
        ours: np.stack([table.column(path, name) for name in theirs], axis=1)
        if isinstance(theirs, list)
        else table.column(path, theirs)
        for ours, theirs in names.items()
    }


def _read_hdf5(path: Path, names: Mapping[Column, str | list[str]]) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    with open_hdf5(path, str(path)) as file:
        for ours, theirs in names.items():
            each = [theirs] if isinstance(theirs, str) else theirs
            read = [read_dataset(file, name, path, signed=ours == "velocity") for name in each]
            columns[ours] = read[0] if isinstance(theirs, str) else np.stack(read, axis=1)
    return columns
