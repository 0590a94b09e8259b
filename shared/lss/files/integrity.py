"""Checksums of what we write to HDF5: of every dataset, and of the attributes of every group and its datasets.

A dataset has its own in the attribute `checksum`. A group's `checksum` covers its attributes, and the names and
attributes of its datasets, so that neither a number nor a unit changes, and no dataset goes, unseen. They find
accidents (a bad disk, a broken copy), not forgery. What carries none (of another program, of a former version) is read
as it is.
"""

import hashlib
from typing import Any

import h5py
import numpy as np

from lss.errors import DataError

NAME = "checksum"
_WORDS = 512  # of eight bytes, in a block: a page


def checksum(array: np.ndarray) -> str:
    """Of type, shape and bytes: BLAKE2b of the sums of the 64-bit words in every block of 4 kB, modulo 2^64.

    A flipped bit always changes one sum, lost or moved blocks change several. At 10 GB/s, the speed of memory, it takes
    3% of the time of writing; BLAKE2b of the bytes themselves would take three times as long as writing.
    """
    array = np.asarray(array)
    raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    whole = len(raw) - len(raw) % (8 * _WORDS)
    sums = raw[:whole].view("<u8").reshape(-1, _WORDS).sum(axis=1, dtype="<u8")
    return _short(f"{array.dtype.str} {array.shape}".encode(), sums.tobytes(), raw[whole:].tobytes())


def write_dataset(folder: h5py.Group, name: str, array: np.ndarray, unit: str, **options: Any) -> None:
    """A dataset with its unit and checksum; options : of h5py's create_dataset."""
    attrs = folder.create_dataset(name, data=array, **options).attrs
    attrs["units"] = unit
    attrs[NAME] = checksum(np.asarray(array))


def seal(folder: h5py.Group) -> None:
    """Give a group that is complete, and those below it, the checksum of their attributes."""
    folder.attrs[NAME] = _of_attributes(folder)
    for name in folder:
        if isinstance(folder[name], h5py.Group):
            seal(folder[name])


def verify_group(folder: h5py.Group, place: str) -> None:
    """Raise DataError if the attributes of a group, or its list of datasets, are not what was sealed."""
    if NAME in folder.attrs and folder.attrs[NAME] != _of_attributes(folder):
        raise DataError(
            f"{place}: damaged: its attributes, or those of its datasets, differ from what their checksum says"
        )


def verify_dataset(dataset: h5py.Dataset, array: np.ndarray, place: str) -> None:
    """Raise DataError if an array that was read is not what was written."""
    if NAME in dataset.attrs and dataset.attrs[NAME] != checksum(array):
        raise DataError(f"{place}: damaged: the data differ from what their checksum says")


def verify_all(folder: h5py.Group, source: str) -> int:
    """How many checksums a group and all below it have. Raises DataError at the first that is wrong."""
    verify_group(folder, f"{source}: {folder.name}")
    count = int(NAME in folder.attrs)
    for name in folder:
        if not isinstance(folder.get(name, getlink=True), h5py.HardLink):
            continue
        item = folder[name]
        if isinstance(item, h5py.Group):
            count += verify_all(item, source)
        elif NAME in item.attrs:
            verify_dataset(item, np.asarray(item[()]), f"{source}: {item.name}")
            count += 1
    return count


def _of_attributes(folder: h5py.Group) -> str:
    """Of the attributes of a group and of its datasets, by name."""
    words = _canonical(folder.attrs)
    for name in sorted(folder):
        if (
            isinstance(folder.get(name, getlink=True), h5py.HardLink)
            and folder.get(name, getclass=True) is h5py.Dataset
        ):
            words += [f"/{name}".encode(), *_canonical(folder[name].attrs, own=True)]
    return _short(*words)


def _canonical(attrs: h5py.AttributeManager, own: bool = False) -> list[bytes]:
    """Names, types and bytes; own : with the checksum itself."""
    words: list[bytes] = []
    for name in sorted(attrs):
        if name == NAME and not own:
            continue
        value = attrs[name]
        text = isinstance(value, str)
        array = np.frombuffer(value.encode("utf-8", "surrogateescape"), np.uint8) if text else np.asarray(value)
        parts = [str(one).encode() for one in array.flat] if array.dtype.kind == "O" else [array.tobytes()]
        words += [name.encode(), f"{'text' if text else array.dtype.str} {array.shape}".encode(), *parts]
    return words


def _short(*parts: bytes) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        hashed.update(len(part).to_bytes(8, "little"))
        hashed.update(part)
    return hashed.hexdigest()
