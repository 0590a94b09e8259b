"""HDF5 that comes from outside: plain numbers in the file itself, whose shape is held against the file's size.

Links are never followed, and no memory is taken for a dataset that claims more bytes than its file could hold.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lss.errors import DataError
from lss.files.guard import open_hdf5
from lss.files.integrity import verify_dataset

MOST_PARTS = 100_000  # of one snapshot: the count is the file's own word
_MAX_DEFLATE = 1100  # deflate shrinks at most 1032-fold: a larger claim is no data


def refuse_link(folder: h5py.Group, name: str, place: str) -> None:
    """Raise DataError unless the entry is in the file itself."""
    if not isinstance(folder.get(name, getlink=True), h5py.HardLink):
        raise DataError(f"{place} is a link; links are not followed")


def holds(file: h5py.Group, name: str) -> bool:
    """Whether a path leads to something, without following a link; one at its end counts."""
    folder, _, last = name.rpartition("/")
    if not folder:
        return file.get(last, getlink=True) is not None
    inner = file[folder] if holds(file, folder) and _is_own(file, folder) else None
    return isinstance(inner, h5py.Group) and inner.get(last, getlink=True) is not None


def _is_own(file: h5py.Group, name: str) -> bool:
    return isinstance(file.get(name, getlink=True), h5py.HardLink)


def find_dataset(file: h5py.Group, name: str, source: str) -> h5py.Dataset:
    """The dataset of a path "Group/GroupLen", of numbers.

    Raises DataError when it is missing, elsewhere (a link), or holds no numbers.
    """
    item = _item(file, name, source)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iuf":
        raise DataError(f"{source}: {name} is no dataset of numbers")
    return item


def find_table(file: h5py.Group, name: str, source: str) -> h5py.Dataset | None:
    """The dataset of rows with named columns at a path; None for anything else. Raises DataError for a link."""
    if not name or file.get(name, getlink=True) is None:
        return None
    item = _item(file, name, source)
    return item if isinstance(item, h5py.Dataset) and item.dtype.names else None


def _item(file: h5py.Group, name: str, source: str) -> Any:
    item: Any = file
    for part in name.split("/"):
        if not isinstance(item, h5py.Group) or item.get(part, getlink=True) is None:
            raise DataError(f"{source}: no dataset {name}")
        refuse_link(item, part, f"{source}: {name}")
        item = item[part]
    return item


def part_paths(source: str, count: int, endings: Sequence[str] = (".hdf5", ".h5")) -> list[Path]:
    """The files of an output in several, by the name of one of them: "snap_000.0.hdf5", "snap_000.1.hdf5", ...

    endings : of the names, behind the number
    Raises DataError naming the first that is missing, or a name that does not tell the others.
    """
    if count == 1:
        return [Path(source)]
    found = re.fullmatch(rf"(.*\.)\d+({'|'.join(map(re.escape, endings))})", source, re.DOTALL)
    if not found:
        raise DataError(
            f"{source}: one of {count} files, but its name does not end as NAME.0{endings[0]}, which tells the others"
        )
    if count > MOST_PARTS:
        raise DataError(f"{source}: one of {count} files; at most {MOST_PARTS} are read")
    paths = [Path(f"{found[1]}{number}{found[2]}") for number in range(count)]
    missing = next((path for path in paths if not path.is_file()), None)
    if missing is not None:
        raise DataError(f"{source}: one of {count} files, but {missing.name} is missing")
    return paths


@contextmanager
def open_parts(root: h5py.File, source: str, count: int) -> Iterator[list[h5py.File]]:
    """All files of an output, opened, by number; root : the one that is open already. Raises DataError."""
    if count == 1:
        yield [root]
        return
    with ExitStack() as stack:
        parts = []
        for path in part_paths(source, count):
            if path == Path(source):
                parts.append(root)
                continue
            parts.append(stack.enter_context(open_hdf5(path, str(path))))
        yield parts


def read_joined(parts: Sequence[h5py.File], name: str, source: str) -> np.ndarray:
    """A dataset of all parts that have it, one after the other. Raises DataError if none has it."""
    having = [part for part in parts if holds(part, name)] or parts[:1]
    arrays = [
        read_dataset(find_dataset(part, name, source), f"{source}: /{name}", part.id.get_filesize()) for part in having
    ]
    if len(arrays) == 1:
        return arrays[0]
    if len({array.shape[1:] for array in arrays}) > 1:
        raise DataError(f"{source}: {name} has another shape in every file")
    return np.concatenate(arrays)


def read_dataset(item: h5py.Dataset, place: str, n_bytes: int) -> np.ndarray:
    """All values of a dataset in a file of n_bytes. Raises DataError for other types, and for data kept elsewhere."""
    if item.dtype.kind not in "iufbS":
        raise DataError(f"{place} has type {item.dtype}; only plain numbers and fixed strings are read")
    _refuse_elsewhere(item, place, n_bytes)
    array = np.asarray(item[()])
    verify_dataset(item, array, place)
    return array.astype(np.float32) if array.dtype == np.float16 else array  # half precision is for storage only


def read_column(table: h5py.Dataset, column: str, place: str, n_bytes: int) -> np.ndarray:
    """One column of a table's rows, in a file of n_bytes. Raises DataError when it is missing or holds no numbers."""
    if column not in table.dtype.names:
        raise DataError(f"{place}: no column {column}; columns are {', '.join(table.dtype.names)}")
    if table.dtype[column].base.kind not in "iuf":
        raise DataError(f"{place}: column {column} has type {table.dtype[column]}, which is no number")
    _refuse_elsewhere(table, place, n_bytes)
    return np.asarray(table.fields(column)[()])


def _refuse_elsewhere(item: h5py.Dataset, place: str, n_bytes: int) -> None:
    if item.is_virtual or item.external:
        raise DataError(f"{place} keeps its data in another file, which is not followed")
    if item.size is not None and item.size * item.dtype.itemsize > _MAX_DEFLATE * n_bytes:
        raise DataError(f"{place} claims {item.size * item.dtype.itemsize} bytes in a file of {n_bytes}")


def one_number(value: Any, place: str) -> float:
    """An attribute that is a finite number: of any type, and an array of one too. Raises DataError."""
    array = np.asarray(value)
    if array.size == 1 and array.dtype.kind in "iufb" and np.isfinite(array).all():
        return float(array.reshape(()))
    raise DataError(f"{place} = {value!r}: expected a number")
