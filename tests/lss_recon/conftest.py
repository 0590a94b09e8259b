import numpy as np
import pytest

from lss import fourier
from lss_recon.directions import by_estimate
from lss_recon.loop import Problem
from lss_recon.modes import filtered, wavenumber


class LinearToy:
    """A simulator whose posterior is known exactly: each mode is multiplied by R(k), and noise of rms `noise` is added.

    Its estimator A is the Wiener filter, E[x | d] mode by mode.
    """

    n, box_size, noise = 8, 16.0, 0.3

    def __init__(self):
        self.k = wavenumber(self.n, self.box_size)
        self.response = np.exp(-((1.2 * self.k) ** 2) / 2) * (self.k < 1.2)
        self.filter = self.response / (self.response**2 + self.noise**2)
        self._random = np.random.default_rng(5)

    def draw(self):
        return self._random.standard_normal((self.n,) * 3).astype(np.float32)

    def simulate(self, noise):
        return filtered(noise, self.response)

    def simulate_with_noise(self, noise):
        return self.simulate(noise) + np.float32(self.noise) * self.draw()

    def wiener(self, data):
        return filtered(data, self.filter)

    def modes(self, noise):
        """Modes of unit variance under the prior."""
        return fourier.forward(noise) / self.n**1.5

    def problem(self, data, forward=None, **further):
        """The reconstruction of `data` with the estimator as its own residual."""
        return Problem(
            forward=forward or self.simulate,
            loss=lambda outcome: float(np.mean((outcome - data) ** 2)),
            direction=by_estimate(self.wiener, self.wiener(data)),
            **further,
        )


class Counter:
    """A forward model that counts its calls and refuses to see a point twice."""

    def __init__(self, forward):
        self._forward, self.seen = forward, []

    def __call__(self, noise):
        point = noise.tobytes()
        assert point not in self.seen, "simulated twice"
        self.seen.append(point)
        return self._forward(noise)


@pytest.fixture
def toy():
    return LinearToy()


@pytest.fixture
def counter(toy):
    return Counter(toy.simulate)
