"""Files as they were when they were read: one that is written to meanwhile, or afterwards, is found out."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lss.errors import DataError

log = logging.getLogger("lss.files")

_read: dict[Path, tuple[int, ...] | None] = {}


@contextmanager
def steady(path: Path) -> Iterator[None]:
    """Within, a file is read. Raises DataError if it is another one afterwards, or was written to, also instead of the
    error that half of it led to."""
    before = _stamp(path)
    try:
        yield
    except DataError:
        _refuse_change(path, before)
        raise
    _refuse_change(path, before)
    _read[path.absolute()] = before


def is_as_read(path: Path) -> bool:
    """Whether a file is still what was read of it; logs a warning if not. True for one that was not read."""
    path = path.absolute()
    same = path not in _read or _read[path] == _stamp(path)
    if not same:
        log.warning("%s has changed since it was read; the result is of what it held then, without a hash of it", path)
    return same


def _refuse_change(path: Path, before: tuple[int, ...] | None) -> None:
    if _stamp(path) != before:
        raise DataError(f"{path}: changed while it was read; run this again when nothing writes to it")


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Compared for equality alone: clocks may have been set back in between."""
    try:
        s = path.stat()
    except OSError:
        return None
    return s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns
