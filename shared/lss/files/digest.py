"""One hash of all data of a universe: two runs gave the same bits exactly when their digests agree."""

import hashlib

import numpy as np

from lss.universe import Universe


def digest(universe: Universe) -> str:
    """SHA-256 over every dataset outside /provenance (which holds times and hosts): path, type, shape and bytes."""
    hashed = hashlib.sha256()
    for path in sorted(universe.groups):
        if path.split("/")[0] == "provenance":
            continue
        for name, array in sorted(universe.groups[path].data.items()):
            array = np.ascontiguousarray(array)
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            hashed.update(f"{path}/{name} {array.dtype.str} {array.shape}\n".encode())
            hashed.update(array.tobytes())
    return hashed.hexdigest()
