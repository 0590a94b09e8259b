"""What a posterior says of each parameter, and where the truth lies in it."""

import zlib
from collections.abc import Sequence

import numpy as np

from lss.errors import DataError
from lss.inference import join_names, read_parameter, split_names
from lss.universe import Group, Universe
from lss_stats.measures.coverage import expected_deviation, largest_deviation, ranks, tarp_level
from lss_stats.statistic import (
    Figure,
    Groups,
    Measured,
    Row,
    Statistic,
    Subject,
    Tables,
    rows_of_parameters,
)

_ATTRIBUTES = ("parameters", "method", "score_estimate", "fisher", "low", "high")
QUANTILES = {"low_95": 0.025, "low_68": 0.16, "median": 0.5, "high_68": 0.84, "high_95": 0.975}


def stored_posterior(universe: Universe) -> Group:
    """/recon/posterior as lss-recon left it. Raises DataError if it is not there, or not whole."""
    group = universe.group("recon/posterior", "run lss-recon with method delfi or abc")
    lacking = [name for name in ("samples", "weights") if name not in group.data]
    lacking += [name for name in _ATTRIBUTES if name not in group.attrs]
    if lacking:
        raise DataError(f"{universe.source}: /recon/posterior has no {', '.join(lacking)}")
    return group


def posterior(universe: Universe, truth: Universe | None = None) -> Group:
    """Moments and quantiles of /recon/posterior, a row for each parameter.

    Columns: mean, std, low_95, low_68, median, high_68, high_95; covariance (p, p); estimate and fisher (p, p) of the
    compressed data; with a truth its value, and rank: the share of the posterior below it.
    Attributes: parameters, method; effective_samples; with a truth tarp_level, about a point drawn from the prior.
    Raises DataError as `stored_posterior`, and if the truth's configuration does not have a parameter.
    """
    stored = stored_posterior(universe)
    names = split_names(stored.attrs["parameters"])
    samples = np.asarray(stored.data["samples"], dtype=np.float64)
    weights = np.asarray(stored.data["weights"], dtype=np.float64)
    weights = weights / weights.sum()
    covariance = np.atleast_2d(np.cov(samples.T, aweights=weights))
    data = {"mean": weights @ samples, "std": np.sqrt(np.diag(covariance))}
    data |= {name: weighted_quantile(samples, weights, level) for name, level in QUANTILES.items()}
    data |= {
        "covariance": covariance,
        "estimate": np.asarray(stored.attrs["score_estimate"]),
        "fisher": np.asarray(stored.attrs["fisher"]),
    }
    attrs = {
        "parameters": join_names(names),
        "method": str(stored.attrs["method"]),
        "simulations": int(stored.attrs.get("simulations", 0)),
        "effective_samples": float(1 / np.square(weights).sum()),
    }
    if truth is not None:
        value = np.array([read_parameter(truth.config, name, truth.source) for name in names])
        low, high = np.asarray(stored.attrs["low"]), np.asarray(stored.attrs["high"])
        reference = np.random.default_rng(zlib.crc32(samples.tobytes())).uniform(low, high)
        data |= {"value": value, "rank": ranks(samples, value, weights)}
        attrs["tarp_level"] = tarp_level(samples, value, reference, high - low, weights)
    return Group(data, attrs)


def coverage(posteriors: list[Group]) -> Group:
    """Ranks and TARP levels of many posteriors with their truths, and how far they are from uniform.

    Columns: rank (members, p), tarp (members,), each uniform for calibrated posteriors; rank_deviation (p,).
    Attributes: tarp_deviation; expected_deviation, which 95% of calibrated sets stay below.
    """
    rank = np.array([group.data["rank"] for group in posteriors])
    tarp = np.array([group.attrs["tarp_level"] for group in posteriors])
    attrs = {
        "parameters": posteriors[0].attrs["parameters"],
        "members": len(posteriors),
        "tarp_deviation": largest_deviation(tarp),
        "expected_deviation": expected_deviation(len(posteriors)),
    }
    deviation = np.array([largest_deviation(column) for column in rank.T])
    return Group({"tarp": tarp, "rank": rank, "rank_deviation": deviation}, attrs)


def weighted_quantile(samples: np.ndarray, weights: np.ndarray, level: float) -> np.ndarray:
    """The values (p,) below which this share of the weight of samples (m, p) lies, linear between them."""
    result = []
    for column in samples.T:
        order = np.argsort(column)
        below = np.cumsum(weights[order]) - 0.5 * weights[order]
        result.append(np.interp(level, below, column[order]))
    return np.array(result)


def _of_universe(subject: Subject) -> Groups:
    if not subject.universe.has("recon/posterior"):
        return {}
    return {"posterior": posterior(subject.universe, subject.truth.universe if subject.truth else None)}


def _of_members(members: Sequence[Measured]) -> Groups:
    inferred = [m.own["posterior"] for m in members if "posterior" in m.own and "rank" in m.own["posterior"].data]
    return {"coverage": coverage(inferred)} if len(inferred) > 1 else {}


def _tables_of_members(members: Sequence[Measured], scatter: Groups) -> Tables:
    """How far ranks and TARP levels of many posteriors are from uniform."""
    if "coverage" not in scatter:
        return {}
    group = scatter["coverage"]
    a = group.attrs
    rows: list[Row] = [("coverage of", "posteriors", "largest deviation", "95% stay below")]
    named = [*zip(split_names(a["parameters"]), group.data["rank_deviation"], strict=True)]
    for name, deviation in [*named, ("all (TARP)", a["tarp_deviation"])]:
        rows.append((name, str(a["members"]), f"{deviation:.3f}", f"{a['expected_deviation']:.3f}"))
    return {"Coverage": rows}


STATISTIC = Statistic(
    groups=("posterior", "coverage"),
    of_universe=_of_universe,
    compares=True,
    figures={
        "posterior": Figure(
            "Posteriors of the parameters, and Fisher matrices",
            "lss_stats.figures.posterior:corner",
            (
                "68% and 95% of each posterior in every pair of parameters, and each parameter alone; ellipses of"
                " the same levels of the Fisher matrices; lines: the true values."
            ),
            (),
        ),
        "coverage": Figure(
            "Coverage of the posteriors: ranks and TARP",
            "lss_stats.figures.posterior:coverage",
            (
                "Left: share of the posteriors in which the true value has at most this rank. Right: the same of "
                "the share of draws nearer to a random point than the truth (TARP). Both follow the diagonal if "
                "the posteriors are right, within the grey band in 95% of such ensembles."
            ),
            (),
        ),
    },
    of_members=_of_members,
    tables=rows_of_parameters("posterior", "mean", "std"),
    tables_of_members=_tables_of_members,
)
