"""Snapshots of Gadget-1 and 2: blocks between their lengths, formats 1 (by order) and 2 (by name), either byte order.

    length  block  length          of format 1: header (256 bytes), positions, velocities, ids, masses
    8 NAME next 8  length ...      of format 2: the same, each after its name

Numbers are of four or eight bytes, as the lengths tell. Units are not in the file. Source: Springel, "User guide for
GADGET-2", section 6.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lss.config import Settings
from lss.errors import DataError
from lss.files.hdf5 import part_paths
from lss.files.snapshot import Attributes, check_arrays, check_mass, header_of, lattice_side, particles_of, report
from lss.universe import Group

HEADER_BYTES = 256
_FIELDS = [
    ("NumPart_ThisFile", "i4", 6), ("MassTable", "f8", 6), ("Time", "f8"), ("Redshift", "f8"), ("Flag_Sfr", "i4"),
    ("Flag_Feedback", "i4"), ("NumPart_Total", "u4", 6), ("Flag_Cooling", "i4"), ("NumFilesPerSnapshot", "i4"),
    ("BoxSize", "f8"), ("Omega0", "f8"), ("OmegaLambda", "f8"), ("HubbleParam", "f8"), ("Flag_StellarAge", "i4"),
    ("Flag_Metals", "i4"), ("NumPart_Total_HighWord", "u4", 6), ("Flag_Entropy", "i4"), ("fill", "S60"),
]  # fmt: skip
HEADER = np.dtype([(name, f"<{kind}", *shape) for name, kind, *shape in _FIELDS])
ORDER = ("HEAD", "POS", "VEL", "ID", "MASS")  # of format 1
DARK = 1  # the type of dark matter
Order = Literal["<", ">"]


@dataclass(frozen=True)
class Blocks:
    """The blocks of one file: where each begins, and its length as its first marker has it (modulo 2^32).

    order : "<" or ">", the byte order of all numbers
    """

    path: Path
    order: Order
    starts: dict[str, tuple[int, int]]

    def header(self) -> dict[str, Any]:
        """The header's fields by the names that HDF5 snapshots give them."""
        start, _ = self.starts["HEAD"]
        raw = np.fromfile(self.path, HEADER.newbyteorder(self.order), 1, offset=start)[0]
        return {name: raw[name] for name in HEADER.names or () if name != "fill"}

    def read(self, name: str, first: int, count: int, total: int, width: int, kind: str) -> np.ndarray:
        """Rows first .. first + count of a block of total rows of `width` numbers, in the machine's byte order.

        Raises DataError if the block is missing, or its length is not that of so many numbers.
        """
        if name not in self.starts:
            raise DataError(f"{self.path}: no block {name} (truncated?)")
        start, length = self.starts[name]
        size = next((size for size in (4, 8) if total * width * size % 2**32 == length), None)
        if size is None:
            raise DataError(f"{self.path}: block {name} has {length} bytes, which is not {total} x {width} numbers")
        if start + total * width * size > os.path.getsize(self.path):
            raise DataError(f"{self.path}: block {name} is longer than the file (truncated)")
        found = np.fromfile(self.path, f"{self.order}{kind}{size}", count * width, offset=start + first * width * size)
        rows = found.astype(found.dtype.newbyteorder("="), copy=False)
        return rows.reshape(count, width) if width > 1 else rows


def is_gadget_binary(head: bytes) -> bool:
    """Whether a file that begins so is a snapshot of Gadget-1 or 2."""
    return _order_of(head) is not None


