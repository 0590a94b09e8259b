"""The state of the loop on disk: a reconstruction survives SIGKILL after any simulation.

Each kept universe lies in a slot, "universe-0", "universe-1", ...; "history" lists the trials and which simulation is
in which slot. A new universe is written to a slot that the history on disk does not name, and the history after it:
whenever the process dies, the history on disk names only universes that are whole.
"""

import dataclasses
import itertools
from typing import Any

import numpy as np

from lss.errors import DataError
from lss.files.restart import Restart
from lss.universe import Group, Universe
from lss_recon.lulo.loop import Evaluation, State, Trial

_NOISE = "white_noise_of_the_loop"
_TYPES = {"simulation": np.int32, "update": np.int32}
_COLUMNS = [column.name for column in dataclasses.fields(Trial) if column.name != "extra"]
_UNITS = {"seconds": "s"}


def history_as_group(history: tuple[Trial, ...]) -> Group:
    """The columns of Trial, `extra` spread out, float64 where they are no counts; NaN where a row lacks a column."""
    rows = [{**{name: getattr(trial, name) for name in _COLUMNS}, **trial.extra} for trial in history]
    names = list(dict.fromkeys([*_COLUMNS, *(name for row in rows for name in row)]))
    data = {name: np.array([row.get(name, np.nan) for row in rows], _TYPES.get(name, np.float64)) for name in names}
    return Group(data, units={name: _UNITS.get(name, "1") for name in names})


def history_from_group(group: Group) -> tuple[Trial, ...]:
    """The trials of a table made by `history_as_group`, bit by bit."""
    extra = [name for name in group.data if name not in _COLUMNS]
    return tuple(
        Trial(
            **{name: group.data[name][row].item() for name in _COLUMNS},
            extra={name: group.data[name][row].item() for name in extra},
        )
        for row in range(len(group.data["simulation"]))
    )


class LoopState:
    """Saves the state of one reconstruction and brings it back.

    blank : a universe with the box and settings of those that are simulated
    """

    def __init__(self, restart: Restart, blank: Universe) -> None:
        self._restart, self._blank = restart, blank
        self._slots: dict[int, int] = {}  # simulation -> slot, as the history on disk has it

    def load(self) -> State:
        """The state that an interrupted run left; an empty one if there is none."""
        saved = self._restart.load("history")
        if saved is None:
            return State()
        self._slots = dict(zip(saved.data.pop("kept").tolist(), saved.data.pop("slot").tolist(), strict=True))
        return State(history_from_group(saved), {number: self._load(slot) for number, slot in self._slots.items()})

    def save(self, state: State) -> None:
        """Keep the state: the universes that are new, then the history."""
        if self._restart.folder is None:
            return
        slots = {number: slot for number, slot in self._slots.items() if number in state.kept}
        free = (slot for slot in itertools.count() if slot not in self._slots.values())
        for number, evaluation in state.kept.items():
            if number not in slots:
                slots[number] = next(free)
                self._restart.save(f"universe-{slots[number]}", _flat(evaluation))
        table = history_as_group(state.history)
        kept = {"kept": np.array(list(slots), np.int64), "slot": np.array(list(slots.values()), np.int64)}
        self._restart.save("history", Group({**table.data, **kept}))
        self._slots = slots

    def _load(self, slot: int) -> Evaluation:
        saved = self._restart.load(f"universe-{slot}")
        if saved is None:
            place = f"{self._restart.folder}/universe-{slot}.h5"
            raise DataError(f"{place}: missing, but listed in the history beside it; remove the folder to start again")
        return _unflat(saved, self._blank)


def _flat(evaluation: Evaluation) -> Group:
    """A universe and its white noise as one group; "|" stands between the path of a group and what is in it."""
    data: dict[str, np.ndarray] = {_NOISE: evaluation.noise}
    attrs: dict[str, Any] = {}
    for path, group in evaluation.outcome.groups.items():
        place = path.replace("/", "|")
        data |= {f"{place}|{name}": array for name, array in group.data.items()}
        attrs |= {f"attribute|{place}|{name}": attribute for name, attribute in group.attrs.items()}
        attrs |= {f"unit|{place}|{name}": unit for name, unit in group.units.items()}
    return Group(data, attrs)


def _unflat(saved: Group, blank: Universe) -> Evaluation:
    groups: dict[str, Group] = {}

    def place(words: list[str]) -> Group:
        return groups.setdefault("/".join(words), Group())

    for key, array in saved.data.items():
        if key != _NOISE:
            *words, name = key.split("|")
            place(words).data[name] = array
    for key, attribute in saved.attrs.items():
        kind, *words, name = key.split("|")
        (place(words).attrs if kind == "attribute" else place(words).units)[name] = attribute
    return Evaluation(saved.data[_NOISE], dataclasses.replace(blank, groups=groups))
