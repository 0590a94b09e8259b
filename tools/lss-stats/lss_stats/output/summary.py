"""The summary in words: how far each field is recovered, how many halos there are, which parameters were inferred."""

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
    """The tables as text."""
    return "\n\n".join(as_text(rows) for rows in tables(shown).values())
