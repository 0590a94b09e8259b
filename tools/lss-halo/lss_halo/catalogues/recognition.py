"""Which code wrote a catalogue, told by what stands in the file."""

import re
import zlib
from pathlib import Path

import h5py

from lss.files.guard import open_hdf5
from lss.files.universe_file import FORMAT
from lss_halo.catalogues import READERS
from lss_halo.catalogues.text_table import opened, plain_name

HEAD = 1 << 16  # characters, in which a header of names ends


def is_universe(path: Path) -> bool:
    """Whether the file is one of ours, or a Gadget snapshot: the same configuration serves both kinds of input."""
    if str(path) == "-" or not h5py.is_hdf5(path):
        return str(path) == "-"
    with open_hdf5(path, str(path)) as file:
        return file.attrs.get("format") == FORMAT or "PartType1" in file


def recognised(path: Path) -> str | None:
    """The format of a file, of READERS; None for a universe, a snapshot, and what no reader knows by its names.

    Raises DataError for an HDF5 file that is damaged.
    """
    names = names_in(path)
    return next((name for name, reader in READERS.items() if reader.known_by and reader.known_by <= names), None)


def names_in(path: Path) -> set[str]:
    """The groups and datasets at the top of an HDF5 file, or the columns of a text table; none of a universe's."""
    if not path.is_file() or is_universe(path):
        return set()
    if h5py.is_hdf5(path):
        with open_hdf5(path, str(path)) as file:
            return set(file)
    return _header(path)


def _header(path: Path) -> set[str]:
    """The names in the first line of a text table, in lower case; none of a file that is no text."""
    try:
        with opened(path) as file:
            line = file.readline(HEAD)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error):
        return set()
    return {plain_name(word).lower() for word in re.split(r"[\s,;|]+", line.lstrip("#").strip()) if word}
