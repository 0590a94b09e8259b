"""What a statistic declares: what it needs, how it is measured, and how its results are shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from lss.inference import Inference, split_names
from lss.universe import Group, Universe
from lss_stats.config import Statistics
from lss_stats.fields import Fields

Groups = dict[str, Group]  # path below /stats -> its columns
Row = tuple[str, ...]
Tables = dict[str, list[Row]]  # title -> rows; the first one is the head


@dataclass(frozen=True)
class Subject:
    """A universe that is measured, and the truth that it is compared with."""

    universe: Universe
    fields: Fields
    config: Statistics
    inference: Inference = field(default_factory=Inference)
    truth: Optional["Subject"] = None


@dataclass(frozen=True)
class Measured:
    """Statistics of a universe, and of the truth it is compared with.

    own : "power/matter", "mass_function", ...; "comparison/matter" where there is a truth, "initial/matter" (against
    the universe's own initial field) where there is none. truth : the same statistics of the truth.
    """

    own: Groups
    truth: Groups = field(default_factory=dict)


PAINTING = ("mesh", "assignment", "interlace", "deconvolve")  # keys of [stats] behind every field that is painted


@dataclass(frozen=True)
class Figure:
    """A figure and its caption: a title, what is seen in it, and the keys of [stats] that it depends on.

    draw : "module:function" of `Shown`, which returns a matplotlib figure, or None where nothing can be drawn
    """

    caption: str
    draw: str
    seen: str = ""
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statistic:
    """One statistic. A module in `STATISTICS` holds it as STATISTIC.

    groups : the first part of its paths below /stats
    needs : groups of the universe without which it is not measured
    fields : names in `Fields` that it is measured of -> other fields that are needed with each
    of_field : measures one of them; of_universe : what is measured once
    compares : it says how a universe compares with its truth, and is not measured of the truth itself
    units : of columns, where a group does not say; a column in none has unit 1
    abscissae : columns that must agree before results are averaged or drawn together
    pictures : paths of what is drawn along axes of the universe's own: neither averaged nor held against another's
    shared : further columns that are the same in every member of an ensemble: numbers of modes, models
    of_members : what many universes give beside the mean and scatter of every column
    tables, tables_of_members : the words of the summary, of one universe and of many (with their scatter)
    """

    groups: tuple[str, ...]
    needs: tuple[str, ...] = ()
    fields: Callable[[Subject], Mapping[str, tuple[str, ...]]] | None = None
    of_field: Callable[[Subject, str], Groups] | None = None
    of_universe: Callable[[Subject], Groups] | None = None
    compares: bool = False
    units: Mapping[str, str] = field(default_factory=dict)
    abscissae: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    of_members: Callable[[Sequence[Measured]], Groups] | None = None
    tables: Callable[[Measured], Tables] | None = None
    tables_of_members: Callable[[Sequence[Measured], Groups], Tables] | None = None


def numbers_of_halos(path: str, words: str) -> Callable[[Measured], Tables]:
    """The row of the summary that gives the number of halos of a group, here and in the truth if there is one."""

    def tables(measured: Measured) -> Tables:
        if path not in measured.own:
            return {}
        head: Row = ("number of halos", "universe")
        row: Row = (words, str(measured.own[path].attrs["halos"]))
        if measured.truth:
            there = measured.truth.get(path)
            head, row = (*head, "truth"), (*row, "-" if there is None else str(there.attrs["halos"]))
        return {"Halos": [head, row]}

    return tables


def rows_of_parameters(path: str, value: str, error: str) -> Callable[[Measured], Tables]:
    """The rows of the summary that give each parameter of a group: two of its columns, and the truth."""

    def tables(measured: Measured) -> Tables:
        if path not in measured.own:
            return {}
        group = measured.own[path]
        names = split_names(group.attrs["parameters"])
        source = str(group.attrs.get("method", path))
        truths = group.data.get("value", [None] * len(names))
        rows: list[Row] = [("parameter", "from", "value", "error", "truth")]
        for name, a, b, t in zip(names, group.data[value], group.data[error], truths, strict=True):
            rows.append((name, source, f"{a:.4g}", f"{b:.2g}", "-" if t is None else f"{t:.4g}"))
        return {"Parameters": rows}

    return tables
