"""What is said in words: how far each field is recovered, and how many halos there are."""

from collections.abc import Sequence

import numpy as np

from lss.universe import Group
from lss_stats.figures.labels import label
from lss_stats.measurements import Groups, Measured

Row = tuple[str, ...]


def recovery_rows(own: Groups) -> list[Row]:
    """Field, with what it is compared, k where r falls through 0.8, k out to which T is within 10%: first row heads."""
    rows: list[Row] = [
        ("field", "against", "r = 0.8 at k [h/Mpc]", "T within 10% to k [h/Mpc]", "r of the first shell")
    ]
    for path, group in own.items():
        if path.split("/")[0] in ("comparison", "memory"):
            a = group.attrs
            first = f"{group.data['correlation'][0]:.3f}"
            reach = f"{a['k_transfer']:.3f}" if path.startswith("comparison") else "-"
            rows.append((label(str(a["field"])), str(a["with"]), f"{a['k80']:.3f}", reach, first))
    return rows


def halo_rows(own: Groups, truth: Groups) -> list[Row]:
    """Number of halos, here and in the truth if there is one."""
    rows: list[Row] = [("halos", "universe", "truth") if truth else ("halos", "universe")]
    for path, text in (("mass_function", "in the catalogue"), ("halo_velocities", "resolved")):
        if path in own:
            row = text, str(own[path].attrs["halos"])
            rows.append((*row, _halos(truth.get(path))) if truth else row)
    return rows if len(rows) > 1 else []


def parameter_rows(own: Groups) -> list[Row]:
    """Each inferred parameter: mean and deviation of its posterior, or its score estimate and error; the truth."""
    rows: list[Row] = [("parameter", "from", "value", "error", "truth")]
    for path, value, error in (("posterior", "mean", "std"), ("summaries", "estimate", "error")):
        if path not in own:
            continue
        group = own[path]
        names = str(group.attrs["parameters"]).split()
        source = str(group.attrs.get("method", "summaries"))
        truths = group.data.get("value", [None] * len(names))
        for name, a, b, t in zip(names, group.data[value], group.data[error], truths, strict=True):
            rows.append((name, source, f"{a:.4g}", f"{b:.2g}", "-" if t is None else f"{t:.4g}"))
    return rows


def estimate_rows(members: Sequence[Measured]) -> list[Row]:
    """Each parameter's estimate over the members: its mean and deviation, and the error it claims."""
    rows: list[Row] = [("parameter", "members", "mean estimate", "deviation", "claimed error")]
    groups = [m.own["summaries"] for m in members if "summaries" in m.own]
    if len(groups) < 2:
        return rows
    estimates = np.array([group.data["estimate"] for group in groups])
    columns = zip(estimates.mean(0), estimates.std(0, ddof=1), groups[0].data["error"], strict=True)
    names = str(groups[0].attrs["parameters"]).split()
    for name, numbers in zip(names, columns, strict=True):
        rows.append((name, str(len(groups)), *(f"{number:.4g}" for number in numbers)))
    return rows


def coverage_rows(groups: Groups) -> list[Row]:
    """How far ranks and TARP levels of many posteriors are from uniform."""
    rows: list[Row] = [("coverage of", "posteriors", "largest deviation", "95% stay below")]
    if "coverage" not in groups:
        return rows
    group = groups["coverage"]
    a = group.attrs
    named = [*zip(str(a["parameters"]).split(), group.data["rank_deviation"], strict=True)]
    for name, deviation in [*named, ("all (TARP)", a["tarp_deviation"])]:
        rows.append((name, str(a["members"]), f"{deviation:.3f}", f"{a['expected_deviation']:.3f}"))
    return rows


def ensemble_rows(members: Sequence[Measured]) -> list[Row]:
    """Mean and standard deviation over the members of what `recovery_rows` says of each."""
    rows: list[Row] = [("field", "against", "members", "r = 0.8 at k [h/Mpc]", "T within 10% to k [h/Mpc]")]
    paths = dict.fromkeys(p for m in members for p in m.own if p.split("/")[0] in ("comparison", "memory"))
    for path in paths:
        groups = [m.own[path] for m in members if path in m.own]
        a = groups[0].attrs
        reach = _mean_and_std(groups, "k_transfer") if path.startswith("comparison") else "-"
        rows.append((label(str(a["field"])), str(a["with"]), str(len(groups)), _mean_and_std(groups, "k80"), reach))
    return rows


def as_text(rows: Sequence[Row]) -> str:
    """Aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _halos(group: Group | None) -> str:
    return str(group.attrs["halos"]) if group is not None else "-"


def _mean_and_std(groups: Sequence[Group], name: str) -> str:
    values = [float(group.attrs[name]) for group in groups]
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"
