"""The history of a reconstruction as a table: one row per simulation, one column per figure."""

import dataclasses

import numpy as np

from lss.universe import Group
from lss_recon.lulo.loop import Trial

_TYPES = {"simulation": np.int32, "update": np.int32}
_COLUMNS = [column.name for column in dataclasses.fields(Trial) if column.name != "extra"]
_UNITS = {"seconds": "s"}


def as_group(history: tuple[Trial, ...]) -> Group:
    """The columns of Trial, `extra` spread out, float64 where they are no counts; NaN where a row lacks a column."""
    rows = [{**{name: getattr(trial, name) for name in _COLUMNS}, **trial.extra} for trial in history]
    names = list(dict.fromkeys([*_COLUMNS, *(name for row in rows for name in row)]))
    data = {name: np.array([row.get(name, np.nan) for row in rows], _TYPES.get(name, np.float64)) for name in names}
    return Group(data, units={name: _UNITS.get(name, "1") for name in names})


def from_group(group: Group) -> tuple[Trial, ...]:
    """The trials of a table made by `as_group`, bit by bit."""
    extra = [name for name in group.data if name not in _COLUMNS]
    return tuple(
        Trial(
            **{name: group.data[name][row].item() for name in _COLUMNS},
            extra={name: group.data[name][row].item() for name in extra},
        )
        for row in range(len(group.data["simulation"]))
    )
