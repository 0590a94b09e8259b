"""Rockstar's ASCII catalogues (Behroozi et al. 2013): `halos_*.ascii`, `out_*.list`, with or without parents."""

import math
from pathlib import Path

import numpy as np

from lss.errors import ConfigError, DataError
from lss_halo.catalogues.foreign import Foreign
from lss_halo.catalogues.text_table import TextTable, read_text_table
from lss_halo.config import Catalogue, Config

# Rockstar's radius is of the mass it was configured with, so it belongs to "mvir" alone.
MASS_COLUMNS = {"200c": "m200c", "500c": "m500c", "200m": "m200b", "vir": "mvir"}


def read(path: Path, catalogue: Catalogue, config: Config) -> Foreign:
    """Host halos of a catalogue with a parent column (PID), all of one without, that have a mass of the definition.

    Positions are comoving Mpc/h, radii kpc/h, velocities peculiar km/s, masses Msun/h, as Rockstar's header says.
    Raises DataError when a column is missing or a comment is damaged, ConfigError when it holds no masses of that
    definition.
    """
    table = read_text_table(path)
    table = TextTable({name.lower(): column for name, column in table.columns.items()}, table.comments)
    mass_definition = config.halo.mass_definition
    column = MASS_COLUMNS.get(mass_definition)
    if column is None or column not in table.columns:
        there = [name for name, theirs in MASS_COLUMNS.items() if theirs in table.columns]
        raise ConfigError(
            f'{path}: no masses for [halo] mass_definition = "{mass_definition}", but for {", ".join(there) or "none"}'
        )
    columns = {
        "position": np.stack([table.column(path, axis) for axis in "xyz"], axis=1),
        "velocity": np.stack([table.column(path, f"v{axis}") for axis in "xyz"], axis=1),
        "mass": table.columns[column],
        "n_particles": table.column(path, "num_p", "np"),
        "v_max": table.column(path, "vmax"),
        "velocity_dispersion": table.column(path, "vrms"),
    }
    if column == "mvir":
        columns["radius"] = table.column(path, "rvir") / 1e3
    # Halos whose mean density nowhere reaches the threshold have no mass of that definition.
    kept = columns["mass"] != 0
    if "pid" in table.columns and not catalogue.subhalos:
        kept &= table.columns["pid"] < 0
    scale_factor, box_size = (_comment(path, table, name) for name in ("a =", "Box size:"))
    redshift = None if scale_factor is None else 1 / scale_factor - 1
    return Foreign({name: c[kept] for name, c in columns.items()}, None, box_size, redshift)


def _comment(path: Path, table: TextTable, name: str) -> float | None:
    """The number after a name in the comments, "Box size: 250.000000 Mpc/h"; None if there is none, or it is zero.

    Raises DataError for anything else.
    """
    line = next((line for line in table.comments if line.startswith(name)), None)
    if line is None:
        return None
    try:
        value = float(line.removeprefix(name).split()[0])
    except (ValueError, IndexError):
        value = math.nan
    if not 0 <= value < math.inf:
        raise DataError(f"{path}: #{line}: expected a positive number")
    return value or None
