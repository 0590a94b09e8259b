"""The loss is the density of a Cauchy distribution between -1 and 1, by numerical integration, with smooth walls."""

import numpy as np
import pytest
import scipy.integrate
import torch

from lss.nets.truncated_cauchy import EDGE, cauchy_loss, negative_log_likelihood, truncated_mean

GAMMAS = [0.05, 0.26, 1.5]


def tensor(value):
    return torch.tensor(value, dtype=torch.float64)


def density(y, gamma):
    """Normalised by quadrature, from nothing but the Lorentzian."""

    def lorentzian(d):
        return 1 / (1 + ((d - y) / gamma) ** 2)

    norm = scipy.integrate.quad(lorentzian, -1, 1, points=[y], epsabs=1e-13)[0]
    return lambda d: lorentzian(d) / norm


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("y", [-0.95, -0.3, 0.0, 0.7, 1.0])
def test_the_loss_is_minus_the_logarithm_of_the_truncated_density(y, gamma):
    for d in (-1.0, -0.2, 0.65, 1.0):
        found = cauchy_loss(tensor(y), tensor(d), tensor(gamma)).item()
        assert found == pytest.approx(-np.log(density(y, gamma)(d)), abs=1e-8)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradients_are_those_of_the_integrated_likelihood(gamma):
    y, d, step = 0.4, -0.3, 1e-5
    variables = [tensor(y).requires_grad_(), tensor(gamma).requires_grad_()]
    cauchy_loss(variables[0], tensor(d), variables[1]).backward()

    def loss(y, gamma):
        return -np.log(density(y, gamma)(d))

    by_y = (loss(y + step, gamma) - loss(y - step, gamma)) / (2 * step)
    by_gamma = (loss(y, gamma + step) - loss(y, gamma - step)) / (2 * step)
    assert variables[0].grad.item() == pytest.approx(by_y, abs=1e-5)
    assert variables[1].grad.item() == pytest.approx(by_gamma, abs=1e-4)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("side", [-1.0, 1.0])
@pytest.mark.parametrize("d", [-1.0, 0.1, 0.9])
def test_walls_are_continuous_in_value_and_slope(side, d, gamma):
    values, slopes = [], []
    for y in (side * (1 - 1e-9), side * (1 + 1e-9)):
        variable = tensor(y).requires_grad_()
        value = cauchy_loss(variable, tensor(d), tensor(gamma))
        value.backward()
        values.append(value.item())
        slopes.append(variable.grad.item())
    assert values[1] == pytest.approx(values[0], abs=1e-6)
    assert slopes[1] == pytest.approx(slopes[0], abs=1e-5)


def test_walls_rise_steeper_and_steeper_and_stay_finite_in_single_precision():
    y = torch.linspace(1.0, EDGE + 20, 400).requires_grad_()
    loss = cauchy_loss(y, torch.full((400,), -1.0), torch.tensor(0.2))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert (torch.diff(y.grad[:20]) > 0).all()
    assert (y.grad[20:] > 100).all()


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("y", [-1.0, -0.4, 0.8])
def test_the_mean_is_that_of_the_integrated_density(y, gamma):
    p = density(y, gamma)
    mean = scipy.integrate.quad(lambda d: d * p(d), -1, 1, points=[y])[0]
    assert truncated_mean(tensor(y), tensor(gamma)).item() == pytest.approx(mean, abs=1e-7)


def test_the_likelihood_needs_no_walls_inside():
    y = torch.linspace(-1, 1, 9, dtype=torch.float64)
    inside = negative_log_likelihood(y, tensor(0.3), tensor(0.2))
    torch.testing.assert_close(cauchy_loss(y, tensor(0.3).expand(9), tensor(0.2)), inside)
