"""Which files our commands wrote: what may be replaced, and what would be lost.

A universe, a training set and a checkpoint say so in their format. Figures, tables, reports and journals, which are
redrawn all day, carry a mark.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lss.errors import DataError
from lss.files.atomic import atomic
from lss.files.guard import open_hdf5

MARK = "written by lss-stats"  # of figures, tables and reports
PRODUCT = "product"  # attribute of HDF5 files that hold tables
TABLES = "tables"
MOST_HEADER = 1 << 26  # bytes of the header of a safetensors file

_KINDS = {"lss-universe": "universe", "lss-training-set": "training set", "lss-checkpoint": "checkpoint"}
_MARKED = (  # how a kind of file begins, and what it holds if it is one of ours
    (b"\x89PNG", b"\0" + MARK.encode(), "figure"),
    (b"%PDF", b"(" + MARK.encode(), "figure"),
    (b"<?xml", b">" + MARK.encode(), "figure"),
    (b"<!DOCTYPE html>", b'content="' + MARK.encode(), "report"),
    (b"# " + MARK.encode(), b"", "tables"),
)


def kind_of(path: Path) -> str | None:
    """What a file is, if one of our commands wrote it: "universe", "training set", "checkpoint", "tables", "figure",
    "report", "journal"; None for any other file, a damaged one too."""
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"\x89HDF"):
        return _kind_of_hdf5(path)
    for start, mark, kind in _MARKED:
        if head.startswith(start):
            return kind if mark in path.read_bytes() else None
    if path.suffix == ".jsonl":
        return "journal" if _is_journal(path) else None
    return _KINDS.get(safetensors_metadata(path).get("format", ""))


@contextmanager
def replaceable(path: Path, kind: str) -> Iterator[Path]:
    """`atomic` for a product that carries a mark: over a file without one it is not written. Raises DataError."""
    refuse_others(path, kind)
    with atomic(path) as temporary:
        yield temporary


def refuse_others(path: Path, kind: str) -> None:
    """Raise DataError if there is a file that is no product of ours of this kind; an empty one holds nothing."""
    if path.is_file() and path.stat().st_size and (found := kind_of(path)) != kind:
        raise DataError(f"{path}: not written: {in_the_way(found)}")


def in_the_way(found: str | None) -> str:
    """What is said of a file that is not replaced."""
    what = f"there is a {found} of this name" if found else "there is a file of this name that lss did not write"
    return f"{what}; remove it, or name another output"


def safetensors_metadata(path: Path) -> dict[str, str]:
    """The metadata in the header of a safetensors file; nothing if it is none."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if 2 <= size <= MOST_HEADER else None
    except (ValueError, RecursionError):
        return {}
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def _kind_of_hdf5(path: Path) -> str | None:
    try:
        with open_hdf5(path, str(path)) as root:
            if PRODUCT in root.attrs:
                return str(root.attrs[PRODUCT])
            return _KINDS.get(str(root.attrs.get("format")))
    except DataError:
        return None


def _is_journal(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(1 << 16)
    try:
        entry = json.loads(first)
    except ValueError:
        return False
    return isinstance(entry, dict) and {"update", "seconds"} <= entry.keys()