def read_gadget_binary(
    path: Path, length_unit: str | None, particles: bool = True
) -> tuple[Settings, dict[str, Group]]:
    """The settings that the header implies, and the dark matter as /PartType1 if the particles are wanted.

    path : any file of the snapshot; length_unit : "kpc/h" or "Mpc/h"
    Raises DataError naming the block or field that is missing or contradicts another.
    """
    source = str(path)
    first = blocks_of(path)
    attributes = Attributes(first.header(), source)
    parts = part_paths(source, max(1, int(attributes.get("NumFilesPerSnapshot", 1))), ("",))
    files = [first if one == path else blocks_of(one) for one in parts]
    counts = np.array([blocks.header()["NumPart_ThisFile"] for blocks in files], np.int64)
    if (counts < 0).any():
        raise DataError(f"{source}: NumPart_ThisFile = {counts.min()}: expected a number of particles")
    header = header_of(attributes, lattice_side(counts.sum(axis=0), attributes), length_unit)
    if not particles:
        return header.settings, {}
    position: list[np.ndarray] = []
    velocity: list[np.ndarray] = []
    ids: list[np.ndarray] = []
    masses: list[np.ndarray] = []
    for blocks, here in zip(files, counts, strict=True):
        before, dark, total = int(here[:DARK].sum()), int(here[DARK]), int(here.sum())
        position.append(blocks.read("POS", before, dark, total, 3, "f"))
        velocity.append(blocks.read("VEL", before, dark, total, 3, "f"))
        ids.append(blocks.read("ID", before, dark, total, 1, "u"))
        if not header.mass_table:
            without = np.asarray(attributes.found["MassTable"]) == 0  # only these are listed
            start, listed = int(here[:DARK][without[:DARK]].sum()), int(here[without].sum())
            masses.append(blocks.read("MASS", start, dark, listed, 1, "f"))
    others = bool(counts.sum(axis=0)[[0, 2, 3, 4, 5]].any())
    check_mass(header, np.concatenate(masses) if masses else None, others, source)
    arrays, place = (np.concatenate(position), np.concatenate(velocity), np.concatenate(ids)), f"{source}: dark matter"
    check_arrays(*arrays, header, place)
    group = particles_of(*arrays, header, place)
    report(header, source)
    return header.settings, {"PartType1": group}


def blocks_of(path: Path) -> Blocks:
    """Where the blocks of a file lie. Raises DataError for lengths that contradict each other."""
    size = os.path.getsize(path)
    with path.open("rb") as file:
        order = _order_of(file.read(16))
        if order is None:
            raise DataError(f"{path}: not a snapshot of Gadget-1 or 2")
        starts: dict[str, tuple[int, int]] = {}
        file.seek(0)
        named = int.from_bytes(file.read(4), _word(order)) == 8
        place, number = 0, 0
        while place + 8 <= size and number < len(ORDER):
            name = ORDER[number]
            if named:
                file.seek(place + 4)
                name = file.read(4).decode("ascii", "replace").strip()
                place += 16
            file.seek(place)
            length = int.from_bytes(file.read(4), _word(order))
            end = _end(file, place + 4, length, size, order)
            if end is None:
                raise DataError(f"{path}: block {name!r} of {length} bytes does not end as it begins (truncated?)")
            starts.setdefault(name, (place + 4, length))
            place, number = end + 4, number + (name in ORDER)
    if starts.get("HEAD", (0, 0))[1] != HEADER_BYTES:
        raise DataError(f"{path}: no header of {HEADER_BYTES} bytes")
    return Blocks(path, order, starts)


def _end(file: Any, start: int, length: int, size: int, order: str) -> int | None:
    """Where a block ends: its length is repeated there. Lengths are modulo 2^32; larger blocks are looked for too."""
    end = start + length
    while end + 4 <= size:
        file.seek(end)
        if int.from_bytes(file.read(4), _word(order)) == length:
            return int(end)
        end += 2**32
    return None


def _order_of(head: bytes) -> Order | None:
    orders: tuple[Order, ...] = ("<", ">")
    for order in orders:
        first = int.from_bytes(head[:4], _word(order))
        if first == HEADER_BYTES or (first == 8 and head[4:8] == b"HEAD"):
            return order
    return None


def _word(order: str) -> Any:
    return "little" if order == "<" else "big"
