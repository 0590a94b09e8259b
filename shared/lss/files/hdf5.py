"""HDF5 that comes from outside: plain numbers in the file itself, whose shape is held against the file's size.

Links are never followed, and no memory is taken for a dataset that claims more bytes than its file could hold.
"""

from typing import Any

import h5py
import numpy as np

from lss.errors import DataError

_MAX_DEFLATE = 1100  # deflate shrinks at most 1032-fold: a larger claim is no data


def refuse_link(folder: h5py.Group, name: str, place: str) -> None:
    """Raise DataError unless the entry is in the file itself."""
    if not isinstance(folder.get(name, getlink=True), h5py.HardLink):
        raise DataError(f"{place} is a link; links are not followed")


def find_dataset(file: h5py.Group, name: str, source: str) -> h5py.Dataset:
    """The dataset of a path "Group/GroupLen", of numbers.

    Raises DataError when it is missing, elsewhere (a link), or holds no numbers.
    """
    item: Any = file
    for part in name.split("/"):
        if not isinstance(item, h5py.Group) or item.get(part, getlink=True) is None:
            raise DataError(f"{source}: no dataset {name}")
        refuse_link(item, part, f"{source}: {name}")
        item = item[part]
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iuf":
        raise DataError(f"{source}: {name} is no dataset of numbers")
    return item


def read_dataset(item: h5py.Dataset, place: str, n_bytes: int) -> np.ndarray:
    """All values of a dataset in a file of n_bytes. Raises DataError for other types, and for data kept elsewhere."""
    if item.dtype.kind not in "iufbS":
        raise DataError(f"{place} has type {item.dtype}; only plain numbers and fixed strings are read")
    if item.is_virtual or item.external:
        raise DataError(f"{place} keeps its data in another file, which is not followed")
    if item.size is not None and item.size * item.dtype.itemsize > _MAX_DEFLATE * n_bytes:
        raise DataError(f"{place} claims {item.size * item.dtype.itemsize} bytes in a file of {n_bytes}")
    array = np.asarray(item[()])
    return array.astype(np.float32) if array.dtype == np.float16 else array  # half precision is for storage only


def one_number(value: Any, place: str) -> float:
    """An attribute that is a finite number: of any type, and an array of one too. Raises DataError."""
    array = np.asarray(value)
    if array.size == 1 and array.dtype.kind in "iufb" and np.isfinite(array).all():
        return float(array.reshape(()))
    raise DataError(f"{place} = {value!r}: expected a number")
