"""What an observer sees of a halo catalogue: redshift space, a mask, a selection by mass.

They act on the catalogue itself, so that whatever is made from it later (fields, reconstructions) sees the same halos;
real-space positions stay in the column `position_real`.
"""

import dataclasses
import logging

import numpy as np

from lss.files.provenance import file_hash
from lss.halos.mask import mask_file, read_mask, share_at
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
        share *= share_at(read_mask(survey.mask, config.box.n), halos.position, config.box.size)
    if survey.selection:
        masses, shares = zip(*survey.selection, strict=True)
        share *= np.interp(np.log(halos.mass), np.log(masses), shares)
    if survey.mask or survey.selection:
        # One draw per rank: the same seed thins the data and every simulated catalogue alike.
        seen = np.random.default_rng(survey.seed).random(len(halos)) < share
        log.info("the survey sees %d of %d halos", np.count_nonzero(seen), len(halos))
        halos = only(halos, np.flatnonzero(seen))
    return halos


def described(survey: Survey) -> str:
    """The survey as its halos keep it, JSON; the mask by its hash, which stays the same wherever the file lies."""
    mask = f"sha256:{file_hash(mask_file(survey.mask))}" if survey.mask else ""
    return survey.model_copy(update={"mask": mask}).model_dump_json()


def only(halos: Halos, rows: np.ndarray) -> Halos:
    """The halos of these rows, ascending."""
    columns = {name: column[rows] for name, column in halos.columns.items()}
    if "host" in columns:
        row_of = np.full(len(halos) + 1, -1, np.int32)
        row_of[rows] = np.arange(len(rows))
        columns["host"] = row_of[columns["host"]]  # the last entry answers for -1
    members = None if halos.members is None else halos.members.pick(rows)
    return dataclasses.replace(halos, columns=columns, members=members)
