"""The halo fields in which a simulated catalogue is compared with the observed one, and their mismatch."""

from collections.abc import Callable

import numpy as np

from lss import stages
from lss.config import Box, Settings
from lss.errors import DataError
from lss.grid.fourier import smooth
from lss.halos.halo_fields import halo_fields, mass_bins, mass_edges
from lss.halos.survey import completeness
from lss.universe import Halos

FieldsOf = Callable[[Halos], np.ndarray]


def compared_fields(observed: Halos, box: Box, settings: Settings, mean_counts: str = "data") -> FieldsOf:
    """Catalogue -> the halo fields that are compared, (channels, n, n, n) float32, as [halo] says.

    mean_counts : "data" normalises all by the mean counts of the observed catalogue, so that a lack of halos is a
        mismatch too; "own" each by its own
    Raises DataError if no observed halo is within [halo] mass_range.
    """
    halo = stages.table("halo", settings)
    low, high = halo.mass_range
    edges = mass_edges(low, high, halo.mass_bins)
    reference, share = mass_bins(observed.mass, edges), completeness(halo.survey, box.n)
    if not reference.count.sum():
        raise DataError(f"none of the {len(observed)} observed halos is within [halo] mass_range = [{low:g}, {high:g}]")

    def fields(halos: Halos) -> np.ndarray:
        return halo_fields(
            *(halos.position, halos.mass, box.n, box.size),
            mass_bins(halos.mass, edges) if mean_counts == "own" else reference,
            channels=halo.fields,
            assignment=halo.assignment,
            velocity=halos.known_velocity,
            completeness=share,
        )

    return fields


def mismatch(fields: np.ndarray, data: np.ndarray, smoothing: float, box_size: float) -> float:
    """Mean of (S(x) - d)^2 over channels and voxels, both smoothed with a Gaussian of R = `smoothing` Mpc/h.

    fields, data : (channels, n, n, n) float32 overdensities
    Source: LULO Eq. 5 (without smoothing).
    """
    differences = (smooth(difference, smoothing, box_size) for difference in fields - data)
    return float(np.mean([np.mean(np.square(difference, dtype=np.float64)) for difference in differences]))
