import numpy as np
import pytest
import torch

from lss.config import Box, Configuration
from lss.differentiable.forward import forward_model
from lss.differentiable.lpt import hartley
from lss.learned import fitted_bias
from lss.learned.mock_halos import draw_halos
from lss.learned.neural_bias import unfitted
from lss.physics.random_field import white_noise
from lss.universe import Halos, Universe, WhiteNoise

N, BOX, THRESHOLD = 8, 32.0, 1e13


class Small:
    """A box of 8^3 whose halos were drawn from a bias, and the checkpoint of that bias."""

    def __init__(self, folder):
        self.configuration = Configuration(box=Box(size=BOX, n=N))
        self.noise = white_noise(1, 0, N)
        forward = forward_model("1lpt", self.configuration.cosmology, N, BOX, dtype=torch.float64)
        with torch.no_grad():
            self.density = forward(hartley(torch.from_numpy(self.noise).double()))
        self.bias = unfitted(self.density, THRESHOLD, 2e-3, BOX / N, gaussians=1, log_floor=0.1)
        self.theta = torch.zeros(self.bias.parameters, dtype=torch.float64)
        # With slopes of the mixture at zero every density would have the same halos, and no phases would be preferred.
        given = {"w_psi0": 1.0, "w_psi1": 0.5, "w_alpha0": 1.5, "w_mu0": 0.5}
        for name, value in given.items():
            self.theta[self.bias.names().index(name)] = value
        self.checkpoint = folder / "bias.safetensors"
        card = {
            "training": {"neural_bias": {"density": "1lpt"}},
            "data": {"mass_definition": "200c"},
            "validation": {},
        }
        factor = 0.3 * torch.eye(self.bias.parameters, dtype=torch.float64)
        fitted_bias.save(self.checkpoint, self.bias, self.theta, factor, card)
        self.drawn = draw_halos(self.bias, self.theta, self.density, BOX, np.random.default_rng(1))

    def universe(self, **changed):
        """The drawn halos with the phases behind them."""
        columns = {
            "position": self.drawn.position.astype(np.float32),
            "velocity": np.zeros_like(self.drawn.position, dtype=np.float32),
            "mass": self.drawn.mass.astype(np.float32),
        } | changed
        made = Universe.create(self.configuration).with_noise(WhiteNoise(self.noise, 1))
        return made.with_halos(Halos(columns, "200c", "toy", 0.0))

    def settings(self, **hmc):
        """Tables for lss-recon: chains of seconds."""
        short = {"warm_up": 60, "draws": 30, "thin": 2, "fields": 4, "chains": 2, "bias": str(self.checkpoint)}
        return {
            "box": {"size": BOX, "n": N},
            "halo": {"mass_definition": "200c"},
            "recon": {"method": "hmc", "hmc": {**short, **hmc}},
        }


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    return Small(tmp_path_factory.mktemp("neural-bias"))
