"""Text tables: a line of names, then numbers; lines that begin with '#' are comments.

Names may be numbered, as AHF and consistent-trees do: "Mvir(10)" is Mvir.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lss.errors import DataError


@dataclass(frozen=True)
class TextTable:
    """columns : name -> (rows,) float64, the first where a name stands twice; comments : the further '#' lines

    unlike : names that stand twice, over columns that differ
    """

    columns: dict[str, np.ndarray]
    comments: list[str]
    unlike: frozenset[str] = frozenset()

    @property
    def lower(self) -> "TextTable":
        """The same with names in lower case."""
        columns = {name.lower(): column for name, column in self.columns.items()}
        return TextTable(columns, self.comments, frozenset(name.lower() for name in self.unlike))

    def column(self, path: Path, *names: str) -> np.ndarray:
        """The first of these columns that is there. Raises DataError naming them, or for one that is ambiguous."""
        for name in map(_plain, names):
            if name in self.unlike:
                raise DataError(f"{path}: two columns named {name}, which differ; rename one")
            if name in self.columns:
                return self.columns[name]
        raise DataError(f"{path}: no column {' or '.join(names)}; columns are {', '.join(self.columns)}")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file. Raises DataError when it is missing or binary."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text table (binary data)") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def read_text_table(path: Path, delimiter: str | None = None) -> TextTable:
    """A table whose first line names the columns.

    delimiter : None for white space
    Raises DataError when the file is missing, is no text, or its lines do not fit the header.
    """
    header, *lines = read_lines(path) or [""]
    names = [_plain(name.strip()) for name in header.lstrip("#").split(delimiter)]
    if not header.strip() or all(_is_number(name) for name in names):
        raise DataError(f"{path}: the first line is no header of column names")
    comments = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    if not rows:
        return TextTable({name: np.empty(0) for name in names}, comments)
    lengths = {len(row.split(delimiter)) for row in rows}
    if lengths != {len(names)}:
        raise DataError(f"{path}: {len(names)} names in the header, but lines of {sorted(lengths)} values (truncated?)")
    try:
        values = np.loadtxt(rows, delimiter=delimiter, ndmin=2)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    columns: dict[str, np.ndarray] = {}
    unlike = set()
    for name, column in zip(names, values.T, strict=True):
        if not np.array_equal(columns.setdefault(name, column), column, equal_nan=True):
            unlike.add(name)
    return TextTable(columns, comments, frozenset(unlike))


def _plain(name: str) -> str:
    """A name without its number: "Mvir(10)"."""
    return re.sub(r"\(\d+\)$", "", name)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
