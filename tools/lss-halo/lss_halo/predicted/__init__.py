"""Trained networks that predict halos, or fields of them, without a finder.

A model is one module and one line in NETWORKS. The module has

    predict(universe, config, checkpoint) -> Universe   with /halos (finder = the model's name), or with /fields/...
    plan(universe, config)                -> Plan       what that costs; universe is None where the input is a pipe

and is imported only when a network of its model is used. Fields have the names `predicted_halo_mass` and
`halo_probability` (one value per particle, Lagrangian order) or `halo_model` (on the grid, Eulerian).
"""

import importlib
from typing import Any

from lss.errors import ConfigError
from lss.nets.checkpoint import read_card

NETWORKS: dict[str, str] = {
    "halo-mass": "lss_halo.predicted.halo_mass",
    "lagrangian-bias": "lss_halo.predicted.lagrangian_bias",
    "neural-bias": "lss_halo.predicted.neural_bias",
}
"""The model that a checkpoint's card names -> the module that predicts with it."""


def predictor(checkpoint: str) -> Any:
    """The module that predicts with this checkpoint, by its card's model.

    checkpoint : name or path
    Raises ConfigError for a model that predicts no halos, naming those that do, and DataError as `read_card`.
    """
    model = read_card(checkpoint)["model"]
    if model not in NETWORKS:
        known = ", ".join(f"'{name}'" for name in NETWORKS) or "none yet"
        raise ConfigError(
            f"[halo] network = {checkpoint!r}: a checkpoint of model '{model}', which predicts no halos; models that"
            f" do: {known}"
        )
    return importlib.import_module(NETWORKS[model])
