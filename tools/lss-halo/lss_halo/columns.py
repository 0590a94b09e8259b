"""Text tables: a header line of names, then numbers."""

from pathlib import Path

import numpy as np

from lss.errors import DataError


def read_columns(path: Path, delimiter: str | None = None) -> dict[str, np.ndarray]:
    """The columns of a text table by name, float64; further lines that begin with '#' are comments.

    delimiter : None for white space
    Raises DataError when the file is missing, is no text, or its lines do not fit the header.
    """
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline()
            rows = [line for line in file if line.strip() and not line.startswith("#")]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text table (binary data)") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    names = [name.strip() for name in header.lstrip("#").split(delimiter)]
    if not header.strip() or all(_is_number(name) for name in names):
        raise DataError(f"{path}: the first line is no header of column names")
    if not rows:
        return {name: np.empty(0) for name in names}
    lengths = {len(row.split(delimiter)) for row in rows}
    if lengths != {len(names)}:
        raise DataError(f"{path}: {len(names)} names in the header, but lines of {sorted(lengths)} values (truncated?)")
    try:
        values = np.loadtxt(rows, delimiter=delimiter, ndmin=2)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    return dict(zip(names, values.T, strict=True))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
