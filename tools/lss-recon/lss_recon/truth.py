"""How a reconstruction fares against a known truth: columns of the history for tests, seen by no part of the loop."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lss.errors import DataError
from lss.mesh import overdensity
from lss.random_field import linear_overdensity
from lss.spectra import falls_through, measure
from lss.universe import Field, Universe
from lss.universe_file import read_universe
from lss_recon.loop import Evaluation


def against_truth(path: Path, blank: Universe) -> Callable[[Evaluation], dict[str, float]]:
    """Evaluation -> k80_ic, and k80_matter if the truth has matter: the k (h/Mpc) where r(k) falls through 0.8.

    path : a universe with /ic, and particles or /fields/matter; blank : one with the box that it must have
    """
    truth = read_universe(path, ["ic", "PartType1", "fields"])
    if truth.box != blank.box:
        raise DataError(f"--truth {path}: a universe of {truth.box}; the reconstruction is of {blank.box}")
    size = blank.box.size
    linear = linear_overdensity(truth.noise.value, blank.cosmology, size)
    matter = _matter(truth)

    def figures(evaluation: Evaluation) -> dict[str, float]:
        found = {"k80_ic": _k80(linear_overdensity(evaluation.noise, blank.cosmology, size), linear, size)}
        if matter is not None:
            position = evaluation.outcome.particles.position
            simulated = overdensity(position, len(matter.value), size, matter.assignment)
            found["k80_matter"] = _k80(simulated, matter.value, size)
        return found

    return figures


def _matter(truth: Universe) -> Field | None:
    if truth.has("fields/matter"):
        return truth.field("matter")
    if truth.has("PartType1"):
        return Field(overdensity(truth.particles.position, truth.box.n, truth.box.size, "cic"), "cic")
    return None


def _k80(field: np.ndarray, truth: np.ndarray, box_size: float) -> float:
    spectra = measure([field, truth], box_size)
    return falls_through(spectra.k, spectra.correlation(0, 1))
