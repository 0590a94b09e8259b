"""HDF5 files of other codes: opened without following links out of the file, datasets read as numbers only."""

from pathlib import Path

import h5py
import numpy as np

from lss.errors import DataError
from lss.files import hdf5


def read_dataset(file: h5py.File, name: str, path: Path, *, signed: bool = False) -> np.ndarray:
    """A dataset of numbers, or "table/column" of a dataset of rows with named columns, float64.

    signed : numbers that are negative as often as not
    Raises DataError when it is missing, elsewhere (an external link), holds no numbers, or cannot hold negative ones.
    """
    folder, _, column = name.rpartition("/")
    table, size = hdf5.find_table(file, folder, str(path)), path.stat().st_size
    if table is not None:
        values = hdf5.read_column(table, column, f"{path}: {folder}", size)
    else:
        values = hdf5.read_dataset(hdf5.find_dataset(file, name, str(path)), f"{path}: {name}", size)
    if signed and values.dtype.kind == "u":
        raise DataError(f"{path}: {name} has type {values.dtype}, which holds no negative numbers")
    return np.asarray(values, np.float64)
