"""Files written whole or not at all: to a temporary name beside the target, synced and renamed.

A reader never sees half a file, and a full disk leaves the old one as it was.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from lss.errors import DataError


@contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """A new HDF5 file, written whole or not at all; see `atomic`. Raises DataError if it cannot be written."""
    with atomic(path) as temporary, _Sink(temporary, "w+") as sink:
        try:
            with h5py.File(sink, "w") as file:
                yield file
        finally:
            if sink.failure is not None:
                raise sink.failure


class _Sink(io.FileIO):
    """A file that takes all that HDF5 writes, and keeps the first failure to itself.

    HDF5 cannot close a file on a full disk: it brings the whole program down, after a traceback.
    """

    failure: BaseException | None = None

    def write(self, data: Any, /) -> int:
        if self.failure is None:
            try:
                left = memoryview(data)
                while len(left):  # one call may write a part only
                    left = left[super().write(left) :]
            except BaseException as error:  # noqa: BLE001  (a request to stop as well: raised when HDF5 is done)
                self.failure = error
        return len(data)

    def truncate(self, size: int | None = None, /) -> int:
        return super().truncate(size) if self.failure is None else 0


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; synced and renamed on success, removed on failure.

    Raises DataError if it cannot be written, or a device, pipe or folder has the name.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: cannot be written: not a regular file")  # a rename would put one in a device's place
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()
