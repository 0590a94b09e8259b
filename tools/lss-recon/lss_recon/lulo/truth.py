"""How a reconstruction fares against a known truth: columns of the history for tests, seen by no part of the loop."""

import logging
from collections.abc import Callable
from pathlib import Path

from lss.config import Painting
from lss.errors import DataError
from lss.files.universe_file import read_universe
from lss.halos.six_fields import PAINTED, recovery, reference_bins, six_fields
from lss.universe import Universe
from lss_recon.lulo.loop import Evaluation

log = logging.getLogger("lss.recon")

PREFIX = "k80_"  # of the columns, before the name of the field


def against_truth(path: Path, blank: Universe) -> Callable[[Evaluation], dict[str, float]]:
    """Evaluation -> the k (h/Mpc) where r(k) falls through 0.8, "k80_ic" and so on, of those of the six fields that
    the truth has what is needed for (`lss.halos.six_fields`). The log gives them a second time, as "k80_default", with
    the fields painted as lss-stats does by default.

    path : a universe with /ic, particles, /fields/matter or /halos; blank : one with the box that it must have
    """
    truth = read_universe(path, ["ic", "PartType1", "halos", "fields"])
    if truth.box != blank.box:
        raise DataError(f"--truth {path}: a universe of {truth.box}; the reconstruction is of {blank.box}")
    reference = reference_bins(truth) if truth.has("halos") else None
    fields = six_fields(truth, reference)
    if not fields:
        raise DataError(f"--truth {path}: no white noise, particles or halos to compare a reconstruction with")

    by_default = six_fields(truth, reference, Painting(), PAINTED)

    def figures(evaluation: Evaluation) -> dict[str, float]:
        universe, size = evaluation.outcome, truth.box.size
        found = recovery(six_fields(universe, reference), fields, size)
        found_by_default = found | recovery(six_fields(universe, reference, Painting(), PAINTED), by_default, size)
        reached = ", ".join(f"{name} {compared.k80:.3g}" for name, compared in found_by_default.items())
        log.info("k80_default: %s", reached)
        return {f"{PREFIX}{name}": compared.k80 for name, compared in found.items()}

    return figures
