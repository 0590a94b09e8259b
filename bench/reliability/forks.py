"""Commands in forked copies of one process that has everything imported.

A start costs some ten milliseconds instead of two seconds, so that thousands of damaged inputs and kills cost little.
What a copy prints and its exit code are those of the program.
"""

import importlib
import os
import pkgutil
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOOLS = ("ic", "sim", "halo", "train", "recon", "stats")
CODES = (0, 1, 2, 75, 141)
LONG = 300.0  # seconds that an undisturbed run may take


@dataclass(frozen=True)
class Done:
    """How a command ended; `ended`: "timeout" or "memory" if a limit ended it."""

    code: int
    out: bytes
    err: str
    seconds: float
    ended: str

    @property
    def fault(self) -> str:
        """What no input may cause, in a word; empty if all is well."""
        if self.ended:
            return self.ended
        if self.code < 0:
            return "crash"
        if "Traceback (most recent call last)" in self.err or "internal error" in self.err:
            return "traceback"
        return "" if self.code in CODES and (self.code == 0 or self.err.strip()) else "silent"


def warm_up() -> None:
    """Import all that the commands import, with one thread each, before anything is forked."""
    os.environ["NUMBA_THREADING_LAYER"] = "workqueue"  # survives a fork
    from lss.process.threads import set_threads

    set_threads(1)
    import matplotlib

    matplotlib.use("Agg")
    import torch._dynamo  # noqa: F401  (imported by the first training otherwise)

    for name in ("lss", *(f"lss_{tool}" for tool in TOOLS)):
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(found.name)


def often_saved() -> None:
    """In a copy: states are written at every step, or runs of seconds would have none."""
    sim = importlib.import_module("lss_sim.evolution")
    train = importlib.import_module("lss_train.training.unet_loop")
    vars(sim)["SAVE_EVERY"] = 0.0
    vars(train)["SAVE_EVERY"] = 1


def start(
    tool: str,
    words: Sequence[object],
    folder: Path,
    *,
    stdin: Path | str = os.devnull,
    before: Callable[[], Any] | None = None,
) -> int:
    """Fork a command in a folder; its output goes to `.out` and `.err` there. Returns its pid."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        for number, name, flags in ((0, stdin, os.O_RDONLY), (1, ".out", writing), (2, ".err", writing)):
            os.dup2(os.open(name, flags, 0o644), number)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        sys.argv = [f"lss-{tool}", *map(str, words)]
        if before:
            before()
        code = _main(tool)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _main(tool: str) -> int:
    try:
        importlib.import_module(f"lss_{tool}.cli").main()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  (what the interpreter would do)
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        return 1
    return 0


def wait(pid: int, seconds: float, most_bytes: float = 2e9) -> tuple[int, str, float]:
    """Exit code, which limit ended it, wall seconds. The limit is of CPU time; a blocked process ends as well."""
    began, held = time.monotonic(), _resident(os.getpid())
    while True:
        done, status, _ = os.wait4(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), "", time.monotonic() - began
        took = time.monotonic() - began
        late = took > seconds and (_cpu(pid) > seconds or took > 6 * seconds)
        if late or _resident(pid) - held > most_bytes:
            os.kill(pid, signal.SIGKILL)
            _, status, _ = os.wait4(pid, 0)
            return os.waitstatus_to_exitcode(status), "timeout" if late else "memory", took
        time.sleep(0.01)


def call(tool: str, words: Sequence[object], folder: Path, *, seconds: float = 10.0, **options: Any) -> Done:
    """Run a command to its end."""
    code, ended, took = wait(start(tool, words, folder, **options), seconds)
    out, err = folder / ".out", folder / ".err"
    done = Done(code, out.read_bytes(), err.read_text("utf-8", "replace"), took, ended)
    out.unlink()
    err.unlink()
    return done


def must(done: Done) -> None:
    """Raise RuntimeError unless a command of the set-up went well."""
    if done.code or done.fault:
        raise RuntimeError(f"set-up: exit {done.code} {done.fault}: {done.err}")


def limit_files(most_bytes: int) -> None:
    """In a copy: no file grows beyond this size (a full disk, as far as a program can tell)."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def _cpu(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0.0
