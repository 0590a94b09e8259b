"""Files written whole or not at all: to a temporary name beside the target, synced and renamed.

A reader never sees half a file, and a full disk leaves the old one as it was.
"""

import contextlib
import errno
import fcntl
import io
import os
import re
import secrets
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
    """A temporary file beside `path` to write to; synced and renamed on success, removed on failure.

    Nobody can guess its name or have put a link there. What a former run of the same output left when it was killed
    goes first. Where `path` is a link, the file that it leads to is written.
    Raises DataError if it cannot be written, or a device, pipe or folder has the name.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.exists() and not target.is_file():
        raise DataError(f"{path}: cannot be written: not a regular file")  # a rename would put one in a device's place
    with contextlib.ExitStack() as stack:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _sweep(target)
            temporary, held = _new_temporary(target)
            stack.callback(os.close, held)
            stack.callback(temporary.unlink, missing_ok=True)
            yield temporary
            os.fsync(held)
            os.replace(temporary, target)
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None


def _new_temporary(target: Path) -> tuple[Path, int]:
    """An empty file that did not exist, and a descriptor whose lock says that its writer lives."""
    while True:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
        held = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_named(held, temporary):
            return temporary, held
        os.close(held)  # somebody swept it between the two


def _sweep(target: Path) -> None:
    """Remove the temporary files of this target whose writers are gone."""
    mine = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.tmp")
    for entry in os.scandir(target.parent):
        if not mine.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
            continue
        with contextlib.suppress(OSError):  # it is another's, or gone already
            found = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(entry.path)
            finally:
                os.close(found)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an output, with its state, for this process; the system lets go when the process ends, however it does.

    The lock (fcntl, which network file systems know) is on a file beside the output, removed at the end; one that a
    killed run left is free, and is taken over. Raises DataError if another process holds it.
    """
    lock = path.with_name(f".{path.name}.lock")
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = _taken(lock)
        except (PermissionError, BlockingIOError) as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN) or not lock.exists():
                raise DataError(f"{path}: cannot be written: {error.strerror}") from None
            raise DataError(f"{path}: another run is writing it; wait for it, or name another output") from None
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror}") from None
        stack.callback(os.close, held)
        stack.callback(lock.unlink, missing_ok=True)
        yield


def _taken(lock: Path) -> int:
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(held)
            raise
        if is_named(held, lock):
            return held
        os.close(held)  # its last holder removed it in between


def is_named(descriptor: int, path: Path) -> bool:
    """Whether an open file is still what the path names."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
