"""What multipoles and wedges share: fields in redshift space, and the line of sight."""

import numpy as np

from lss.grid.fourier import half_space_weights
from lss.grid.spectra import inverse_windows
from lss_stats.config import Statistics
from lss_stats.measures.fields import IN_REDSHIFT_SPACE, FieldModes
from lss_stats.measures.statistic import Subject


def fields_in_redshift_space(subject: Subject) -> dict[str, tuple[str, ...]]:
    """Matter and halos as an observer sees them."""
    return {name: () for name in subject.fields.everything if name.endswith(IN_REDSHIFT_SPACE)}


def attributes(field: FieldModes, config: Statistics) -> dict[str, str | int | float]:
    return {
        "field": field.name,
        "source": field.source,
        "line_of_sight": config.line_of_sight,
        "grid": field.n,
        "nyquist": field.nyquist,
    }


def prepare(field: FieldModes, config: Statistics) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    axis = "xyz".index(config.line_of_sight)
    inverse = inverse_windows(field.n, [field.window])[0] ** 2
    return field.modes[0], inverse, half_space_weights(field.n), axis
