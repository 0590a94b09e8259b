"""numba, configured once: every compiled kernel of the project is made by `kernel` or `parallel_kernel`.

`error_model="numpy"` matters: Python's division check keeps the pair loops from vectorising (12 times slower).
Kernels take thread or slab counts as arguments; `get_num_threads()` inside one would make it uncacheable.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lss.process.caches import creatable, private_folder

log = logging.getLogger("lss.kernels")


def settle_environment() -> None:
    """What must be said before numba is imported: where compiled kernels are kept, and how idle threads wait."""
    # Spinning OpenMP threads slow small kernels by up to 80 times when cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    package = Path(__file__).parents[1]
    user_cache = Path(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")))
    if not (os.access(package, os.W_OK) or creatable(user_cache / "numba")):
        # A read-only installation without a home (cron, containers): numba would refuse to import.
        os.environ["NUMBA_CACHE_DIR"] = folder = private_folder()
        log.info("compiled kernels are kept in %s; NUMBA_CACHE_DIR names another place", folder)


settle_environment()

import numba  # noqa: E402

prange = numba.prange


def kernel(function: Callable | None = None, **options: Any) -> Any:
    """Compile a serial kernel (arrays in, arrays out); usable bare or with numba options such as `fastmath=True`."""
    if function is None:
        return lambda f: kernel(f, **options)
    return numba.njit(cache=True, error_model="numpy", nogil=True, **options)(function)


def parallel_kernel(function: Callable | None = None, **options: Any) -> Any:
    """Compile a kernel whose `prange` loops run on `lss.process.threads.threads()` threads.

    Each iteration must write to its own part of the output, in an order that does not depend on the thread count.
    """
    if function is None:
        return lambda f: parallel_kernel(f, **options)
    return numba.njit(cache=True, error_model="numpy", nogil=True, parallel=True, **options)(function)
