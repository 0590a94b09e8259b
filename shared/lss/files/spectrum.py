"""The table of the linear spectrum in a universe file: /spectrum, with the hash that the configuration names."""

import h5py
import numpy as np

from lss.errors import DataError
from lss.files.hdf5 import find_dataset, read_dataset, refuse_link
from lss.files.integrity import write_dataset
from lss.physics.spectrum_table import Table, is_table, keep, table_of

SPECTRUM = "spectrum"
_UNITS = {True: ("h/Mpc", "(Mpc/h)^3"), False: ("1/Mpc", "Mpc^3")}


def write_spectrum(file: h5py.File, transfer: str) -> None:
    """The table that a transfer names by its hash; nothing for an analytic one."""
    if not is_table(transfer):
        return
    table = table_of(transfer)
    folder = file.create_group(SPECTRUM)
    folder.attrs.update({"sha256": table.name, "source": table.source})
    for name, column, unit in zip(("k", "power"), (table.k, table.power), _UNITS[table.per_h], strict=True):
        write_dataset(folder, name, column, unit)


def read_spectrum(file: h5py.File, source: str, n_bytes: int) -> None:
    """Make the table of a file known. Raises DataError if it is not the one whose hash it carries."""
    if SPECTRUM not in file:
        return
    refuse_link(file, SPECTRUM, f"{source}: /{SPECTRUM}")
    folder = file[SPECTRUM]
    k, power = (
        read_dataset(find_dataset(folder, name, f"{source}: /{SPECTRUM}"), f"{source}: /{SPECTRUM}/{name}", n_bytes)
        for name in ("k", "power")
    )
    per_h = str(folder["k"].attrs.get("units", "")) == _UNITS[True][0]
    table = Table(np.asarray(k, float), np.asarray(power, float), per_h, str(folder.attrs.get("source", source)))
    if table.name != str(folder.attrs.get("sha256", "")):
        raise DataError(f"{source}: /{SPECTRUM} is damaged: its numbers are not those of its hash")
    keep(table)
