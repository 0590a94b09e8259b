"""Learned summaries of a field, and what the field could tell at most."""

import numpy as np

from lss.errors import ConfigError
from lss.inference import Inference
from lss.learned.compression import load
from lss.universe import Group, Universe
from lss_stats.config import Statistics


def summaries(universe: Universe, config: Statistics, inference: Inference) -> Group:
    """The summaries of /fields/[inference] data by [stats] checkpoint, and the parameters that they estimate.

    Columns: summary (s,); estimate and error (p,), the score estimate and the root of the diagonal of F^-1.
    Raises ConfigError without a checkpoint, DataError if the field or the box does not suit it.
    """
    if config.checkpoint is None:
        raise ConfigError('[stats] measure = ["summaries"] needs checkpoint = the network that makes them')
    compressor = load(config.checkpoint)
    compressor.refuse_other_box(universe)
    field = universe.field(inference.data).value
    summary = compressor.summaries(np.asarray(field, dtype=np.float32)[None, None])
    estimate = compressor.score_estimate(summary)[0]
    error = np.sqrt(np.diag(np.linalg.inv(compressor.fisher)))
    data = {"estimate": estimate, "error": error, "summary": summary[0], "fisher": compressor.fisher}
    attrs = {
        "parameters": " ".join(compressor.parameters),
        "checkpoint": config.checkpoint,
        "data": inference.data,
        "fiducial": np.asarray(compressor.fiducial),
    }
    return Group(data, attrs)


def information(universe: Universe, inference: Inference) -> Group:
    """Fisher matrices (p, p) at the fiducial parameters of a power-law or lognormal field: exact, of all its voxels
    (`field`), and of its binned power spectrum (`power_spectrum`, by simulations)."""
    from lss.differentiable.field_models import simulator
    from lss.differentiable.information import field_information, power_spectrum_information

    simulate = simulator(universe.config, inference.parameters)
    data = {
        "field": field_information(simulate, inference.fiducial),
        "power_spectrum": power_spectrum_information(simulate, inference.fiducial, inference.step),
    }
    roots = {f"sqrt_det_{name}": float(np.sqrt(np.linalg.det(fisher))) for name, fisher in data.items()}
    attrs = {"parameters": " ".join(inference.parameters), "fiducial": np.array(inference.fiducial), **roots}
    return Group(data, attrs)
