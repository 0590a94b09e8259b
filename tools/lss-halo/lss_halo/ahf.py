"""AHF catalogues (Knollmann & Knebe 2009): `_halos`, one line a halo under a header of names."""

from pathlib import Path

import numpy as np

from lss.errors import DataError
from lss_halo.columns import read_columns

# Ours: AHF's names for it.
AHF_COLUMNS = {
    "position": ("Xc", "Yc", "Zc"),
    "velocity": ("VXc", "VYc", "VZc"),
    "mass": ("Mvir", "Mhalo"),
    "n_particles": ("npart",),
    "radius": ("Rvir", "Rhalo"),
    "r_max": ("Rmax",),
    "v_max": ("Vmax",),
    "velocity_dispersion": ("sigV",),
    "concentration": ("cNFW",),
    "spin": ("lambda",),
}
LENGTHS = ("radius", "r_max")


def read_ahf(path: Path, *, length_in_mpc: float, subhalos: bool) -> dict[str, np.ndarray]:
    """The columns of an `_halos` file: hosts, unless subhalos are asked for.

    length_in_mpc : unit of the file's lengths in Mpc/h (AHF's own is kpc/h)
    Returns position, velocity, mass (Msun/h), n_particles, radius, ... as AHF gives them (its velocities are peculiar).
    Raises DataError when it is no such file or a column is missing.
    """
    table = read_columns(path)
    table = {name.partition("(")[0]: column for name, column in table.items()}  # "Mvir(4)"
    columns: dict[str, np.ndarray] = {}
    for ours, names in AHF_COLUMNS.items():
        if ours in ("position", "velocity"):
            columns[ours] = np.stack([_column(table, (name,), path) for name in names], axis=1)
        elif ours in ("mass", "n_particles") or any(name in table for name in names):
            columns[ours] = _column(table, names, path)
    columns["position"] = columns["position"] * length_in_mpc
    for name in LENGTHS:
        if name in columns:
            columns[name] = columns[name] * length_in_mpc
    host = _column(table, ("hostHalo",), path)
    # Hosts have -1 where halos are numbered from 0, else 0.
    is_host = host == (-1 if (host == -1).any() else 0)
    return columns if subhalos else {name: column[is_host] for name, column in columns.items()}


def _column(table: dict[str, np.ndarray], names: tuple[str, ...], path: Path) -> np.ndarray:
    for name in names:
        if name in table:
            return table[name]
    raise DataError(f"{path}: no column {' or '.join(names)}; is it an AHF _halos file?")
