"""Which code wrote a catalogue, told by what stands in the file."""

import bz2
import gzip
import re
from pathlib import Path
from typing import Any

import h5py

from lss.files.guard import open_hdf5
from lss.files.universe_file import FORMAT
from lss_halo.catalogues import READERS

HEAD = 1 << 16  # bytes, in which a header of names ends


def recognised(path: Path) -> str | None:
    """The format of a file, of READERS; None for a universe, a snapshot, and what no reader knows by its names.

    Raises DataError for an HDF5 file that is damaged.
    """
    if not path.is_file():
        return None
    if h5py.is_hdf5(path):
        with open_hdf5(path, str(path)) as file:
            if file.attrs.get("format") == FORMAT or "PartType1" in file:
                return None
            names = set(file)
    else:
        names = _header(path)
    return next((name for name, reader in READERS.items() if reader.known_by and reader.known_by <= names), None)


def _header(path: Path) -> set[str]:
    """The names in the first line of a text table, in lower case and without the numbers that some codes give them."""
    opened: Any = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    try:
        with opened(path, "rb") as file:
            line = file.read(HEAD).split(b"\n")[0].decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError):
        return set()
    return {re.sub(r"\(\d+\)$", "", word).lower() for word in line.lstrip("#").split()}
