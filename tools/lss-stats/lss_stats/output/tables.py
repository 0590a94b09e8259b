"""Statistics as tables: a folder of CSV files, or one HDF5 file."""

import csv
import dataclasses
from pathlib import Path

import numpy as np

from lss import __version__
from lss.files.ownership import MARK, TABLES, refuse_others, replaceable
from lss.files.universe_file import write_universe
from lss.universe import Group, Universe


def save_tables(universe: Universe, target: Path) -> None:
    """All of /stats: into one HDF5 file (a target ending in .h5 or .hdf5), else as CSV files into a folder."""
    if target.suffix in (".h5", ".hdf5"):
        kept = {p: g for p, g in universe.groups.items() if p.split("/")[0] in ("stats", "provenance")}
        refuse_others(target, TABLES)
        write_universe(dataclasses.replace(universe, groups=kept), target, TABLES)
        return
    for path, group in universe.groups.items():
        name = path.removeprefix("stats/")
        if path.startswith("stats/") and name.split("/")[-1] != "slices":
            _save_group(group, target, name.replace("/", "-"))


def _save_group(group: Group, folder: Path, name: str) -> None:
    """Columns of one length in NAME.csv, a matrix each in NAME-COLUMN.csv."""
    vectors = {column: values for column, values in group.data.items() if values.ndim == 1}
    lengths = {len(values) for values in vectors.values()}
    for length in sorted(lengths, reverse=True):
        chosen = {column: values for column, values in vectors.items() if len(values) == length}
        suffix = "" if length == max(lengths) else f"-{next(iter(chosen))}"
        heads = [_head(column, group) for column in chosen]
        _write(folder / f"{name}{suffix}.csv", group, heads, zip(*chosen.values(), strict=True))
    for column, values in group.data.items():
        if values.ndim == 2:
            _write(folder / f"{name}-{column}.csv", group, [_head(column, group)], values)


def _head(column: str, group: Group) -> str:
    unit = group.units.get(column, "1")
    return column if unit == "1" else f"{column} [{unit}]"


def _write(path: Path, group: Group, heads: list[str], rows: object) -> None:
    with replaceable(path, TABLES) as temporary, temporary.open("w", newline="") as file:
        file.write(f"# {MARK} {__version__}\n")
        file.writelines(f"# {key} = {value}\n" for key, value in group.attrs.items())
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows([_number(value) for value in row] for row in rows)  # type: ignore[attr-defined]


def _number(value: object) -> str:
    return str(value) if isinstance(value, np.integer) else f"{value:.9g}"
