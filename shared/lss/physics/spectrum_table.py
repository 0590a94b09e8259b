"""Tables of the linear spectrum, as CAMB and CLASS print them: read, checked, and known by their contents.

A table that `[cosmology] transfer` names is read once, where the user names it. From then on it is known as
"sha256:..." of its numbers: so the configuration calls it, so it is told from another table under the same path, and so
it is found in the universe file, which carries it (/spectrum).
"""

import hashlib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lss.errors import DataError
from lss.trust import stated

Array = NDArray[np.float64]

ANALYTIC = ("eisenstein-hu", "no-wiggle")

NEEDED_RANGE = (0.01, 0.3)
"""k, h/Mpc, that a table must cover: beyond it a cold dark matter shape will do."""

_HASHED = "sha256:"
# Slopes dlnP/dlnk of cold dark matter spectra: below 0.003 h/Mpc, and over the last half decade of a table that ends
# beyond 1 h/Mpc. A transfer function has 0 and about -1.7, Delta^2 has 4 and 0 to 1.
_RISE, _FALL = (0.3, 1.5), (-3.3, -1.9)
_LOW, _HIGH = 0.003, 1.0


@dataclass(frozen=True)
class Table:
    """k and P as they were printed; per_h : in h/Mpc and (Mpc/h)^3, else in 1/Mpc and Mpc^3; source : the file."""

    k: Array
    power: Array
    per_h: bool
    source: str

    @property
    def name(self) -> str:
        """The hash of the numbers and their units, however they are called."""
        digest = hashlib.sha256(repr(self.per_h).encode())
        for column in (self.k, self.power):
            digest.update(np.ascontiguousarray(column, "<f8").tobytes())
        return _HASHED + digest.hexdigest()

    def in_h(self, h: float) -> tuple[Array, Array]:
        """k in h/Mpc and P in (Mpc/h)^3."""
        return (self.k, self.power) if self.per_h else (self.k / h, self.power * h**3)


_known: dict[str, Table] = {}


def is_table(transfer: str) -> bool:
    """Whether a transfer is a table, by its hash."""
    return transfer.startswith(_HASHED)


def adopted(transfer: str) -> str:
    """The hash of the table that a path names, which is read; an analytic transfer and a hash as they are.

    Raises DataError naming the file and what is wrong with it, ConfigError for a path that is not the user's own.
    """
    if transfer in ANALYTIC or is_table(transfer):
        return transfer
    return keep(read_table(Path(stated(transfer))))


def keep(table: Table) -> str:
    """Make a table known to this process; its name."""
    _known[table.name] = table
    return table.name


def table_of(transfer: str) -> Table:
    """The table of a hash or path. Raises DataError if it is not at hand."""
    name = adopted(transfer)
    if name not in _known:
        raise DataError(f"[cosmology] transfer = {name[:14]}...: this table is not at hand; name its file")
    return _known[name]


def read_table(path: Path) -> Table:
    """Two columns of a text file, k and P; units are those that its comments name, else h/Mpc and (Mpc/h)^3.

    Raises DataError: not two columns of positive numbers, too short, contradictory units, or no spectrum.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # an empty file is told below
            columns = np.loadtxt(path, ndmin=2, usecols=(0, 1), delimiter="," if path.suffix == ".csv" else None)
        comments = [line for line in path.read_text(errors="replace").splitlines() if line.startswith("#")]
    except FileNotFoundError:
        raise DataError(
            f'{path}: no such file; [cosmology] transfer is "eisenstein-hu", "no-wiggle" or the path of a table'
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not two columns of numbers, k [h/Mpc] and P [(Mpc/h)^3]: {error}") from None
    k, power = columns.T
    if len(k) < 4 or not np.isfinite(columns).all():
        raise DataError(f"{path}: expected at least 4 rows of finite numbers, k [h/Mpc] and P [(Mpc/h)^3]")
    if (k <= 0).any() or (power <= 0).any():
        row = int(np.argmax((k <= 0) | (power <= 0)))
        raise DataError(f"{path}: row {row + 1}: k = {k[row]:g}, P = {power[row]:g}: both must be positive")
    if (np.diff(k) <= 0).any():
        row = int(np.argmax(np.diff(k) <= 0)) + 1
        raise DataError(f"{path}: row {row + 1}: k = {k[row]:g} after {k[row - 1]:g}: k must increase")
    if k[0] > NEEDED_RANGE[0] or k[-1] < NEEDED_RANGE[1]:
        raise DataError(
            f"{path}: k from {k[0]:g} to {k[-1]:g} h/Mpc; at least {NEEDED_RANGE[0]:g} to {NEEDED_RANGE[1]:g} is needed"
        )
    _check_slopes(k, power, path)
    return Table(k, power, _per_h(" ".join(comments), path), str(path))


def _check_slopes(k: Array, power: Array, path: Path) -> None:
    """Raise DataError if the table rises or falls as no spectrum of cold dark matter does."""
    for kept, (low, high), where in (
        (k <= _LOW, _RISE, f"below k = {_LOW:g}"),
        (k >= max(_HIGH, k[-1] / 3.2), _FALL, f"beyond k = {_HIGH:g}"),
    ):
        if np.count_nonzero(kept) < 3:
            continue
        slope = float(np.polyfit(np.log(k[kept]), np.log(power[kept]), 1)[0])
        if not low < slope < high:
            raise DataError(
                f"{path}: {where} h/Mpc the second column goes as k^{slope:.2g}, a linear P(k) as k^{low:g} to "
                f"k^{high:g}; is it a transfer function or Delta^2(k)?"
            )


def _per_h(comments: str, path: Path) -> bool:
    """Whether the units that the comments name have factors of h; they have where nothing is named."""
    text = re.sub(r"[\s{}\[\]]", "", comments).lower()
    with_h = re.search(r"h/mpc|mpc/h|hmpc\^?-1|k/h", text) is not None
    without = re.search(r"1/mpc|(?<!h)mpc\^?-1|\(mpc\^?3\)|(?<![\w/])mpc\^3", text) is not None
    if with_h and without:
        raise DataError(f"{path}: the comments name units with h and without: {comments.strip('# ')[:80]}")
    return not without
