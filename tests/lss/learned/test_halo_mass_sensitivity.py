"""The gradient of a predicted halo mass is that of finite differences."""

import numpy as np
import pytest
import torch

from lss.errors import DataError
from lss.learned.halo_mass import HaloMass, Inputs
from lss.learned.halo_mass_sensitivity import sensitivity
from lss.nets.halo_mass_net import DenseNet, PerceptronNet

N, BOX, POINT = 8, 16.0, 77


def test_the_sensitivity_is_the_finite_difference_of_predictions():
    torch.manual_seed(1)
    channels = ("density", "potential", "displacement", "gradient", "tide")
    inputs = Inputs("dense", "raw", (1e12, 1e14), BOX / N, channels, (1.0, 30.0, 5.0, 1.0, 1.0))
    model = HaloMass(DenseNet(14, 4, 1).eval(), {"training": {"loss": "cauchy"}}, inputs, "toy", "cpu")
    random = np.random.default_rng(1)
    linear = random.standard_normal((N, N, N)).astype(np.float32)
    slope = sensitivity(model, linear, BOX, POINT)
    for _ in range(3):
        way = random.standard_normal((N, N, N)).astype(np.float32)
        above, below = (model.predict(linear + step * way, BOX, np.array([POINT]))[0][0] for step in (0.02, -0.02))
        assert np.sum(slope * way) == pytest.approx((above - below) / 0.04, rel=0.03, abs=3e-4)


def test_only_a_dense_network_has_a_sensitivity():
    inputs = Inputs("perceptron", "raw", (1e12, 1e14), BOX / N, radii=(2.0,), multipoles=(0,))
    model = HaloMass(PerceptronNet(1, ()), {"training": {"loss": "mse"}}, inputs, "toy", "cpu")
    with pytest.raises(DataError, match="toy: a perceptron network"):
        sensitivity(model, np.zeros((N, N, N), np.float32), BOX, 0)
