"""HDF5 files of other codes: opened without following links out of the file, datasets read as numbers only."""

from pathlib import Path

import h5py
import numpy as np

from lss.errors import DataError


def open_hdf5(path: Path) -> h5py.File:
    """An HDF5 file for reading. Raises DataError when it is missing or none."""
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError:
        raise DataError(f"{path}: not an HDF5 file, or truncated") from None


def read_dataset(file: h5py.File, name: str, path: Path) -> np.ndarray:
    """A dataset of numbers, float64.

    Raises DataError when it is missing, elsewhere (an external link), or holds no numbers.
    """
    group = file
    for part in name.split("/"):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise DataError(f"{path}: no dataset {name}")
        if not isinstance(link, h5py.HardLink):
            raise DataError(f"{path}: {name} is a link; only data in the file itself is read")
        group = group[part]
    if not isinstance(group, h5py.Dataset) or group.dtype.kind not in "iuf" or group.is_virtual or group.external:
        raise DataError(f"{path}: {name} is no dataset of numbers")
    return np.asarray(group[()], np.float64)
