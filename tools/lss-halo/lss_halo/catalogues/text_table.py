"""Text tables: a line of names, then numbers; lines that begin with '#' are comments.

Names may be numbered, as AHF and consistent-trees do: "Mvir(10)" is Mvir.
"""

import bz2
import gzip
import io
import logging
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lss.errors import DataError

log = logging.getLogger("lss.halo")


@dataclass(frozen=True)
class TextTable:
    """columns : name -> (rows,) float64, the first where a name stands twice; comments : the further '#' lines

    unlike : names that stand twice, over columns that differ; words : names of columns that are not all numbers
    """

    columns: dict[str, np.ndarray]
    comments: list[str]
    unlike: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    @property
    def lower(self) -> "TextTable":
        """The same with names in lower case."""
        columns = {name.lower(): column for name, column in self.columns.items()}
        unlike, words = (frozenset(name.lower() for name in names) for names in (self.unlike, self.words))
        return TextTable(columns, self.comments, unlike, words)

    def whole(self, path: Path, name: str) -> np.ndarray:
        """A column of numbers that choose halos, such as their parents. Raises DataError for one that is not finite."""
        column = self.column(path, name)
        bad = int(np.count_nonzero(~np.isfinite(column)))
        if bad:
            raise DataError(f"{path}: {name} of {bad} of {len(column)} halos is not finite")
        return column

    def has_any(self, *names: str) -> bool:
        """Whether one of these columns is there, of numbers or not."""
        return any(name in self.columns or name in self.words for name in names)

    def column(self, path: Path, *names: str) -> np.ndarray:
        """The first of these columns that is there. Raises DataError naming them, or for one that is ambiguous."""
        for name in map(plain_name, names):
            if name in self.unlike:
                raise DataError(f"{path}: two columns named {name}, which differ; rename one")
            if name in self.columns:
                return self.columns[name]
            if name in self.words:
                raise DataError(f"{path}: column {name} holds something that is no number")
        raise DataError(f"{path}: no column {' or '.join(names)}; columns are {', '.join(self.columns)}")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, compressed (.gz, .bz2) or not. Raises DataError when it is missing or binary."""
    return _read_text(path).splitlines()


def opened(path: Path, **options: Any) -> Any:
    """A text file, compressed (.gz, .bz2) or not, for reading; a byte order mark before the text is left out."""
    opener: Any = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    return opener(path, "rt", encoding="utf-8-sig", **options)


def _read_text(path: Path) -> str:
    try:
        with opened(path) as file:
            return str(file.read())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text table (binary data)") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def read_text_table(path: Path, separators: str = "") -> TextTable:
    """A table whose first line names the columns; columns that are no numbers are left out.

    separators : characters that may part the columns, the one that the header has most is taken; white space if none is
    Raises DataError when the file is missing, is no text, or its lines do not fit the header.
    """
    header, _, text = _read_text(path).partition("\n")
    delimiter = max(separators, key=header.count, default=None)
    if delimiter and delimiter not in header:
        delimiter = None
    names = [plain_name(name.strip().strip('"')) for name in header.lstrip("#").split(delimiter)]
    if not header.strip() or all(_is_number(name) for name in names):
        raise DataError(f"{path}: the first line is no header of column names")
    lines = re.findall(r"^#.*$", text, re.MULTILINE) if "#" in text else []  # half a second for a million rows
    comments = [line.lstrip("#").strip() for line in lines]
    first = re.search(r"^\s*[^#\s]", text, re.MULTILINE)
    if not first:
        return TextTable({name: np.empty(0) for name in names}, comments)
    if not text.endswith("\n"):
        log.warning("%s: the last line has no end of line: is the file cut off?", path)
    hidden = sum(line.startswith("#") for line in text[first.start() :].splitlines()) if comments else 0
    if hidden:
        log.warning("%s: %d lines after the first row begin with '#' and are left out", path, hidden)
    columns: dict[str, np.ndarray] = {}
    unlike, words = set(), set()
    for name, column in zip(names, _columns(text, delimiter, len(names), path), strict=True):
        if column is None:
            words.add(name)
        elif not np.array_equal(columns.setdefault(name, column), column, equal_nan=True):
            unlike.add(name)
    return TextTable(columns, comments, frozenset(unlike), frozenset(words))


def _columns(text: str, delimiter: str | None, count: int, path: Path) -> list[np.ndarray | None]:
    """The columns of the rows, float64; None for those that hold words. Raises DataError for rows of other lengths."""
    try:
        values = np.loadtxt(io.StringIO(text), delimiter=delimiter, quotechar='"', ndmin=2)
        found: list[np.ndarray | None] = list(values.T)
    except ValueError as error:
        if "number of columns" in str(error):
            raise DataError(f"{path}: {count} names in the header, but {_sentence(error)} (truncated?)") from None
        try:
            words = np.loadtxt(io.StringIO(text), str, delimiter=delimiter, quotechar='"', ndmin=2)
        except ValueError as other:
            raise DataError(f"{path}: {_sentence(other)} (truncated?)") from None
        found = [_numbers(column) for column in words.T]
    if len(found) != count:
        raise DataError(f"{path}: {count} names in the header, but lines of {len(found)} values (truncated?)")
    return found


def _numbers(words: np.ndarray) -> np.ndarray | None:
    if not all(word.isascii() for word in words):  # digits of other scripts would count as numbers
        return None
    try:
        return words.astype(np.float64)
    except ValueError:
        return None


def _sentence(error: Exception) -> str:
    return str(error).partition(";")[0].removesuffix(".")


def plain_name(name: str) -> str:
    """A name without its number: "Mvir(10)"."""
    return re.sub(r"\(\d+\)$", "", name)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
