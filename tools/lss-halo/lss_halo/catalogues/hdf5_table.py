"""HDF5 files of other codes: opened without following links out of the file, datasets read as numbers only."""

from pathlib import Path

import h5py
import numpy as np

from lss.files import hdf5


def read_dataset(file: h5py.File, name: str, path: Path) -> np.ndarray:
    """A dataset of numbers, float64.

    Raises DataError when it is missing, elsewhere (an external link), or holds no numbers.
    """
    values = hdf5.read_dataset(hdf5.find_dataset(file, name, str(path)), f"{path}: {name}", path.stat().st_size)
    return np.asarray(values, np.float64)
