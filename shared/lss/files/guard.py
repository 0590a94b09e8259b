"""HDF5 files opened for reading, with a parser that is not trusted.

Damaged and hostile files crash the library, send it round in circles, or make it claim memory that nobody has. So
every file is first gone through in a process of its own, under limits of time and memory and a budget for the whole
file: what goes wrong there is one line here. That takes milliseconds, for it starts as a copy of this process.
"""

import contextlib
import faulthandler
import gc
import io
import json
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from lss.errors import DataError, LssError
from lss.process import interrupt

MOST_OBJECTS = 100_000
MOST_DEPTH = 32
MOST_ATTRIBUTES = 1_000  # of one object
MOST_ATTRIBUTE_BYTES = 1 << 26  # of one attribute
FREE_BYTES = 1 << 26  # that a file may claim, however small it is
MOST_GROWTH = 32  # bytes claimed for each byte of the file; text of numbers shrinks less than tenfold
CPU_SECONDS = 2  # for the structure of the file; chunks are read at least at SLOWEST
SLOWEST = 20_000_000  # bytes of the file a second
WALL_SECONDS = 120.0  # at least: file servers stall, and processors are shared

_seen: set[tuple[int, ...]] = set()


@contextmanager
def open_hdf5(file: Path | io.BytesIO, source: str) -> Iterator[h5py.File]:
    """An HDF5 file or image for reading; whatever the library says of it, also while it is read, is a DataError.

    source : how messages name it
    """
    stamp = _stamp(file)
    if isinstance(file, Path) and not h5py.is_hdf5(file):
        raise DataError(f"{source}: not an HDF5 file, or truncated" if file.exists() else f"{source}: no such file")
    if stamp is None or stamp not in _seen:
        _inspect_apart(file, source)
    if stamp is not None:
        _seen.add(stamp)
    try:
        with _opened(file) as root:
            yield root
    except (LssError, MemoryError):
        raise
    except BlockingIOError:
        remedy = "wait for it, or set HDF5_USE_FILE_LOCKING=FALSE"
        raise DataError(f"{source}: locked by a program that is writing to it; {remedy}") from None
    except Exception as error:  # noqa: BLE001  (h5py raises all kinds: RuntimeError, KeyError, UnicodeDecodeError, ...)
        interrupt.again()
        raise DataError(f"{source}: damaged HDF5 file: {_words(error)}") from None


def _opened(file: Path | io.BytesIO) -> h5py.File:
    return h5py.File(file, "r", locking=None if isinstance(file, io.BytesIO) else False)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _stamp(file: Path | io.BytesIO) -> tuple[int, ...] | None:
    """What tells a file that was gone through from any other; None for an image."""
    if isinstance(file, io.BytesIO):
        return None
    try:
        s = file.stat()
    except OSError:
        return None
    return s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns


def _size(file: Path | io.BytesIO) -> int:
    return file.getbuffer().nbytes if isinstance(file, io.BytesIO) else file.stat().st_size


def _inspect_apart(file: Path | io.BytesIO, source: str) -> None:
    """Go through the file in a process of its own. Raises DataError with what it found, or how it ended."""
    reading, writing = os.pipe()
    with warnings.catch_warnings(action="ignore"):  # of Python, that a copy has none of our threads: it needs none
        child = os.fork()
    if child == 0:
        os.close(reading)
        _child(file, source, writing)
    os.close(writing)
    end = time.monotonic() + WALL_SECONDS + 10 * _size(file) / SLOWEST
    said = b""
    try:
        while select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
            part = os.read(reading, 1 << 16)
            if not part:
                break
            said += part
        else:
            os.kill(child, signal.SIGKILL)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(reading)
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if said:
        raise DataError(json.loads(said))
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise DataError(f"{source}: damaged HDF5 file: it cannot be read in the time that its size calls for")
    if code:
        raise DataError(f"{source}: damaged HDF5 file: the HDF5 library crashes on it")


def _child(file: Path | io.BytesIO, source: str, writing: int) -> None:
    """In the child: limits, the inspection, and what it found to the pipe. Never returns."""
    code = 1
    try:
        gc.disable()  # a collection would touch, and so copy, every page of the process
        faulthandler.disable()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU):
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 2)
        n_bytes = _size(file)
        budget = FREE_BYTES + MOST_GROWTH * n_bytes
        seconds = CPU_SECONDS + n_bytes // SLOWEST
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_CPU, seconds)
        with contextlib.suppress(OSError), open("/proc/self/statm") as statm:
            held = int(statm.read().split()[0]) * resource.getpagesize()
            _limit(resource.RLIMIT_AS, held + FREE_BYTES + 2 * budget)
        try:
            with _opened(file) as root:
                _inspect(root, source, budget)
        except LssError as error:
            os.write(writing, json.dumps(str(error)).encode())
        except BlockingIOError:
            pass  # told by who opens it
        except MemoryError:
            os.write(
                writing, json.dumps(f"{source}: damaged HDF5 file: it claims more memory than it could fill").encode()
            )
        except Exception as error:  # noqa: BLE001  (see open_hdf5)
            os.write(writing, json.dumps(f"{source}: damaged HDF5 file: {_words(error)}").encode())
        code = 0
    finally:
        os._exit(code)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, hard))


def _inspect(root: h5py.File, source: str, budget: int) -> None:
    """Go through every link, attribute and chunk. Raises DataError for what no file of data has."""
    seen: set[object] = set()
    left: list[tuple[str, h5py.Group]] = [("", root)]
    while left:
        path, folder = left.pop()
        _inspect_attributes(folder, f"{source}: /{path}")
        if path.count("/") >= MOST_DEPTH:
            raise DataError(f"{source}: /{path[:100]}: groups more than {MOST_DEPTH} deep")
        for name in folder:
            if not isinstance(folder.get(name, getlink=True), h5py.HardLink):
                continue  # never followed
            below, item = f"{path}/{name}".lstrip("/"), folder[name]
            place = f"{source}: /{below}"
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise DataError(f"{place} is another name of something else in the file; each has one")
            seen.add(address)
            if len(seen) > MOST_OBJECTS:
                raise DataError(f"{source}: more than {MOST_OBJECTS} groups and datasets")
            if isinstance(item, h5py.Group):
                left.append((below, item))
            elif isinstance(item, h5py.Dataset):
                _inspect_attributes(item, place)
                budget -= _claimed(item, place, budget)


def _inspect_attributes(item: h5py.Group | h5py.Dataset, place: str) -> None:
    if len(item.attrs) > MOST_ATTRIBUTES:
        raise DataError(f"{place} has {len(item.attrs)} attributes; at most {MOST_ATTRIBUTES}")
    for name in item.attrs:
        attribute = item.attrs.get_id(name)
        claimed = int(np.prod(attribute.shape or (1,), dtype=object)) * attribute.dtype.itemsize
        if claimed > MOST_ATTRIBUTE_BYTES:
            raise DataError(f"{place}: attribute {name!r} claims {claimed} bytes")
        item.attrs[name]


def _claimed(item: h5py.Dataset, place: str, budget: int) -> int:
    """The bytes a dataset claims; what is in chunks is read, for that is where the library can fail."""
    if item.shape is None or item.is_virtual or item.external:
        return 0  # never read
    claimed = int(np.prod(item.shape, dtype=object)) * item.dtype.itemsize
    if claimed > budget:
        raise DataError(f"{place} claims {claimed} bytes, more than a file of this size may hold")
    if item.chunks is not None and item.dtype.kind in "iufbS":
        item[()]
    return claimed
