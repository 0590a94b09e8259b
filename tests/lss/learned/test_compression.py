import json

import numpy as np
import pytest
import torch

from lss.config import Box, Cosmology
from lss.errors import DataError
from lss.learned.compression import Compressor, Moments, load, log_det
from lss.nets.checkpoint import build, save_checkpoint
from lss.universe import Universe

ARCHITECTURE = {
    "kind": "compressor",
    **{"dimensions": 2, "n": 16, "outputs": 2, "bands": 4, "channels": 2, "levels": 2, "hidden": 4},
}


def toy(random, n, derivative, root, m=None):
    """Summaries theta D + noise with covariance root root^T, at theta = 0, and their noisy derivatives."""
    summaries = random.normal(size=(n, len(root))) @ root.T
    scatter = random.normal(size=(len(derivative), m or n, len(root)))
    return Moments.of(summaries, derivative[:, None] + scatter)


def test_the_fisher_matrix_of_few_simulations_is_right_on_average():
    random = np.random.default_rng(3)
    derivative, root = np.array([[2.0, 0.5], [0.0, 1.5]]), np.array([[1.0, 0.0], [0.6, 0.7]])
    expected = derivative @ np.linalg.inv(root @ root.T) @ derivative.T
    found = np.mean([toy(random, 12, derivative, root).fisher() for _ in range(4000)], axis=0)
    assert found == pytest.approx(expected, rel=0.03)


def test_the_logarithm_of_det_f_is_minus_infinity_unless_f_is_positive():
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    for eigenvalues, expected in (([2.0, 3.0], np.log(6)), ([-2.0, -3.0], -np.inf), ([2.0, -3.0], -np.inf)):
        assert log_det(turn @ np.diag(eigenvalues) @ turn.T) == pytest.approx(expected)


def card(**changes):
    measured = {
        "mean": [1.0, 2.0],
        "covariance": [[1.0, 0.2], [0.2, 2.0]],
        "derivative": [[3.0, 0.0], [1.0, 2.0]],
        "fisher": (np.array([[3.0, 0], [1, 2]]) @ np.linalg.inv([[1, 0.2], [0.2, 2]]) @ [[3, 1], [0, 2]]).tolist(),
    }
    whole = {
        "model": "imnn",
        "architecture": ARCHITECTURE,
        "inputs": {"data": "power_law", "parameters": ["ic.amplitude", "ic.slope"], "fiducial": [1.0, 0.5]},
        "training": {},
        "data": {},
        "validation": measured,
    }
    return whole | changes


def stored(path, **changes):
    torch.manual_seed(1)
    save_checkpoint(path, build(ARCHITECTURE, "test").state_dict(), card(**changes))
    return path


def test_the_score_estimate_undoes_a_linear_response(tmp_path):
    compressor = load(stored(tmp_path / "net.safetensors"))
    theta = np.array([[1.3, 0.2], [0.8, 0.9]])
    summaries = compressor.mean + (theta - compressor.fiducial) @ compressor.derivative
    assert compressor.score_estimate(summaries) == pytest.approx(theta)


def test_score_estimates_scatter_with_the_inverse_fisher_matrix(tmp_path):
    compressor = load(stored(tmp_path / "net.safetensors"))
    summaries = np.random.default_rng(1).multivariate_normal(compressor.mean, compressor.covariance, 20_000)
    found = np.cov(compressor.score_estimate(summaries).T)
    assert found @ compressor.fisher == pytest.approx(np.eye(2), abs=0.05)


def test_a_loaded_compressor_takes_arrays_and_tensors_of_any_number(tmp_path):
    compressor = load(stored(tmp_path / "net.safetensors"))
    fields = torch.randn(130, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    summaries = compressor.summaries(fields)
    assert (summaries.shape, summaries.dtype) == ((130, 2), np.float64)
    assert compressor.summaries(fields.numpy()[5:6]) == pytest.approx(summaries[5:6], abs=1e-5)
    with pytest.raises(DataError, match=r"trained on fields of shape \(16, 16\)"):
        compressor.summaries(fields[..., :8])


def test_fewer_simulations_than_summaries_and_degenerate_ones_are_said_in_a_line():
    random = np.random.default_rng(1)
    derivative = np.eye(2)
    with pytest.raises(DataError, match="too few for a covariance of 2 summaries, which needs 5"):
        toy(random, 4, derivative, np.eye(2))
    with pytest.raises(DataError, match="3 of 50 simulations have no finite summaries"):
        Moments.of(np.where(np.arange(50)[:, None] < 3, np.nan, random.normal(size=(50, 2))), np.ones((2, 50, 2)))
    with pytest.raises(DataError, match="degenerate"):
        toy(random, 50, derivative, np.array([[1.0, 0.0], [2.0, 0.0]])).fisher()


def test_what_is_no_compressor_is_refused(tmp_path):
    with pytest.raises(DataError, match="model 'density'; expected 'imnn'"):
        load(stored(tmp_path / "a.safetensors", model="density"))
    with pytest.raises(DataError, match="do not fit the architecture"):
        load(stored(tmp_path / "b.safetensors", architecture=ARCHITECTURE | {"channels": 3}))
    with pytest.raises(DataError, match="unknown architecture"):
        load(stored(tmp_path / "c.safetensors", architecture=ARCHITECTURE | {"n": 10**9}))
    with pytest.raises(DataError, match="do not fit together"):
        load(stored(tmp_path / "d.safetensors", validation=card()["validation"] | {"mean": [1.0]}))
    for fisher in ([[2.0, 0.0], [0.0, -1.0]], [[1.0, 1.0], [1.0, 1.0]]):
        broken = card()["validation"] | {"fisher": fisher}
        with pytest.raises(DataError, match=r"f.safetensors: the card's Fisher matrix is not positive definite"):
            load(stored(tmp_path / "f.safetensors", validation=broken))
    with pytest.raises(DataError, match="does not describe a compressor"):
        load(stored(tmp_path / "e.safetensors", inputs={}))


def in_box(size):
    return Universe(Cosmology(), Box(n=16, size=size), {}, {}, "u.h5")


@pytest.mark.parametrize("data", [{"box": {"size": 64.0}}, {"simulator": {"box": {"size": 64.0}}}])
def test_data_in_another_box_than_that_of_the_card_is_refused(tmp_path, data):
    compressor = load(stored(tmp_path / "net.safetensors", data=data))
    compressor.refuse_other_box(in_box(64.0))
    with pytest.raises(DataError, match=r"u.h5: box of 256 Mpc/h, but .*net.safetensors was trained on 64$"):
        compressor.refuse_other_box(in_box(256.0))


def test_a_card_without_a_box_takes_data_of_any(tmp_path):
    load(stored(tmp_path / "net.safetensors")).refuse_other_box(in_box(256.0))


def test_the_card_survives_the_file(tmp_path):
    compressor = load(stored(tmp_path / "net.safetensors"))
    assert isinstance(compressor, Compressor)
    assert compressor.card == json.loads(json.dumps(card()))
    assert compressor.parameters == ("ic.amplitude", "ic.slope")
