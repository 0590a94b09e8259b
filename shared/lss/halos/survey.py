"""What an observer sees of a halo catalogue: redshift space, a mask, a selection by mass.

They act on the catalogue itself, so that whatever is made from it later (fields, reconstructions) sees the same halos;
real-space positions stay in the column `position_real`. What a survey leaves out is decided by a random number of the
place: a halo that another simulation has at the same place has the same fate.
"""

import dataclasses
import logging
from typing import Literal

import numpy as np
from pydantic import field_validator

from lss.config import Box, Table, quantity
from lss.errors import DataError
from lss.files.provenance import file_hash
from lss.halos.mask import cell_of, mask_file, read_mask
from lss.halos.redshift_space import redshift_space
from lss.universe import Halos

log = logging.getLogger("lss.halo")


class Survey(Table):
    """[halo.survey]: what an observer sees of the halos, before the halo fields are made."""

    redshift_space: Literal["none", "x", "y", "z"] = quantity("none", "axis along which redshifts move the halos")
    mask: str = quantity(
        "", "an .npy file, (n, n, n): the share of halos seen in each cell about a grid point", names="path"
    )
    selection: list[tuple[float, float]] = quantity(
        [], "pairs of mass [Msun/h] and share of halos seen, linear in log mass between them"
    )
    seed: int = quantity(1, "of the random numbers that decide which halos are seen", ge=0)

    @field_validator("selection")
    @classmethod
    def _selection_is_a_function(cls, value: list[tuple[float, float]]) -> list[tuple[float, float]]:
        masses = [mass for mass, _ in value]
        if sorted(set(masses)) != masses or any(mass <= 0 for mass in masses):
            raise ValueError("expected ascending positive masses")
        if any(not 0 <= share <= 1 for _, share in value):
            raise ValueError("expected shares between 0 and 1")
        return value

    @property
    def line_of_sight(self) -> int | None:
        """The axis along which redshifts move the halos."""
        return None if self.redshift_space == "none" else "xyz".index(self.redshift_space)

    @property
    def is_complete(self) -> bool:
        """Whether every halo is seen."""
        return not self.mask and not self.selection


def observe(halos: Halos, survey: Survey, omega_m: float, box: Box) -> Halos:
    """The halos that the survey sees, where it sees them. Raises DataError for a mask that does not fit."""
    halos = in_redshift_space(halos, survey, omega_m, box.size)
    if survey.is_complete:
        return halos
    rows = seen(halos, survey, box, completeness(survey, box.n))
    log.info("the survey sees %d of %d halos", np.count_nonzero(rows), len(halos))
    return only(halos, np.flatnonzero(rows))


def in_redshift_space(halos: Halos, survey: Survey, omega_m: float, box_size: float) -> Halos:
    """The halos where their redshifts show them, unless they are there already.

    Raises DataError for halos that were moved along another axis.
    """
    axis, moved = survey.line_of_sight, halos.attrs.get("redshift_space")
    if axis is None or moved == survey.redshift_space:
        return halos
    if moved is not None:
        raise DataError(f"the halos are in redshift space along {moved} already, not along {survey.redshift_space}")
    shown = redshift_space(halos.position, halos.velocity, axis, halos.redshift, omega_m, box_size)
    columns = halos.columns | {"position": shown, "position_real": halos.position}
    return dataclasses.replace(halos, columns=columns, attrs=halos.attrs | {"redshift_space": survey.redshift_space})


def seen(halos: Halos, survey: Survey, box: Box, mask: np.ndarray | None) -> np.ndarray:
    """Which halos, where they are shown, the survey sees: (m,) bool. mask : its `completeness`

    Each cell of the grid of [box] has one random number, the same for every catalogue; a halo is seen where its share
    is above it.
    """
    cell = cell_of(halos.position, box.n, box.size)
    share = np.ones(len(halos))
    if mask is not None:
        share *= mask[cell]
    if survey.selection:
        masses, shares = zip(*survey.selection, strict=True)
        share *= np.interp(np.log(halos.mass), np.log(masses), shares)
    return np.random.default_rng(survey.seed).random((box.n, box.n, box.n))[cell] < share


def completeness(survey: Survey | None, n: int) -> np.ndarray | None:
    """The share of the halos that is seen in each cell, (n, n, n) float32; None where there is no mask."""
    return read_mask(survey.mask, n) if survey and survey.mask else None


def seen_volume(survey: Survey | None, box: Box) -> float:
    """(Mpc/h)^3: that of the box, times the mean share that the mask lets through."""
    share = completeness(survey, box.n)
    return box.size**3 * (1.0 if share is None else float(share.mean(dtype=np.float64)))


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
