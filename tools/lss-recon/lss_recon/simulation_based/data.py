"""The data of an inference: the observed field, compressed by the network of [recon] to its score estimates."""

import logging
from dataclasses import dataclass

import numpy as np

from lss.errors import ConfigError, DataError
from lss.learned import compression
from lss.universe import Universe
from lss_recon.config import Config
from lss_recon.simulation_based.simulators import Compress, compress_finite

log = logging.getLogger("lss.recon")


@dataclass(frozen=True)
class Data:
    """The observed field's summaries, and what compressed them.

    summaries : (p,) score estimates; compress : fields (b, 1, n, n[, n]) -> score estimates (b, p)
    """

    summaries: np.ndarray
    compressor: compression.Compressor
    compress: Compress


def compress_data(universe: Universe, config: Config) -> Data:
    """Compress the field [inference] data of a universe.

    Raises DataError if there is none, it is not finite or in another box than the network was trained on, ConfigError
    if that was trained for other parameters.
    """
    inference, name = config.inference, config.recon.checkpoint
    compressor = compression.load(name)
    if compressor.parameters != inference.parameters:
        raise ConfigError(
            f"checkpoint {name} was trained for {', '.join(compressor.parameters)};"
            f" [inference] parameters = {list(inference.parameters)}"
        )

    compressor.refuse_other_box(universe)

    def compress(fields: np.ndarray) -> np.ndarray:
        return compressor.score_estimate(compressor.summaries(fields))

    field = universe.field(inference.data)
    (x,) = compress_finite(field.value[None, None].astype(np.float32), compress)
    if not np.isfinite(x).all():
        raise DataError(f"{universe.source}: /fields/{inference.data} is not finite, or its summaries are not")
    sigma = np.sqrt(np.diag(np.linalg.inv(compressor.fisher)))
    columns = zip(inference.parameters, x, sigma, strict=True)
    log.info("score estimate: %s", ", ".join(f"{key} = {value:.4g} +- {error:.2g}" for key, value, error in columns))
    if not inference.prior.contains(x):
        log.warning(
            "the score estimate lies outside the prior; summaries are accurate only near the fiducial parameters"
        )
    return Data(x, compressor, compress)
