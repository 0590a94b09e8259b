"""The halo field of a Lagrangian bias against the halos it stands for: P ratio, 1/r^2, E, uncorrelated power.

The halos are those of the truth where there is one, else of the universe itself, with the weight and the range of
masses that the field says of itself. Source: Wu, Munoz & Eisenstein 2023 (JCAP 05, 040), Eq. 3.1; lss.grid.agreement.
"""

import dataclasses
import itertools
import logging

import numpy as np

from lss.errors import DataError
from lss.grid.agreement import BANDS, agreement, bands
from lss.halos.weighted_field import tracer_field
from lss.universe import Group, Universe
from lss_stats.statistic import Figure, Groups, Measured, Row, Statistic, Subject, Tables

log = logging.getLogger("lss.stats")

FIELD = "fields/halo_model"
RATIOS = ("power_ratio", "inverse_r2", "error", "uncorrelated")


def against_halos(universe: Universe, truth: Universe) -> Group:
    """The four ratios in shells of 2 pi / L, and in bands as attributes "error_bands", ...; see lss.grid.agreement.

    Raises DataError for boxes that differ, a field that does not say what it stands for, and as `tracer_field`.
    """
    group, field = universe.group(FIELD), universe.field("halo_model")
    if universe.box.size != truth.box.size:
        raise DataError(
            f"{universe.source}: a box of {universe.box.size:g} Mpc/h, but {truth.source} has {truth.box.size:g}"
        )
    missing = [name for name in ("weight", "mass_range") if name not in group.attrs]
    if missing:
        raise DataError(f"{universe.source}: /{FIELD} does not say its {', '.join(missing)}")
    low, high = (float(edge) for edge in group.attrs["mass_range"])
    halos, n, size = truth.halos, len(field.value), universe.box.size
    try:
        target = tracer_field(halos.position, halos.mass, str(group.attrs["weight"]), (low, high), n, size, "cic")
    except DataError as error:
        raise DataError(f"{truth.source}: {error}") from None
    value = np.asarray(field.value, np.float32)
    shells = dataclasses.asdict(agreement(value, target, size))
    in_bands = agreement(value, target, size, bands(size))
    attrs = {f"{name}_bands": getattr(in_bands, name) for name in RATIOS}
    attrs |= {"band_edges": np.array(BANDS), "nyquist": np.pi * n / size, "with_source": truth.source}
    return Group(shells, attrs, {"k": "h/Mpc"})


def _of_universe(subject: Subject) -> Groups:
    truth = subject.truth.universe if subject.truth is not None else subject.universe
    if not truth.has("halos"):
        log.info("%s: no halos to hold /%s against", truth.source, FIELD)
        return {}
    if truth.halos.finder == "lagrangian-bias":
        log.info("%s: its halos are drawn from a Lagrangian bias, not a truth to hold /%s against", truth.source, FIELD)
        return {}
    return {"halo_model": against_halos(subject.universe, truth)}


def _tables(measured: Measured) -> Tables:
    if "halo_model" not in measured.own:
        return {}
    attrs = measured.own["halo_model"].attrs
    rows: list[Row] = [("k, h/Mpc", "P_model / P_h", "1 / r^2", "E", "P_uncorr / P_h")]
    edges = attrs["band_edges"]
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        rows.append((f"{low:g} - {high:g}", *(f"{attrs[f'{name}_bands'][i]:.4f}" for name in RATIOS)))
    return {"Halo field of a Lagrangian bias": rows}


STATISTIC = Statistic(
    groups=("halo_model",),
    needs=(FIELD,),
    of_universe=_of_universe,
    compares=True,
    units={"k": "h/Mpc"},
    abscissae=frozenset({"k"}),
    shared=frozenset({"n_modes"}),
    figures={
        "halo_model": Figure(
            "The halo field of a Lagrangian bias",
            "lss_stats.figures.halo_model:halo_model",
            (
                "Of the halo field that the bias gives and that of the halos: the ratio of power, "
                "the inverse square of the correlation, the power of the difference over that of the halos, and "
                "the part of it that does not correlate."
            ),
            (),
        )
    },
    tables=_tables,
)
