"""A progress bar on a terminal's standard error; nothing anywhere else."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Bar(Protocol):
    def update(self, advance: float = 1, note: str = "") -> None: ...


class _Silent:
    def update(self, advance: float = 1, note: str = "") -> None:
        """Nobody is watching."""


class _Visible:
    def __init__(self, bar: Any, task: Any) -> None:
        self._bar, self._task, self._shown = bar, task, 0.0

    def update(self, advance: float = 1, note: str = "") -> None:
        """Move the bar forward and show what is being done."""
        self._bar.update(self._task, advance=advance, note=note)


_enabled = False
_open = False


def enable(wanted: bool = True) -> None:
    """Allow bars; only the console does, when standard error is a terminal and `--quiet` was not given."""
    global _enabled
    _enabled = wanted and sys.stderr.isatty()


def enabled() -> bool:
    """Whether somebody is watching."""
    return _enabled


@contextmanager
def progress(description: str, total: float | None) -> Iterator[Bar]:
    """A bar for `total` steps; the outermost one is shown, those of stages run inside it stay silent."""
    global _open
    if not _enabled or _open:
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    _open = True
    try:
        with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as bar:
            yield _Visible(bar, bar.add_task(description, total=total, note=""))
    finally:
        _open = False


def since(start: float) -> str:
    """The time since `start` (time.monotonic()) for log lines: "1.2 s", "3 min 05 s"."""
    seconds = time.monotonic() - start
    return f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
