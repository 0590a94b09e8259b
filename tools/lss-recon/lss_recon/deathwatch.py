"""What another program started does not outlive us, not even when we are killed."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NUMBER = 8  # bytes of a process group


@contextmanager
def ended_with_us(folder: Path) -> Iterator[Callable[[int], None]]:
    """While this is open, the end of this process, by whatever signal, removes a folder and ends a process group.

    The group is told by calling what is given. A small process waits at a pipe that only we hold open: it reads one
    byte more when all is well, and the end when we are gone.
    """
    reading, writing = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        _wait(reading, writing, folder)
    os.close(reading)
    try:
        yield lambda group: _write(writing, group.to_bytes(NUMBER, "little"))
    finally:
        _write(writing, bytes(NUMBER) + b".")
        os.close(writing)
        os.waitpid(watcher, 0)


def _write(writing: int, data: bytes) -> None:
    with suppress(BrokenPipeError):  # somebody ended the watcher
        os.write(writing, data)


def _wait(reading: int, writing: int, folder: Path) -> None:
    """In the watcher; never returns."""
    try:
        os.setsid()  # what is meant for us, from a terminal say, is not for it
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.close(writing)
        said = b""
        while part := os.read(reading, 64):
            said += part
        if not said.endswith(b"."):
            if group := int.from_bytes(said[:NUMBER], "little"):
                os.killpg(group, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os._exit(0)
