"""SIGTERM and SIGINT as a request: long work asks `requested()` at safe points, saves, and raises `Stopped`."""

import signal
from types import FrameType

from lss.errors import Stopped

_requested = False
_deferred = False


def requested() -> bool:
    """Whether the program has been asked to stop (scancel, a time limit, Ctrl-C)."""
    return _requested


def _on_signal(number: int, _frame: FrameType | None) -> None:
    global _requested
    if _requested or not _deferred:
        raise Stopped(f"stopped by {signal.Signals(number).name}; no output was written")
    _requested = True


def install(*, deferred: bool) -> None:
    """Take over SIGTERM and SIGINT.

    deferred : resumable work finishes its step and saves first (a second signal ends it at once);
        otherwise the first signal ends the program, leaving no output behind.
    """
    global _deferred, _requested
    _deferred, _requested = deferred, False
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)
