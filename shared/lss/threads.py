"""How many threads the program uses: one number for numba, the FFT and torch."""

import logging
import os
import sys

log = logging.getLogger("lss.threads")
_count = 0


def available_cores() -> int:
    """The cores this process may run on (`taskset` and SLURM limit them; `nproc` does not know)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """The number of threads in use: what was set, else SLURM_CPUS_PER_TASK, else every core."""
    if not _count:
        set_threads(None)
    return _count


def set_threads(wanted: int | None) -> int:
    """Set the number of threads for all numerical libraries, clipped to the cores there are; returns it."""
    global _count
    cores = available_cores()
    if wanted is None:
        wanted = int(os.environ.get("SLURM_CPUS_PER_TASK", cores))
    if wanted > cores:
        log.warning("%d threads asked for, but this process may use %d: using %d", wanted, cores, cores)
    _count = max(1, min(wanted, cores))
    if "numba" in sys.modules:
        import numba

        numba.set_num_threads(min(_count, numba.config.NUMBA_NUM_THREADS))
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(_count)
    return _count
