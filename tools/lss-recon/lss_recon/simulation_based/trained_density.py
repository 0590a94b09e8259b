"""A density that was trained before, in the place of simulations: [recon.delfi] density."""

import numpy as np

from lss.errors import ConfigError
from lss.files.provenance import file_hash
from lss.inference import Prior
from lss.learned.conditional_density import ConditionalDensity
from lss.learned.conditional_density import load as load_density
from lss.nets.checkpoint import resolve
from lss_recon.config import Config
from lss_recon.simulation_based.proposals import box_about
from lss_recon.simulation_based.target import refuse_outside


def load_trained(name: str, config: Config, observed: np.ndarray) -> tuple[ConditionalDensity, Prior]:
    """A trained density and the box of parameters that it knows.

    Raises ConfigError if it is of other parameters or another network, or its simulations do not reach over the prior,
    DataError if the data are unlike all of them.
    """
    density, data = load_density(name)
    names, prior, checkpoint = config.inference.parameters, config.inference.prior, config.recon.checkpoint
    if density.names != names:
        raise ConfigError(
            f"density {name} was trained for {', '.join(density.names)}; [inference] parameters = {list(names)}"
        )
    if data.get("compressor_sha256") != file_hash(resolve(checkpoint)):
        raise ConfigError(
            f"density {name} was trained on the summaries of another network; [recon] checkpoint = {checkpoint}"
        )
    drawn = np.array([data["low"], data["high"]])
    box = box_about(drawn, prior)
    unknown = np.flatnonzero((box.low > prior.low) | (box.high < prior.high))
    if len(unknown):
        i = unknown[0]
        raise ConfigError(
            f"density {name} was trained on simulations with {names[i]} from {drawn[0, i]:.4g} to {drawn[1, i]:.4g};"
            f" [inference] low and high reach from {prior.low[i]:g} to {prior.high[i]:g}: narrow them, or train on more"
        )
    if "summaries_low" in data:  # older cards lack it
        refuse_outside(observed, np.array([data["summaries_low"], data["summaries_high"]]))
    return density, box
