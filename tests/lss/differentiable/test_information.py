"""Exact Fisher matrices, held against dense covariances and the scores of simulated data."""

import dataclasses

import numpy as np
import pytest
import torch

from lss.differentiable.field_models import simulator
from lss.differentiable.information import binned_power, field_information, power_spectrum_information
from lss.errors import DataError

POWER_LAW = ("ic.amplitude", "ic.slope")
LOGNORMAL = ("cosmology.omega_m", "cosmology.sigma8")
CASES = [("power-law", POWER_LAW, (1.0, 0.5)), ("lognormal", LOGNORMAL, (0.649, 0.6))]


def made(field, parameters, n=8, size=None, dimensions=2):
    ic = {"field": field, "dimensions": dimensions}
    return simulator({"box": {"n": n, "size": size or 2.0 * n}, "ic": ic}, parameters)


def gaussian(simulate):
    """The simulator of G."""
    return dataclasses.replace(simulate, is_lognormal=False)


def covariance(simulate, theta):
    """Of the voxels of the Gaussian field, all but one: their mean is zero, so that the last one follows."""
    voxels = int(np.prod(simulate.shape))
    unit = torch.eye(voxels, dtype=torch.float64).view(voxels, *simulate.shape)
    response = gaussian(simulate).fields(torch.tensor([theta], dtype=torch.float64), unit).reshape(voxels, voxels)
    return (response.T @ response)[:-1, :-1].numpy()


def shifted(theta, a, step):
    return tuple(t + step * (i == a) for i, t in enumerate(theta))


@pytest.mark.parametrize(("field", "parameters", "theta"), CASES)
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_sum_over_modes_is_half_the_trace(field, parameters, theta, dimensions):
    simulate = made(field, parameters, 8 if dimensions == 2 else 6, dimensions=dimensions)
    inverse = np.linalg.inv(covariance(simulate, theta))
    h = 1e-4
    changes = [
        inverse @ (covariance(simulate, shifted(theta, a, h)) - covariance(simulate, shifted(theta, a, -h))) / (2 * h)
        for a in range(2)
    ]
    brute = [[0.5 * np.trace(a @ b) for b in changes] for a in changes]
    np.testing.assert_allclose(field_information(simulate, theta), brute, rtol=1e-4)


@pytest.mark.parametrize(("field", "parameters", "theta"), CASES)
def test_scores_of_simulated_fields_scatter_by_the_information(field, parameters, theta):
    simulate, count, h = made(field, parameters), 4000, 1e-3
    noise = simulate.noise(count, torch.Generator().manual_seed(5)).double()
    data = simulate.fields(torch.tensor([theta], dtype=torch.float64), noise)
    if field == "lognormal":  # all the data say is in G: ln(1 + delta) without its mean
        data = torch.log1p(data)
        data = data - data.mean((2, 3), keepdim=True)
    data = data.reshape(count, -1)[:, :-1].numpy()

    def log_likelihood(t):
        c = covariance(simulate, t)
        return -0.5 * np.einsum("bi,bi->b", data, np.linalg.solve(c, data.T).T) - 0.5 * np.linalg.slogdet(c)[1]

    scores = [
        (log_likelihood(shifted(theta, a, h)) - log_likelihood(shifted(theta, a, -h))) / (2 * h) for a in range(2)
    ]
    fisher = field_information(simulate, theta)
    error = np.sqrt((fisher**2 + np.outer(np.diag(fisher), np.diag(fisher))) / count)
    assert np.all(abs(np.cov(scores) - fisher) < 5 * error)
    assert np.all(abs(np.mean(scores, axis=1)) < 5 * np.sqrt(np.diag(fisher) / count))


def test_the_amplitude_of_a_power_law_is_told_by_every_real_number_of_the_field():
    n, amplitude = 128, 0.5
    fisher = field_information(made("power-law", POWER_LAW, n, float(n)), (amplitude, 0.7))
    k = 2 * np.pi * np.hypot(*np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n))).ravel()[1:]
    slopes = np.stack([np.full(n**2 - 1, 1 / amplitude), -np.log(k)])
    np.testing.assert_allclose(fisher, slopes @ slopes.T / 2, rtol=1e-9)


def test_information_grows_with_the_number_of_voxels_and_no_faster():
    """What leaks through a mean that is known, or through modes whose power passes zero, would tell without bound."""
    per_voxel = [
        np.sqrt(np.linalg.det(field_information(made("lognormal", LOGNORMAL, n), (0.649, 0.6)))) / n**2
        for n in (16, 32, 64, 128)
    ]
    assert max(per_voxel) < 2 * min(per_voxel)
    assert 0.05 < per_voxel[-1] < 2


def test_the_mean_of_the_logarithm_does_not_give_the_variance_away():
    simulate = made("lognormal", LOGNORMAL, 32)
    noise = simulate.noise(200, torch.Generator().manual_seed(2))
    mean = [torch.log1p(simulate.fields(torch.tensor([[0.3, s]]), noise)).mean((1, 2, 3)) for s in (0.75, 0.85)]
    signal = (mean[1] - mean[0]).mean() / (0.1 * mean[0].std())
    f = field_information(simulate, (0.3, 0.8))
    assert signal**2 < f[1, 1]


def test_a_power_spectrum_tells_all_of_a_gaussian_field_and_less_of_a_lognormal_one():
    ratios = []
    for field, parameters, theta in CASES:
        simulate = made(field, parameters, 32)
        told = power_spectrum_information(simulate, theta, (0.02, 0.02), 1500, bins=16)
        ratios.append(np.sqrt(np.linalg.det(told) / np.linalg.det(field_information(simulate, theta))))
    assert ratios[0] == pytest.approx(1, abs=0.12)
    assert ratios[1] < 0.8


def test_binned_power_is_the_power_in_the_bins():
    simulate = made("power-law", POWER_LAW, 16, 40.0)
    fields = simulate.fields(torch.tensor([[3.0, 0.0]]), simulate.noise(500, torch.Generator().manual_seed(3)))
    power = binned_power(fields, 40.0, 8)
    np.testing.assert_allclose(power.mean(0), 3, rtol=0.1)
    with pytest.raises(DataError, match="50 simulations for 24 bins"):
        power_spectrum_information(simulate, (1.0, 0.5), (0.1, 0.1), 50)


def test_normal_numbers_tell_their_mean_and_variance():
    n, mean, variance = 50, 0.3, 2.0
    x = np.random.default_rng(4).normal(mean, np.sqrt(variance), (20_000, n))
    scores = np.stack([(x - mean).sum(1) / variance, ((x - mean) ** 2 / variance - 1).sum(1) / (2 * variance)])
    np.testing.assert_allclose(np.cov(scores), np.diag([n / variance, n / (2 * variance**2)]), rtol=0.05, atol=0.5)
    fisher = field_information(made("normal", ("ic.mean", "ic.variance"), 8), (mean, variance))
    np.testing.assert_allclose(fisher, np.diag([64 / variance, 64 / (2 * variance**2)]), rtol=1e-9)
