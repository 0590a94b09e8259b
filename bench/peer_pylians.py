"""Run by build/peers/bin/python: Pylians' spectra of a stored field, with the time of each.

Usage: peer_pylians.py FOLDER THREADS REPEATS; reads FOLDER/pk.npy and FOLDER/bk.npy, writes FOLDER/pylians.npz.
"""

import contextlib
import os
import sys
import time

import numpy as np
import Pk_library


def main() -> None:
    folder, threads, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    box_size = 1000.0
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        field = np.load(f"{folder}/pk.npy")
        spectrum, pk_seconds = fastest(
            lambda f: Pk_library.Pk(f, box_size, 0, "CIC", threads, verbose=False), field, repeats
        )
        field, theta = np.load(f"{folder}/bk.npy"), np.load(f"{folder}/theta.npy")
        triangles, bk_seconds = fastest(
            lambda f: Pk_library.Bk(f, box_size, 0.1, 0.2, theta, "CIC", threads), field, repeats
        )
    np.savez(
        f"{folder}/pylians.npz",
        k=spectrum.k3D,
        pk=spectrum.Pk[:, 0],
        pk_seconds=pk_seconds,
        bk=triangles.B,
        q=triangles.Q,
        bk_seconds=bk_seconds,
    )


def fastest(measure, field, repeats):
    """The result, and the shortest of the times (the field is copied outside: Pylians may overwrite it)."""
    times = []
    for _ in range(repeats):
        copy = field.copy()
        start = time.perf_counter()
        result = measure(copy)
        times.append(time.perf_counter() - start)
    return result, min(times)


if __name__ == "__main__":
    main()
