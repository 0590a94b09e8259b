"""The figures for people: a table of medians, and one line per truth as it is done."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.lulo.figures import BANDS, Figures, column, median
from lss.halos.six_fields import NAMES

_WIDTH = 11
_FURTHER = ("q_error", "simulations", "wall_s", "cpu_s")
PAPER = {"ic": 0.23, "matter": 1.0, "mw": 1.28, "count": 1.15, "momentum": 0.59, "velocity": 0.24}


def line(name: str, row: Figures) -> str:
    """One reconstruction: k80 of the six fields, halos, simulations, seconds."""
    fields = " ".join(f"{field} {row[f'k80_{field}']:.3f}" for field in NAMES if f"k80_{field}" in row)
    halos = f"{row['n_20']:.0f}/{row['n_20_true']:.0f} halos"
    return f"{name}: {fields}, {halos}, {row['simulations']:.0f} simulations, {row['wall_s']:.0f} s"


def table(rows: Sequence[Figures], result: Mapping[str, Any]) -> str:
    """Six fields by k80, its error, T and the paper's k80; then what else there is."""
    lines = [f"{'':12}" + "".join(f"{name:>{_WIDTH}}" for name in NAMES)]
    lines.append(_row("r = 0.8 at k", [result["k80"][name] for name in NAMES]))
    lines.append(_row("its error", [result["k80_error"][name] for name in NAMES]))
    lines.append(_row("by default", [result["k80_default"][name] for name in NAMES]) + "   (TSC, interlaced)")
    lines.append(_row("the paper's", [PAPER[name] for name in NAMES]))
    lines.append(_row("T within", [result[band] for band in BANDS]) + "   (10%, halos 12%; k)")
    if len(rows) > 1:
        lines.append(_row("in one truth", [median(rows, band) for band in BANDS]) + "   (median)")
    for name, text in (("k80_relative", "r / forward"), ("k80_forward", "forward")):
        if name in result:
            lines.append(_row(text, [result[name][field] for field in NAMES]))
    lines.append("")
    lines.append(
        f"estimator alone {_shown(result['k80_estimate'])}, halo field itself {_shown(result['k80_halo_field'])}"
    )
    lines.append(
        f"halos of >= 20, >= 130 particles over the truth's: {_shown(result['n_halos_ratio_20'])}, "
        f"{_shown(result['n_halos_ratio_130'])}"
    )
    for name in _FURTHER:
        values = column(rows, name)
        if len(values):
            lines.append(f"{name}: median {np.median(values):.4g}, {values.min():.4g} to {values.max():.4g}")
    if result["calibration"]:
        shells = ", ".join(f"{k:.2f}: {ratio:.2f}" for k, ratio in result["calibration"] if k <= 0.6)
        lines.append(f"calibration {shells}; worst to 0.5: {result['calibration_worst']:.2f}")
        mean = result["k80_mean"]
        lines.append(f"mean of the samples: ic {_shown(mean['ic'])}, matter {_shown(mean['matter'])}")
    return "\n".join(lines)


def paired(ours: Sequence[Figures], others: Sequence[Figures], name: str) -> str:
    """Mean difference of every figure between two configurations on the same truths, with two standard errors."""
    lines = [f"minus {name}, mean of {len(ours)} truths and two paired standard errors:"]
    for figure in ours[0]:
        both = [(one[figure], other[figure]) for one, other in zip(ours, others, strict=True) if figure in other]
        difference = np.array([one - other for one, other in both])
        difference = difference[np.isfinite(difference)]
        if not len(difference) or figure.endswith("_true"):
            continue
        error = 2 * difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.nan
        lines.append(f"  {figure:16} {difference.mean():+10.4f} +- {error:.4f}")
    return "\n".join(lines)


def _row(name: str, values: Sequence[float | None]) -> str:
    return f"{name:12}" + "".join(f"{_shown(value):>{_WIDTH}}" for value in values)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
