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
_display: Any = None  # what is drawn, if anything is
_room = False  # whether one more bar fits below those that are shown


def enable(wanted: bool = True) -> None:
    """Allow bars; only the console does, when standard error is a terminal and `--quiet` was not given."""
    global _enabled
    _enabled = wanted and sys.stderr.isatty()


def enabled() -> bool:
    """Whether somebody is watching."""
    return _enabled


@contextmanager
def progress(description: str, total: float | None, done: float = 0, *, shows_inner: bool = False) -> Iterator[Bar]:
    """A bar for `total` steps, `done` of them made before; those of stages that run inside it stay silent.

    shows_inner : but for the next one, which is drawn below: an ensemble, and the member under way
    """
    global _display, _room
    if not _enabled or (_display and not _room):
        yield _Silent()
        return
    if _display:
        _room = False
        task = _display.add_task(description, total=total, completed=done, note="")
        try:
            yield _Visible(_display, task)
        finally:
            _display.remove_task(task)
            _room = True
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
    try:
        with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as _display:
            _room = shows_inner
            yield _Visible(_display, _display.add_task(description, total=total, completed=done, note=""))
    finally:
        _display, _room = None, False


def since(start: float) -> str:
    """The time since `start` (time.monotonic()) for log lines: "1.2 s", "3 min 05 s"."""
    seconds = time.monotonic() - start
    return f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
