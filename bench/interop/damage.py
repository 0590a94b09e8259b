"""Ways to damage a file of another code; each changes the file and says the kind.

Text: columns that are missing, from the header or from the rows; rows that are short or long; values that are no
numbers, not finite, negative or absurd; other encodings; headers alone. HDF5 and binary: datasets that are missing,
short or of another type, values that cannot be, headers that are wrong, and files that are cut off. A flipped bit in a
number is left out: without checksums nobody can tell it from another number.
"""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from bench.reliability.mutations import ODD, structural

CELLS = ("nan", "inf", "-inf", "-99", "-1e30", "1e30", "", "abc", "1.2.3", "1e400", "0x10", "1;2", '"', "\x00", "٣")
WORDS = (0, 1, 0xFFFFFFFF, 0x7FC00000, 0x7F800000, 0xFF800000, 0x7E967699, 0x7FF00000, 0xBF800000, 1 << 20)
HEADERS = {256: 264, 8: 280, 16: 24}  # first word of a binary file -> bytes of its header


def damaged_text(separator: str) -> Callable[[Path, random.Random], str]:
    def damage(path: Path, draw: random.Random) -> str:
        header, *lines = path.read_text().splitlines()
        names, table = header.split(separator), [line.split(separator) for line in lines]
        column, row = draw.randrange(len(names)), draw.randrange(len(table))
        kind = draw.choice(
            ("no column", "no name", "no values", "short", "long", "cell", "cell", "cell", "column", "encoding",
             "header alone", "no header", "empty", "cut", "shuffled", "twice", "blank")
        )  # fmt: skip
        if kind in ("no column", "no name"):
            names.pop(column)
        if kind in ("no column", "no values"):
            table = [one[:column] + one[column + 1 :] for one in table]
        if kind == "short":
            table[row] = table[row][: draw.randrange(len(names))]
        if kind == "long":
            table[row].insert(column, "1.5")
        if kind == "cell":
            table[row][column] = _cell(names[column], draw)
        if kind == "column":
            cell = _cell(names[column], draw)
            for one in table:
                one[column] = cell
        if kind == "shuffled":
            draw.shuffle(table)
        if kind == "twice":
            names[column] = names[draw.randrange(len(names))]
        if kind == "blank":
            table.insert(row, [""])
        header = separator.join(names)
        text = "\n".join([header, *(separator.join(one) for one in table)]) + "\n"
        if kind == "header alone":
            text = header + "\n"
        if kind == "no header":
            text = text.partition("\n")[2]
        if kind == "empty":
            text = draw.choice(["", "\n", "#", "\n\n\n"])
        data = text.encode()
        if kind == "cut":  # inside the last line that is left, but for its last column, which no reader needs
            end = draw.randrange(len(header), len(data))
            data = data[:end]
        if kind == "encoding":
            data = draw.choice(
                [text.encode("utf-16"), text.encode("utf-32"), b"\xef\xbb\xbf" + data, data.replace(b"\n", b"\r\n"),
                 data.replace(b"\n", b"\r"), data.replace(b"1", b"\xb9", 1), data.replace(b"e", b"\xe9", 1),
                 b"\x1f\x8b" + data]
            )  # fmt: skip
        path.write_bytes(data)
        return kind

    return damage


def _cell(name: str, draw: random.Random) -> str:
    """What stands where a number stood. -99 km/s is as good a velocity as any other."""
    return draw.choice([cell for cell in CELLS if cell != "-99" or not name.lower().startswith("v")])


def damaged_hdf5(path: Path, draw: random.Random) -> str:
    if draw.random() < 0.25:
        data = path.read_bytes()
        path.write_bytes(data[: draw.randrange(len(data))])
        return "cut"
    with h5py.File(path, "r+") as file:
        if "Header" in file and draw.random() < 0.4:
            name = draw.choice(sorted(file["Header"].attrs))
            if draw.random() < 0.3:
                del file["Header"].attrs[name]
                return f"no {name}"
            file["Header"].attrs[name] = draw.choice(ODD)
            return f"odd {name}"
        return structural(file, draw) if draw.random() < 0.7 else _impossible(file, draw)


def _impossible(file: h5py.File, draw: random.Random) -> str:
    """A value that no halo or particle has; -1 km/s and 0 Mpc/h are as good as others."""
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    item = draw.choice([one for one in found if one.dtype.kind == "f"])
    array = item[()]
    values = [np.nan, np.inf, -np.inf, 1e38] + ([-1.0, 0.0] if "mass" in item.name else [])
    array.reshape(-1)[draw.randrange(array.size)] = draw.choice(values)
    item[...] = array
    return "value"


def damaged_binary(path: Path, draw: random.Random) -> str:
    """Records cut off, shifted or doubled; words of the header, lengths and numbers that cannot be."""
    data = bytearray(path.read_bytes())
    kind = draw.choice(("cut", "inserted", "removed", "header", "header", "value", "value", "doubled", "order"))
    at = draw.randrange(len(data))
    order = "<" if int.from_bytes(data[:4], "little") < int.from_bytes(data[:4], "big") else ">"
    header = HEADERS[struct.unpack(f"{order}I", data[:4])[0]]
    if kind == "cut":
        data = data[:at]
    elif kind == "inserted":
        data[at:at] = bytes(draw.choice([1, 4, 8, 512]))
    elif kind == "removed":
        del data[at : at + draw.choice([1, 4, 8, 512])]
    elif kind == "header":
        at = draw.randrange(0, header, 4)
        data[at : at + 4] = struct.pack(draw.choice("<>") + "I", draw.choice(WORDS))
    elif kind == "value":  # in the byte order of the file, or it would be another number
        at = draw.randrange(header, len(data) - 4) // 4 * 4
        data[at : at + 4] = struct.pack(f"{order}f", draw.choice([np.nan, np.inf, -np.inf, 1e38, -1e38]))
    elif kind == "doubled":
        data += data[at:]
    else:  # all words in the other order
        data = bytearray(np.frombuffer(bytes(data[: len(data) // 4 * 4]), "<u4").byteswap().tobytes())
    path.write_bytes(bytes(data))
    return kind
