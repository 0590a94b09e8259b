"""What the paper tried beside its method, each by one line of the configuration (LULO section 4.3.1, appendix B)."""

import numpy as np
import pytest

from lss import stages
from lss.config import merge
from lss.errors import ConfigError


def reconstruct(observed, checkpoint, **recon):
    settings = merge(observed.config, {"recon": {"checkpoint": checkpoint, "max_simulations": 4, **recon}})
    return stages.run("recon", observed, settings)


def test_bisection_halves_or_doubles_the_step_from_the_first(observed, estimator):
    result = reconstruct(observed, estimator, step="bisection", line_search={"first_step": 0.5})
    history = result.group("recon").data
    tried = history["step"][history["update"] == 1]
    assert tried[0] == 0.5
    assert set(tried) <= {2.0**-i * j for i in range(6) for j in range(1, 16)}
    assert result.group("recon").attrs["loss"] == history["loss"].min()


def test_own_mean_counts_are_those_that_the_network_was_trained_with(observed, optimizer):
    paper = {"direction": "pairs", "start": "prior", "update": {"k_max": 10.0}, "max_simulations": 2}
    by_data = reconstruct(observed, optimizer, **paper).group("recon").data["loss"]
    with pytest.raises(ConfigError, match="trained on halo fields with mean_counts = data, here own"):
        reconstruct(observed, optimizer, loss={"mean_counts": "own"}, **paper)
    assert np.isfinite(by_data).all()


def test_own_mean_counts_change_the_mismatch(observed, estimator):
    losses = [
        reconstruct(observed, estimator, loss={"mean_counts": mean}, max_simulations=1, start="prior")
        .group("recon")
        .data["loss"]
        for mean in ("data", "own")
    ]
    assert losses[0] != losses[1]
