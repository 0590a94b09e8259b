"""The reference of bench.imnn_posterior is the posterior of summaries whose moments move with the parameters."""

import numpy as np
import pytest
from bench.imnn_reference import Moving, Weighted

from lss.inference import Prior

FIDUCIAL, FISHER = np.array([1.0, 0.5]), np.array([[2000.0, -1500.0], [-1500.0, 1700.0]])
ROOT = np.linalg.cholesky(FISHER)
PRIOR = Prior(np.array([-5.0, -5.0]), np.array([5.0, 5.0]))


def response(z, bent):
    """Mean and standard deviations of the summaries, in Fisher units; straight and constant for bent = 0."""
    mean = z + bent * np.stack([-0.12 * z[..., 1] ** 2, 0.05 * z[..., 0] * z[..., 1]], axis=-1)
    return mean, np.exp(bent * np.stack([0.1 * z[..., 1], -0.15 * z[..., 0]], axis=-1))


def fitted(bent):
    rng = np.random.default_rng(1)
    z = 2.5 * rng.standard_normal((20_000, 2))
    mean, deviation = response(z, bent)
    y = mean + deviation * rng.standard_normal(z.shape)
    return Moving.fitted(*(FIDUCIAL + a @ np.linalg.inv(ROOT) for a in (z, y)), FIDUCIAL, FISHER)


def on_a_grid(y, bent):
    axis = np.linspace(-8, 8, 400)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    mean, deviation = response(z, bent)
    log_density = -0.5 * (((y - mean) / deviation) ** 2).sum(1) - np.log(deviation).sum(1)
    weights = np.exp(log_density - log_density.max())
    return Weighted(FIDUCIAL + z @ np.linalg.inv(ROOT), weights / weights.sum())


@pytest.mark.parametrize("bent", [0.0, 1.0])
def test_the_reference_is_the_posterior_of_moments_that_move(bent):
    y = np.array([0.8, 1.2])
    x = FIDUCIAL + y @ np.linalg.inv(ROOT)
    found, exact = fitted(bent).posterior(x, PRIOR, np.random.default_rng(2)), on_a_grid(y, bent)
    shift, area = found.compared(exact.mean, exact.covariance)
    assert shift < 0.03
    assert area == pytest.approx(1, abs=0.05)
    shift, area = found.compared(x, np.linalg.inv(FISHER))
    assert shift > 0.1 if bent else shift < 0.03
