"""The likelihood of the neural bias, its forms, and catalogues drawn from it."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest, poisson

from lss.errors import DataError
from lss.learned.bias_checks import likelihood_ratios, mass_distribution
from lss.learned.bias_fit import hessian, laplace_covariance, maximise
from lss.learned.fitted_bias import load, save
from lss.learned.local_bias import LocalBias
from lss.learned.mock_halos import draw_halos
from lss.learned.neural_bias import (
    Catalogue,
    catalogue,
    com_poisson_log_normaliser,
    com_poisson_mean,
    fixed_bias,
    log_likelihood,
    unfitted,
)

N, VOXEL, THRESHOLD = 8, 4.0, 1e13
BOX = N * VOXEL


def density(seed=1, n=N):
    draw = np.random.default_rng(seed)
    return torch.from_numpy(np.exp(draw.normal(0, 0.8, (n, n, n)) - 0.32))


def model(**options):
    return unfitted(density(), THRESHOLD, 0.01, VOXEL, log_floor=0.1, **options)


def parameters(bias, seed=2):
    theta = torch.from_numpy(0.3 * np.random.default_rng(seed).normal(size=bias.parameters))
    theta[0] += 1.0
    return theta


def drawn(bias, theta, field, seed=3):
    made = draw_halos(bias, theta, field, len(field) * VOXEL, np.random.default_rng(seed))
    return made, Catalogue(torch.from_numpy(made.voxel), torch.from_numpy(np.log(made.mass)))


def test_there_are_seventeen_parameters_with_names():
    assert model().parameters == len(model().names()) == 17
    assert model(scatter="com-poisson").names()[-1] == "ln_nu"


def test_it_is_the_limit_of_poisson_counts_in_narrow_bins_of_mass():
    bias, field = model(), density()
    theta = parameters(bias)
    _, halos = drawn(bias, theta, field)
    y = bias.argument_of_density(field, theta)
    ours = log_likelihood(bias, theta, y, halos)
    width = 1e-3
    edges = np.arange(bias.head.ln_threshold, float(halos.ln_mass.max()) + 2.0, width)
    mixture = bias.mixture(y, theta)
    above = torch.stack([mixture.above(float(edge)) for edge in edges]).numpy() * VOXEL**3
    rates = above[:-1] - above[1:]
    column = ((halos.ln_mass.numpy() - edges[0]) / width).astype(int)
    counts = np.zeros(rates.shape)
    np.add.at(counts, (column, halos.voxel.numpy()), 1)
    binned = poisson.logpmf(counts, rates).sum() - len(halos) * math.log(width * VOXEL**3)
    # The last bin's tail beyond the edges, and halos that share a bin, are what the limit leaves.
    assert float(ours.total) - len(halos) * math.log(VOXEL**3) == pytest.approx(binned, abs=0.3)


@pytest.mark.parametrize("scatter", ["poisson", "com-poisson"])
@pytest.mark.parametrize("l_max", [0, 1])
def test_tables_give_the_likelihood_and_its_gradient(scatter, l_max):
    bias, field = model(scatter=scatter, l_max=l_max), density()
    theta = parameters(bias).requires_grad_()
    _, halos = drawn(bias, theta.detach(), field)
    features = bias.standardised(field)
    results = []
    for table_nodes in (0, 768):
        value = log_likelihood(bias, theta, bias.argument(features, theta), halos, table_nodes).total
        results.append((float(value), torch.autograd.grad(value, theta)[0]))
    assert results[1][0] == pytest.approx(results[0][0], abs=1e-5)
    assert torch.allclose(results[1][1], results[0][1], atol=1e-3)
    fixed = fixed_bias(bias, theta.detach(), halos, N**3, torch.float64, 3000)
    assert float(fixed(field)) == pytest.approx(results[0][0], abs=1e-4)


def test_the_gradient_by_the_density_is_that_of_finite_differences():
    bias, field = model(), density()
    theta = parameters(bias)
    _, halos = drawn(bias, theta, field)
    fixed = fixed_bias(bias, theta, halos, N**3, torch.float64)
    at = field.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(fixed(at), at)
    direction = torch.randn(N, N, N, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * field
    step = 1e-6
    measured = float(fixed(field + step * direction) - fixed(field - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(measured, rel=1e-6)


def test_a_uniform_mask_is_a_smaller_volume():
    bias, field = model(), density()
    theta = parameters(bias)
    _, halos = drawn(bias, theta, field)
    y = bias.argument_of_density(field, theta)
    half = dataclasses.replace(halos, exposure=torch.full((N**3,), 0.5, dtype=torch.float64))
    whole, masked = log_likelihood(bias, theta, y, halos), log_likelihood(bias, theta, y, half)
    gain = 0.5 * float(bias.expected(y, theta).sum()) - len(halos) * math.log(2)
    assert float(masked.counts) == pytest.approx(float(whole.counts) + gain)
    assert float(masked.masses) == pytest.approx(float(whole.masses))
    fixed = fixed_bias(bias, theta, half, N**3, torch.float64, 3000)
    assert float(fixed(field)) == pytest.approx(float(masked.total), abs=1e-4)


def test_com_poisson_is_poisson_at_one_and_normalised_elsewhere():
    intensity = torch.tensor([1e-3, 0.5, 4.0], dtype=torch.float64)
    one = torch.tensor(1.0, dtype=torch.float64)
    assert torch.allclose(com_poisson_log_normaliser(intensity, one), intensity)
    assert torch.allclose(com_poisson_mean(intensity, one), intensity)
    number = torch.arange(81, dtype=torch.float64)
    variances = []
    for nu in (0.7, 1.6):
        log_p = number * torch.log(intensity)[:, None] - nu * torch.lgamma(number + 1)
        p = torch.exp(log_p - com_poisson_log_normaliser(intensity, one * nu)[:, None])
        assert torch.allclose(p.sum(dim=1), torch.ones(3, dtype=torch.float64))
        mean = (p * number).sum(dim=1)
        variances.append(((p * number**2).sum(dim=1) - mean**2) / mean)
    assert (variances[0] > 1).all()
    assert (variances[1] < 1).all()


def test_drawn_halos_have_the_counts_and_the_masses_of_the_model():
    bias, field = model(), density(n=16)
    theta = parameters(bias)
    expected = float(bias.expected(bias.argument_of_density(field, theta), theta).sum())
    made, halos = drawn(bias, theta, field)
    assert abs(len(made.mass) - expected) < 4 * math.sqrt(expected)
    mixture = bias.mixture(bias.argument_of_density(field, theta)[halos.voxel], theta)
    below = (
        1
        - torch.stack([mixture.above(float(m))[i] for i, m in enumerate(halos.ln_mass[:400])])
        / (mixture.above(bias.head.ln_threshold)[:400])
    )
    assert kstest(below.numpy(), "uniform").pvalue > 1e-3
    again = catalogue(made.position, made.mass, 16, 16 * VOXEL, THRESHOLD)
    assert torch.equal(again.voxel, halos.voxel)


@pytest.mark.parametrize("nu", [0.8, 1.5])
def test_drawn_com_poisson_counts_have_their_mean(nu):
    bias, field = model(scatter="com-poisson"), density(n=16)
    theta = parameters(bias)
    theta[-1] = math.log(nu)
    expected = float(bias.expected(bias.argument_of_density(field, theta), theta).sum())
    made, _ = drawn(bias, theta, field)
    assert abs(len(made.mass) - expected) < 5 * math.sqrt(expected)


def test_a_fit_finds_the_model_that_drew_the_halos():
    bias, field = model(gaussians=1), density(n=16)
    theta = parameters(bias)
    _, halos = drawn(bias, theta, field)
    features = bias.standardised(field)

    def log_target(t):
        return log_likelihood(bias, t, bias.argument(features, t), halos).total + bias.log_prior(t)

    found = maximise(log_target, 0.3 * np.random.default_rng(1).normal(size=(3, bias.parameters)))
    assert found.value >= float(log_target(theta))
    assert found.value < float(log_target(theta)) + 3 * bias.parameters
    covariance = laplace_covariance(hessian(log_target, found.theta))
    assert float(torch.linalg.eigvalsh(covariance).min()) > 0
    n_of_m = mass_distribution(bias, found.theta, [(field, halos)])
    assert n_of_m.observed.sum() == len(halos)
    assert n_of_m.expected.sum() == pytest.approx(len(halos), rel=0.1)
    assert 0.4 < n_of_m.chi2 < 2.0
    ratios = likelihood_ratios(bias, found.theta, [(field, halos)])
    gains = [ratios[name]["total"] for name in ("power-law", "neyrinck", "neyrinck+")]
    assert gains[0] > gains[1] - 0.5  # each rival contains the last, but for what a fit leaves
    assert gains[1] > gains[2] - 0.5


def test_the_rivals_masses_are_normalised_above_the_threshold():
    rival = LocalBias("neyrinck+", math.log(THRESHOLD), 0.01, VOXEL)
    theta = torch.from_numpy(0.3 * np.random.default_rng(4).normal(size=rival.parameters))
    ln_mass = torch.linspace(math.log(THRESHOLD), math.log(THRESHOLD) + 15, 6001, dtype=torch.float64)
    p = torch.exp(rival.log_mass_density(ln_mass, torch.full_like(ln_mass, 0.7), theta))
    assert float(torch.trapezoid(p, ln_mass)) == pytest.approx(1, abs=1e-5)


def test_a_checkpoint_holds_the_whole_model(tmp_path):
    bias = model(scatter="com-poisson", l_max=1, gaussians=3)
    theta, factor = parameters(bias), torch.eye(bias.parameters, dtype=torch.float64)
    path = tmp_path / "bias.safetensors"
    save(path, bias, theta, factor, {"training": {}, "data": {}, "validation": {}})
    found = load(path)
    assert found.bias == bias
    assert torch.equal(found.theta, theta)
    assert torch.equal(found.factor, factor)
    save(path, bias, theta[:-1], factor, {"training": {}, "data": {}, "validation": {}})
    with pytest.raises(DataError, match="parameters for a model of"):
        load(path)


@pytest.mark.parametrize(
    ("position", "mass", "words"),
    [
        ([[1.0, 1, 1]], [1e12], r"no halo of 1 is above the threshold of 1e\+13 Msun/h; the largest has 1e\+12"),
        ([[1.0, 1, 99]], [1e14], "1 of 1 halos lie outside the box of 32 Mpc/h"),
        ([[1.0, 1, math.nan]], [1e14], "not all finite"),
        ([[1.0, 1, 1]], [1e14], "1 of 1 halos lie where the mask is zero"),
    ],
)
def test_bad_catalogues_are_refused_in_a_line(position, mass, words):
    with pytest.raises(DataError, match=words) as error:
        catalogue(np.array(position), np.array(mass), N, BOX, THRESHOLD, np.zeros((N, N, N)))
    assert "\n" not in str(error.value)


def test_masses_that_count_particles_are_spread_over_one():
    mass = np.full(500, 2e13)
    halos = catalogue(np.ones((500, 3)), mass, N, BOX, THRESHOLD, particle_mass=1e12, seed=1)
    spread = np.exp(halos.ln_mass.numpy())
    assert spread.min() >= 2e13
    assert spread.max() < 2.1e13
    assert kstest((spread - 2e13) / 1e12, "uniform").pvalue > 1e-3
