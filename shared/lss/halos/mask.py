"""A survey's mask: the share of halos that is seen in each cell of the grid."""

from pathlib import Path

import numpy as np

from lss.errors import ConfigError, DataError
from lss.trust import stated


def mask_file(name: str) -> Path:
    """The file that [halo.survey] mask names. Raises ConfigError if there is none, or the user has not named it."""
    path = Path(stated(name))
    if not path.is_file():  # nothing that may have no end
        raise ConfigError(f"[halo.survey] mask = {name!r}: no such file")
    return path


def read_mask(name: str, n: int) -> np.ndarray:
    """The share of halos seen in each cell, (n, n, n) float32.

    name : a path. Raises DataError, and ConfigError as `mask_file`.
    """
    path = mask_file(name)
    try:
        mask = np.load(path, allow_pickle=False)
    except Exception:  # noqa: BLE001  (a header is Python: it may be anything, at any depth)
        raise DataError(f"{path}: not an .npy file of numbers") from None
    if not isinstance(mask, np.ndarray) or mask.shape != (n, n, n) or mask.dtype.kind not in "fiub":
        shape = getattr(mask, "shape", "several arrays")
        raise DataError(f"{path}: the mask has shape {shape}; [box] n = {n} needs {(n, n, n)} numbers")
    mask = mask.astype(np.float32)
    if not np.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1 or not mask.any():
        raise DataError(f"{path}: the mask's values must lie between 0 and 1, and not all be 0")
    return mask


def cell_of(position: np.ndarray, n: int, box_size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cell of each position: the cell of grid point i reaches half a cell to both sides of i L / n."""
    cell = np.rint(position * (n / box_size)).astype(np.int64) % n
    return cell[:, 0], cell[:, 1], cell[:, 2]
