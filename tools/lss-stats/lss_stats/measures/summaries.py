"""Learned summaries of a field, and the parameters that they estimate."""

from collections.abc import Sequence

import numpy as np

from lss.errors import ConfigError
from lss.inference import Inference, join_names, split_names
from lss.learned.compression import load
from lss.universe import Group, Universe
from lss_stats.config import Statistics
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


def summaries(universe: Universe, config: Statistics, inference: Inference) -> Group:
    """The summaries of /fields/[inference] data by [stats] checkpoint, and the parameters that they estimate.

    Columns: summary (s,); estimate and error (p,), the score estimate and the root of the diagonal of F^-1.
    Raises ConfigError without a checkpoint, DataError if the field or the box does not suit it.
    """
    if config.checkpoint is None:
        raise ConfigError('[stats] measure = ["summaries"] needs checkpoint = the network that makes them')
    compressor = load(config.checkpoint)
    compressor.refuse_other_box(universe)
    field = universe.field(inference.data).value
    summary = compressor.summaries(np.asarray(field, dtype=np.float32)[None, None])
    estimate = compressor.score_estimate(summary)[0]
    error = np.sqrt(np.diag(np.linalg.inv(compressor.fisher)))
    data = {"estimate": estimate, "error": error, "summary": summary[0], "fisher": compressor.fisher}
    attrs = {
        "parameters": join_names(compressor.parameters),
        "checkpoint": config.checkpoint,
        "data": inference.data,
        "fiducial": np.asarray(compressor.fiducial),
    }
    return Group(data, attrs)


def _of_universe(subject: Subject) -> Groups:
    """With "all" only where there is a network; asked for by name, it must be there."""
    config = subject.config
    if config.checkpoint is None and "summaries" not in config.measure:
        return {}
    return {"summaries": summaries(subject.universe, config, subject.inference)}


def _tables_of_members(members: Sequence[Measured], scatter: Groups) -> Tables:
    """Each parameter's estimate over the members: its mean and deviation, and the error it claims."""
    groups = [m.own["summaries"] for m in members if "summaries" in m.own]
    if len(groups) < 2:
        return {}
    rows: list[Row] = [("parameter", "members", "mean estimate", "deviation", "claimed error")]
    estimates = np.array([group.data["estimate"] for group in groups])
    columns = zip(estimates.mean(0), estimates.std(0, ddof=1), groups[0].data["error"], strict=True)
    names = split_names(groups[0].attrs["parameters"])
    for name, numbers in zip(names, columns, strict=True):
        rows.append((name, str(len(groups)), *(f"{number:.4g}" for number in numbers)))
    return {"Estimates": rows}


STATISTIC = Statistic(
    groups=("summaries",),
    of_universe=_of_universe,
    compares=True,
    figures={
        "estimates": Figure(
            "Parameters estimated from learned summaries",
            "lss_stats.figures.posterior:estimates",
            (
                "The estimate of every member, the ellipses of 68% and 95% that the Fisher matrix of the "
                "summaries gives about their mean, and the fiducial parameters."
            ),
            ("checkpoint",),
        )
    },
    tables=rows_of_parameters("summaries", "estimate", "error"),
    tables_of_members=_tables_of_members,
)
