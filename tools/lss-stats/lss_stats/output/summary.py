"""The summary in words: how far each field is recovered, how many halos there are, which parameters were inferred."""

import contextlib
import json

from lss_stats.figures.shown import Shown
from lss_stats.measures import every
from lss_stats.output.text import as_text
from lss_stats.statistic import Measured, Tables


def tables(shown: Shown) -> Tables:
    """What every statistic says of the universe, or of the ensemble: title -> rows, the first one the head.

    Statistics that share a title share a table. A table without rows is left out.
    """
    found: Tables = {}
    for statistic in every():
        if shown.members:
            made = statistic.tables_of_members(shown.members, shown.band) if statistic.tables_of_members else {}
        else:
            made = statistic.tables(Measured(shown.own, shown.truth)) if statistic.tables else {}
        for title, rows in made.items():
            found[title] = [*found[title], *rows[1:]] if title in found else rows
    return {title: rows for title, rows in found.items() if len(rows) > 1}


def summary(shown: Shown) -> str:
    """The tables as text, each below its title."""
    return "\n\n".join(f"{title}\n{as_text(rows)}" for title, rows in tables(shown).items())


def as_json(shown: Shown) -> str:
    """The tables as JSON: title -> a list of rows, each by the heads of its columns; numbers where there are some."""
    return json.dumps(
        {
            title: [dict(zip(head, map(_number, row), strict=True)) for row in rows]
            for title, (head, *rows) in tables(shown).items()
        },
        indent=2,
        ensure_ascii=False,
    )


def _number(cell: str) -> float | int | str:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(cell)
    return cell
