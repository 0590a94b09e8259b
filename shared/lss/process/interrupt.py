"""SIGTERM and SIGINT as a request: long work asks `requested()` at safe points, saves, and raises `Stopped`."""

import signal
from types import FrameType

from lss.errors import Stopped

_requested = False
_deferred = False


def requested() -> bool:
    """Whether the program has been asked to stop (scancel, a time limit, Ctrl-C)."""
    return _requested


def again() -> None:
    """Raise Stopped where a signal has done so already: what it interrupted may have swallowed that, or have made
    another exception of it, as h5py's locks do."""
    if _requested and not _deferred:
        raise Stopped("stopped by a signal; no output was written")


def _on_signal(number: int, _frame: FrameType | None) -> None:
    global _requested
    at_once = _requested or not _deferred
    _requested = True
    if at_once:
        raise Stopped(f"stopped by {signal.Signals(number).name}; no output was written")


def install(*, deferred: bool) -> None:
    """Take over SIGTERM and SIGINT.

    deferred : resumable work finishes its step and saves first (a second signal ends it at once);
        otherwise the first signal ends the program, leaving no output behind.
    """
    global _deferred, _requested
    _deferred, _requested = deferred, False
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)
