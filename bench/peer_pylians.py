"""Run by build/peers/bin/python: Pylians' spectra of stored fields, timed one call at a time.

Usage: peer_pylians.py FOLDER THREADS. For each line on standard input, "pk" or "bk", the statistic of FOLDER/pk.npy or
FOLDER/bk.npy is measured, its seconds are printed, and its result is stored in FOLDER/pylians-pk.npy or -bk.npy.
"""

import contextlib
import os
import sys
import time

import numpy as np
import Pk_library


def main() -> None:
    folder, threads, box_size = sys.argv[1], int(sys.argv[2]), 1000.0
    theta = np.load(f"{folder}/theta.npy")
    measures = {
        "pk": lambda field: Pk_library.Pk(field, box_size, 0, "CIC", threads, verbose=False).Pk[:, 0],
        "bk": lambda field: Pk_library.Bk(field, box_size, 0.1, 0.2, theta, "CIC", threads).B,
    }
    fields = {name: np.load(f"{folder}/{name}.npy") for name in measures}
    for line in sys.stdin:
        name = line.strip()
        copy = fields[name].copy()  # Pylians may overwrite what it is given
        with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
            start = time.perf_counter()
            result = measures[name](copy)
            seconds = time.perf_counter() - start
        np.save(f"{folder}/pylians-{name}.npy", result)
        print(seconds, flush=True)


if __name__ == "__main__":
    main()
