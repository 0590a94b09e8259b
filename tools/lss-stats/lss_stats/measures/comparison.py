"""Two fields compared, shell by shell: r(k), T(k), propagator, uncorrelated power."""

import logging
from collections.abc import Sequence

import numpy as np

from lss.errors import DataError
from lss.grid.comparison import compare_spectra
from lss.universe import Group
from lss_stats.config import Statistics
from lss_stats.fields import FieldModes, label
from lss_stats.measures.power import attributes, measure_together, measured_fields, units_of
from lss_stats.statistic import PAINTING, Figure, Groups, Measured, Row, Statistic, Subject, Tables

log = logging.getLogger("lss.stats")

_TITLE = "How far fields agree (r: correlation; T: square root of the ratio of the power; up to the Nyquist frequency)"
_COLUMNS = ("r > 0.8 to k [h/Mpc]", "T within 10% of 1 to k [h/Mpc]")
_GROUPS = ("comparison", "initial")  # with the truth's field; with the universe's own initial field


def compare(field: FieldModes, other: FieldModes, config: Statistics) -> Group:
    """Everything that two fields on one grid say about each other; `other` is the truth, or the initial field.

    Columns: k, n_modes, power, power_other, cross_power, correlation r = P_ab / sqrt(P_aa P_bb), transfer
    T = sqrt(P_aa / P_bb), propagator P_ab / P_bb, uncorrelated_power P_aa - P_ab^2 / P_bb (Wu et al. 2023, Eq. 3.1).
    Vectors: means over the components (LULO section 5.2.2).
    Raises DataError for grids, boxes or numbers of components that differ.
    """
    _refuse_different(field, other)
    windows = [field.window, other.window]
    spectra = [measure_together(pair, windows, field, config) for pair in zip(field.modes, other.modes, strict=True)]
    found = compare_spectra(spectra)
    other_power = found.power_other
    per_other = np.divide(found.cross_power, other_power, out=np.full_like(other_power, np.nan), where=other_power > 0)
    data = {
        "k": found.k,
        "n_modes": found.n_modes,
        "power": found.power,
        "power_other": other_power,
        "cross_power": found.cross_power,
        "correlation": found.correlation,
        "transfer": found.transfer,
        "propagator": per_other,
        "uncorrelated_power": found.power - per_other * found.cross_power,
    }
    attrs = attributes(field) | {
        "with": other.name if other.name != field.name else "truth",
        "with_source": other.source,
        "k80": found.k80,
        "k_transfer": found.transfer_reach(),
    }
    return Group(data, attrs, units_of(field, "power", "power_other", "cross_power", "uncorrelated_power"))


def _refuse_different(field: FieldModes, other: FieldModes) -> None:
    if field.box_size != other.box_size:
        raise DataError(f"{field.source}: box of {field.box_size:g} Mpc/h, but {other.source} has {other.box_size:g}")
    if field.modes.shape != other.modes.shape:
        raise DataError(
            f"{field.source}: {field.name} on a grid of {field.n}^3, but {other.source} has {other.name} on "
            f"{other.n}^3; [stats] mesh brings particles to one grid"
        )


def _fields(subject: Subject) -> dict[str, tuple[str, ...]]:
    names = measured_fields(subject)
    with_initial = subject.truth is None and "initial" in names
    return dict.fromkeys(names, ("initial",) if with_initial else ())


def _of_field(subject: Subject, name: str) -> Groups:
    """Against the truth's field, or where there is no truth against the universe's own initial field."""
    field, truth = subject.fields.modes(name), subject.truth
    if truth is not None:
        if name not in truth.fields:
            log.info("%s has no %s: not compared", truth.universe.source, name)
            return {}
        return {f"comparison/{name}": compare(field, truth.fields.modes(name), subject.config)}
    if name == "initial" or "initial" not in subject.fields:
        return {}
    initial = subject.fields.modes("initial")
    if field.modes.shape != initial.modes.shape:
        return {}
    return {f"initial/{name}": compare(field, initial, subject.config)}


def _tables(measured: Measured) -> Tables:
    """How far each field is recovered."""
    rows: list[Row] = [("field", "held against", *_COLUMNS, "r of the first shell")]
    for path in _paths([measured]):
        group = measured.own[path]
        reach = _reach([group], "k_transfer") if path.startswith("comparison") else "-"
        first = f"{group.data['correlation'][0]:.3f}"
        rows.append((*_who(group), _reach([group], "k80"), reach, first))
    return {_TITLE: rows}


def _tables_of_members(members: Sequence[Measured], scatter: Groups) -> Tables:
    """Mean and standard deviation over the members of how far each field is recovered."""
    rows: list[Row] = [("field", "held against", "members", *_COLUMNS)]
    for path in _paths(members):
        groups = [m.own[path] for m in members if path in m.own]
        reach = _reach(groups, "k_transfer") if path.startswith("comparison") else "-"
        rows.append((*_who(groups[0]), str(len(groups)), _reach(groups, "k80"), reach))
    return {_TITLE: rows}


def _paths(members: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(path for m in members for path in m.own if path.split("/")[0] in _GROUPS))


def _who(group: Group) -> tuple[str, str]:
    held = str(group.attrs["with"])
    return label(str(group.attrs["field"])), "its own initial field" if held == "initial" else held


def _reach(groups: Sequence[Group], name: str) -> str:
    """A wavenumber, or its mean and scatter over universes; what lies beyond the Nyquist frequency is no result."""
    nyquist = min(float(group.attrs["nyquist"]) for group in groups)
    values = [float(group.attrs[name]) for group in groups]
    if max(values) <= 0:
        return "nowhere"
    beyond = ">" if max(values) > nyquist else ""
    values = [min(value, nyquist) for value in values]
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{beyond}{np.mean(values):.3f}{spread}"


STATISTIC = Statistic(
    groups=_GROUPS,
    fields=_fields,
    of_field=_of_field,
    compares=True,
    units={"k": "h/Mpc"},
    abscissae=frozenset({"k"}),
    shared=frozenset({"n_modes"}),
    figures={
        "ensemble-spectra": Figure(
            "Transfer function and cross-correlation of every member (LULO Fig. 10)",
            "lss_stats.figures.ensemble:spectra",
            (
                "A line for every member, black: their mean. With truths: T(k), grey where it is within 10% of "
                "one, above r(k), each against the truth of the same name. Without: power above r(k) with the "
                "initial field of the same universe. Dashed: r = 0.8."
            ),
            PAINTING,
        )
    },
    tables=_tables,
    tables_of_members=_tables_of_members,
)
