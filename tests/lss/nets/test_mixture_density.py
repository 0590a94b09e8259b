"""The mixture of Gaussians against quadrature and the paper's formulas."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from lss.nets.mixture_density import MixtureDensity

THRESHOLD = math.log(2e12)


def head(coordinates="scaled", gaussians=2):
    return MixtureDensity(gaussians, THRESHOLD, 3e-4, coordinates=coordinates)


@pytest.mark.parametrize("coordinates", ["scaled", "paper"])
@pytest.mark.parametrize("gaussians", [1, 2, 3])
def test_the_integral_above_the_threshold_is_that_of_quadrature(coordinates, gaussians):
    model = head(coordinates, gaussians)
    theta = torch.from_numpy(np.random.default_rng(gaussians).normal(size=model.parameters))
    for psi in (0.1, 1.0, 3.0):
        mixture = model(torch.tensor([psi], dtype=torch.float64), theta)
        density = lambda x, m=mixture: float(torch.exp(m.log_density(torch.tensor([x], dtype=torch.float64))))  # noqa: E731
        centre = [float(v) for v in mixture.mu[:, 0]]
        width = float(mixture.sigma.max())
        top = max(*centre, THRESHOLD) + 12 * width
        inside = [c for c in centre if THRESHOLD < c < top]
        expected = quad(density, THRESHOLD, top, points=inside or None, epsabs=0, epsrel=1e-9, limit=400)[0]
        assert float(mixture.above(THRESHOLD)) == pytest.approx(expected, rel=1e-6)


def test_the_paper_coordinates_are_its_equations():
    theta = torch.linspace(-1, 1, 12, dtype=torch.float64)
    wa, ba, wm, bm, ws, bs, wa1, ba1, wm1, bm1, ws1, bs1 = theta.tolist()
    psi = 0.7
    mixture = head("paper")(torch.tensor(psi, dtype=torch.float64), theta)
    softplus = lambda x: math.log1p(math.exp(x))  # noqa: E731
    assert float(mixture.alpha[0]) == pytest.approx(softplus(wa * psi + ba + math.log(1e-3)))
    assert float(mixture.alpha[1]) == pytest.approx(softplus(wa1 * psi + ba1 + math.log(1e-3)))
    assert float(mixture.mu[0]) == pytest.approx(wm * psi + bm + THRESHOLD)
    assert float(mixture.mu[1]) == pytest.approx(wm * psi + bm + THRESHOLD + max(0.0, wm1 * psi + bm1))
    assert float(mixture.sigma[0]) == pytest.approx(softplus(ws * psi + bs + math.log(1e3)))
    assert float(mixture.sigma[1]) == pytest.approx(softplus(ws1 * psi + bs1 + math.log(1e3)))


def test_two_gaussians_have_twelve_parameters_with_names():
    assert head().parameters == len(head().names()) == 12


def test_the_scaled_means_are_ordered_and_smooth_where_the_paper_clips():
    theta = torch.zeros(12, dtype=torch.float64)
    theta[9] = -3.0  # the shift of the second mean
    theta = theta.requires_grad_()
    mixture = head()(torch.tensor(1.0, dtype=torch.float64), theta)
    assert float(mixture.mu[1]) > float(mixture.mu[0])
    (gradient,) = torch.autograd.grad(mixture.mu[1] - mixture.mu[0], theta)
    assert gradient[9] > 0
    (clipped,) = torch.autograd.grad(head("paper")(torch.tensor(1.0, dtype=torch.float64), theta).mu[1], theta)
    assert clipped[9] == 0
