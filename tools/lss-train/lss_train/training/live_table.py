"""The live table of a training on a terminal: a row for each epoch, and one for the update that was just made."""

from types import TracebackType
from typing import Any

from lss.process import progress

_COLUMNS = ("epoch", "update", "loss", "validation", "figure", "rate", "minutes", "left")


class LiveTable:
    """Use as a context; it shows nothing where progress is not to be shown, and `shown` is false."""

    def __init__(self) -> None:
        self._rows: list[dict[str, str]] = []
        self._live: Any = None

    def __enter__(self) -> "LiveTable":
        if progress.enabled():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=2)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    @property
    def shown(self) -> bool:
        """Whether there is a terminal to show it on."""
        return self._live is not None

    def add(self, row: dict[str, str]) -> None:
        """A row that stays: column -> text."""
        self._rows.append(row)
        self._draw(self._rows)

    def show_last(self, row: dict[str, str]) -> None:
        """A row that the next one replaces."""
        self._draw([*self._rows, row])

    def _draw(self, rows: list[dict[str, str]]) -> None:
        if self._live is None:
            return
        from rich.table import Table

        table = Table(box=None, header_style="bold")
        for name in _COLUMNS:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*(row.get(name, "") for name in _COLUMNS))
        self._live.update(table)
