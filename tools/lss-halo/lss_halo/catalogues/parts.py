"""Text catalogues that a parallel run has left in several files: found by the number in their names, read as one."""

import logging
import re
from pathlib import Path

import numpy as np

from lss.errors import DataError
from lss_halo.catalogues.text_table import TextTable, read_text_table

log = logging.getLogger("lss.halo")


def parts_of(path: Path, pattern: str) -> list[Path]:
    """The files of the run that the file is one of, by number; the file alone where its name has none.

    pattern : of names, with groups before, number, after
    Raises DataError naming the first that is missing.
    """
    of = re.compile(pattern, re.DOTALL)
    name = of.fullmatch(path.name)
    if name is None:
        return [path]
    there = {}
    for other in path.parent.iterdir():
        found = of.fullmatch(other.name)
        if found and found["before"] == name["before"] and found["after"] == name["after"]:
            there[int(found["number"])] = other
    missing = next((number for number in range(max(there) + 1) if number not in there), None)
    if missing is not None:
        shown = f"{missing:0{len(name['number'])}}"
        raise DataError(f"{path}: one of several files, and {name['before']}{shown}{name['after']} is missing")
    return [there[number] for number in sorted(there)]


def read_parts(paths: list[Path]) -> TextTable:
    """The rows of all files, whose columns must have the same names; comments of the first. Raises DataError."""
    tables = [read_text_table(path) for path in paths]
    first = tables[0]
    if len(tables) == 1:
        return first
    words = frozenset[str]().union(*(table.words for table in tables))
    for path, table in zip(paths, tables, strict=True):
        if {*table.columns, *table.words} != {*first.columns, *first.words}:
            raise DataError(f"{path}: columns {', '.join(table.columns)}, unlike {paths[0].name} of the same run")
    names = [name for name in first.columns if name not in words]
    columns = {name: np.concatenate([table.columns[name] for table in tables]) for name in names}
    unlike = frozenset[str]().union(*(table.unlike for table in tables))
    log.info("%s: %d files of one run, read together", paths[0], len(paths))
    return TextTable(columns, first.comments, unlike, words)
