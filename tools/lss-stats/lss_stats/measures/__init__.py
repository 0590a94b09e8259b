"""The statistics of lss-stats: a module each, and the table of what `[stats] measure` may name.

A module declares its statistic as STATISTIC (lss_stats.statistic) and is imported when it is needed. To add
one, write the module and add a line here: configuration, help, figures, tables and documentation read this table.
"""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lss_stats.config import Statistics
    from lss_stats.statistic import Statistic


@dataclass(frozen=True)
class Entry:
    """A name that may be asked for: one line for the reader, and the modules that measure it."""

    words: str
    modules: tuple[str, ...]


def _here(*modules: str) -> tuple[str, ...]:
    return tuple(f"{__name__}.{module}" for module in modules)


STATISTICS: dict[str, Entry] = {
    "power": Entry("P(k) of every field with its shot noise; slices", _here("power", "comparison", "slices")),
    "correlation": Entry("r(k) with the truth or with the initial field", _here("power", "comparison")),
    "transfer": Entry("T(k), propagator and uncorrelated power", _here("power", "comparison")),
    "mass_function": Entry("dn/dlnM of halos, with models", _here("mass_function")),
    "multipoles": Entry("P_0, P_2, P_4 in redshift space", _here("multipoles")),
    "wedges": Entry("P(k_perp, k_par) in redshift space", _here("wedges")),
    "momentum": Entry("P(k), r(k), T(k) of the momentum (1 + delta) v", _here("power", "comparison")),
    "velocity": Entry("P(k), r(k), T(k) of the Lagrangian velocity", _here("power", "comparison")),
    "bispectrum": Entry("B and Q of matter and halos", _here("bispectrum")),
    "halo_velocities": Entry("halos by speed and by velocity dispersion", _here("halo_velocities")),
    "two_point": Entry("xi(r) of halos", _here("two_point")),
    "halo_mass": Entry("halo masses predicted from the initial conditions, by particle", _here("halo_mass")),
    "halo_model": Entry("halo field of a Lagrangian bias: P ratio, 1/r^2, E", _here("halo_model")),
    "residuals": Entry("halo masses particle by particle, against the truth", _here("residuals")),
    "posterior": Entry("moments and quantiles of inferred parameters", _here("posterior")),
    "summaries": Entry("learned summaries, and the parameters they estimate", _here("summaries")),
    "information": Entry("Fisher matrices of random fields", _here("information")),
}


def wanted(config: "Statistics") -> "list[Statistic]":
    """The statistics that a configuration asks for, in the order of the table."""
    return _statistics([name for name in STATISTICS if config.wants(name)])


def every() -> "list[Statistic]":
    """All statistics, in the order of the table."""
    return _statistics(list(STATISTICS))


def statistic_of(path: str) -> "Statistic | None":
    """The statistic that made a group of /stats, "power/matter" or "mass_function"."""
    return next((one for one in every() if path.split("/")[0] in one.groups), None)


def _statistics(names: list[str]) -> "list[Statistic]":
    modules = dict.fromkeys(module for name in names for module in STATISTICS[name].modules)
    return [importlib.import_module(module).STATISTIC for module in modules]
