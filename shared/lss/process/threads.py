"""How many threads the program uses: one number for numba, the FFT and torch."""

import logging
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from lss.errors import ConfigError
from lss.process.slurm import slurm_number

log = logging.getLogger("lss.threads")
_count = 0


def available_cores() -> int:
    """The cores this process may run on (`taskset` and SLURM limit them; `nproc` does not know)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """The number of threads in use: what was set, else SLURM_CPUS_PER_TASK, else every core.

    Asking changes nothing: a caller's own settings of torch and numba stay as they are until `set_threads`.
    """
    return _count or _clipped(None)


def set_threads(wanted: int | None) -> int:
    """Set the number of threads for all numerical libraries, clipped to the cores there are; returns it.

    Raises ConfigError if it is not positive, or SLURM_CPUS_PER_TASK no number.
    """
    return use_threads(_clipped(wanted))


def use_threads(count: int) -> int:
    """Set the number of threads for all numerical libraries, whatever the number of cores; returns it."""
    global _count
    _count = count
    if "numba" in sys.modules:
        import numba

        numba.set_num_threads(min(_count, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(_count)
    return _count


def _clipped(wanted: int | None) -> int:
    cores = available_cores()
    if wanted is None:
        wanted = slurm_number("SLURM_CPUS_PER_TASK") or cores
    if wanted < 1:
        raise ConfigError(f"{wanted} threads: at least one is needed")
    if wanted > cores:
        log.warning("%d threads asked for, but this process may use %d: using %d", wanted, cores, cores)
    return min(wanted, cores)


def spread(function: Callable, tasks: Iterable[tuple]) -> list[Any]:
    """Call `function(*task)` for every task on `threads()` threads; the results in the order of the tasks.

    For serial kernels, which release the interpreter's lock: they compile ten times faster than `prange` loops, and
    waiting threads sleep. Tasks must write to separate parts of their arrays, so that the bits do not depend on timing.
    """
    if threads() == 1:
        return [function(*task) for task in tasks]
    return list(_pool(threads()).map(lambda task: function(*task), tasks))


@lru_cache(maxsize=1)
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="lss")
