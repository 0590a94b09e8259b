"""Text tables: a line of names, then numbers; lines that begin with '#' are comments."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lss.errors import DataError


@dataclass(frozen=True)
class TextTable:
    """columns : name -> (rows,) float64; comments : the further '#' lines, without it"""

    columns: dict[str, np.ndarray]
    comments: list[str]

    def column(self, path: Path, *names: str) -> np.ndarray:
        """The first of these columns that is there. Raises DataError naming them."""
        for name in names:
            if name in self.columns:
                return self.columns[name]
        raise DataError(f"{path}: no column {' or '.join(names)}; columns are {', '.join(self.columns)}")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file. Raises DataError when it is missing or binary."""
    try:
        with path.open(encoding="utf-8") as file:
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
    names = [name.strip() for name in header.lstrip("#").split(delimiter)]
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
    return TextTable(dict(zip(names, values.T, strict=True)), comments)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
