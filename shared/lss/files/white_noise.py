"""White noise of MUSIC and GRAFIC, which monofonIC takes as well: n^3 numbers N(0, 1).

    16, n, n, n, seed, 16       GRAFIC's: four-byte integers, then for every z
    length, n^2 numbers, length x runs fastest, of four or eight bytes; either byte order

    n, n, n, n^3 numbers        what MUSIC keeps beside its output (wnoise_0007.bin): z runs fastest

MUSIC takes GRAFIC's numbers with the other sign, and so do we. Neither file says box or cosmology.
Source: MUSIC (Hahn & Abel 2011), random.cc.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lss.config import Cosmology, Settings
from lss.errors import DataError
from lss.universe import Group

log = logging.getLogger("lss.noise")

HEAD_BYTES = 24
_MARK = 16  # bytes of GRAFIC's header
_VARIANCE = (0.8, 1.25)


@dataclass(frozen=True)
class Layout:
    """Points a side as the header counts them, byte order, and whether the numbers lie in records."""

    sides: tuple[int, int, int]
    order: str
    records: bool


def layout_of(head: bytes, size: int) -> Layout | None:
    """How a file of so many bytes that begins so holds white noise; None if it holds something else."""
    for order in "<>":
        words = [int(word) for word in np.frombuffer(head[: len(head) // 4 * 4], f"{order}i4")[:6]]
        if len(words) == 6 and words[0] == words[5] == _MARK:
            return Layout((words[1], words[2], words[3]), order, records=True)
        if (
            len(words) == 6
            and words[0] == words[1] == words[2] > 0
            and size - 12 in (4 * words[0] ** 3, 8 * words[0] ** 3)
        ):
            return Layout((words[0],) * 3, order, records=False)
    return None


def read_white_noise(path: Path, layout: Layout, wanted: bool = True) -> tuple[Settings, dict[str, Group]]:
    """The settings that the file implies, and /ic with the noise if it is wanted.

    Raises DataError if it is no cube of an even side, cut off, not finite, or its variance is not 1.
    """
    n = layout.sides[0]
    if len(set(layout.sides)) > 1 or n < 4 or n % 2:
        raise DataError(f"{path}: white noise of {layout.sides} points; expected a cube with an even side")
    settings: Settings = {
        "cosmology": {"unknown": [k for k in Cosmology.model_fields if k != "unknown"]},
        "box": {"n": n},
    }
    if not wanted:
        return settings, {}
    value = _grafic(path, n, layout.order) if layout.records else _kept(path, n, layout.order)
    if bad := int(value.size - np.isfinite(value).sum()):
        raise DataError(f"{path}: {bad} values are not finite (NaN or infinity)")
    mean, variance = float(value.mean(dtype=np.float64)), float(value.var(dtype=np.float64))
    if not _VARIANCE[0] < variance < _VARIANCE[1]:
        raise DataError(
            f"{path}: variance {variance:.4g} about a mean of {mean:.4g}; white noise has 1: is it a field?"
        )
    log.info("%s: white noise of %d^3 points, mean %.3g, variance %.4g", path, n, mean, variance)
    return settings, {"ic": Group({"white_noise": value}, {}, {"white_noise": "1"})}


def _grafic(path: Path, n: int, order: str) -> np.ndarray:
    """The noise of records, one for each z. Raises DataError for lengths that are not those of n^2 numbers."""
    size = os.path.getsize(path) - HEAD_BYTES
    width = next((width for width in (4, 8) if size == n * (8 + n * n * width)), None)
    if width is None:
        raise DataError(f"{path}: {size} bytes after the header are not {n} slabs of {n}^2 numbers (truncated?)")
    record = np.dtype([("begin", f"{order}u4"), ("value", f"{order}f{width}", (n, n)), ("end", f"{order}u4")])
    slabs = np.fromfile(path, record, n, offset=HEAD_BYTES)
    if (slabs["begin"] != n * n * width).any() or (slabs["end"] != n * n * width).any():
        raise DataError(f"{path}: a slab is not between two lengths of {n * n * width} bytes; the file is damaged")
    return _single(-slabs["value"].transpose(2, 1, 0))


def _kept(path: Path, n: int, order: str) -> np.ndarray:
    width = (os.path.getsize(path) - 12) // n**3
    return _single(np.fromfile(path, f"{order}f{width}", n**3, offset=12).reshape(n, n, n))


def _single(value: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and refused
        return np.ascontiguousarray(value, np.float32)
