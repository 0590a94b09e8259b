"""Rows as text."""

from collections.abc import Sequence

Row = tuple[str, ...]


def as_text(rows: Sequence[Row]) -> str:
    """Aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)
