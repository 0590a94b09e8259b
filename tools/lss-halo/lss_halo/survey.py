"""What an observer sees of a halo catalogue: redshift space, a mask, a selection by mass.

They act on the catalogue itself, so that whatever is made from it later (fields, reconstructions) sees the same halos;
real-space positions stay in the column `position_real`.
"""

import dataclasses
import logging
from pathlib import Path

import numpy as np

from lss.errors import ConfigError, DataError
from lss.halos.redshift_space import redshift_space
from lss.universe import Halos
from lss_halo.config import Config, Survey

log = logging.getLogger("lss.halo")


def observe(halos: Halos, config: Config, survey: Survey) -> Halos:
    """The halos that the survey sees, where it sees them. Raises DataError for a mask that does not fit."""
    if survey.redshift_space != "none":
        axis = "xyz".index(survey.redshift_space)
        cosmology, box = config.cosmology, config.box
        shown = redshift_space(halos.position, halos.velocity, axis, halos.redshift, cosmology.omega_m, box.size)
        columns = halos.columns | {"position": shown, "position_real": halos.position}
        attrs = halos.attrs | {"redshift_space": survey.redshift_space}
        halos = dataclasses.replace(halos, columns=columns, attrs=attrs)
    share = np.ones(len(halos))
    if survey.mask:
        share *= share_at(read_mask(Path(survey.mask), config.box.n), halos.position, config.box.size)
    if survey.selection:
        masses, shares = zip(*survey.selection, strict=True)
        share *= np.interp(np.log(halos.mass), np.log(masses), shares)
    if survey.mask or survey.selection:
        # One draw per rank: the same seed thins the data and every simulated catalogue alike.
        seen = np.random.default_rng(survey.seed).random(len(halos)) < share
        log.info("the survey sees %d of %d halos", np.count_nonzero(seen), len(halos))
        halos = only(halos, np.flatnonzero(seen))
    return halos


def read_mask(path: Path, n: int) -> np.ndarray:
    """The share of halos seen in each cell, (n, n, n) float32. Raises DataError, ConfigError for a missing file."""
    try:
        mask = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise ConfigError(f"[halo.survey] mask = {str(path)!r}: no such file") from None
    except (ValueError, OSError, EOFError):
        raise DataError(f"{path}: not an .npy file of numbers") from None
    if not isinstance(mask, np.ndarray) or mask.shape != (n, n, n) or mask.dtype.kind not in "fiub":
        shape = getattr(mask, "shape", "several arrays")
        raise DataError(f"{path}: the mask has shape {shape}; [box] n = {n} needs {(n, n, n)} numbers")
    mask = mask.astype(np.float32)
    if not np.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1 or not mask.any():
        raise DataError(f"{path}: the mask's values must lie between 0 and 1, and not all be 0")
    return mask


def share_at(mask: np.ndarray, position: np.ndarray, box_size: float) -> np.ndarray:
    """The mask in the cell of each position: the cell of grid point i reaches half a cell to both sides of i L / n."""
    n = len(mask)
    cell = np.rint(position * (n / box_size)).astype(np.int64) % n
    return mask[cell[:, 0], cell[:, 1], cell[:, 2]]


def only(halos: Halos, rows: np.ndarray) -> Halos:
    """The halos of these rows, ascending."""
    columns = {name: column[rows] for name, column in halos.columns.items()}
    if "host" in columns:
        row_of = np.full(len(halos) + 1, -1, np.int32)
        row_of[rows] = np.arange(len(rows))
        columns["host"] = row_of[columns["host"]]  # the last entry answers for -1
    members = None if halos.members is None else halos.members.pick(rows)
    return dataclasses.replace(halos, columns=columns, members=members)
