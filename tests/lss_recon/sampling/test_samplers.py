"""Samplers on densities whose moments are known."""

import math

import numpy as np
import pytest
import torch

from lss.errors import DataError
from lss_recon.sampling import block, diagnostics, hmc, mclmc, quasi_newton
from lss_recon.sampling.integrators import LEAPFROG, MINIMAL_NORM, integrate, kick, turn_on_sphere
from lss_recon.sampling.log_density import rotated, scaled, with_gradient
from lss_recon.sampling.samplers import SAMPLERS

SEED = 5

pytestmark = pytest.mark.slow  # chains of tens of thousands of steps


def gaussian(covariance):
    precision = torch.linalg.inv(covariance)
    return with_gradient(lambda x: -0.5 * x @ precision @ x)


def draws_of(log_density, dimensions, plan, moves, seed=SEED):
    draw = torch.Generator().manual_seed(seed)
    state = block.begin(torch.randn(dimensions, generator=draw, dtype=torch.float64), draw, log_density, plan)
    kept = []
    for move in range(plan.warm_up + moves):
        state, _ = block.advance(state, draw, log_density, plan)
        if move >= plan.warm_up:
            kept.append(state.x.clone())
    return torch.stack(kept).numpy(), state


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_a_correlated_gaussian_has_its_mean_and_covariance(name):
    covariance = torch.tensor([[4.0, 1.5, 0.0], [1.5, 1.0, 0.1], [0.0, 0.1, 0.25]], dtype=torch.float64)
    # Unadjusted MCLMC is for many dimensions: copies of the three make it one.
    copies = 20 if name == "mclmc" else 1
    whole = torch.block_diag(*[covariance] * copies)
    moves = 2500 if name == "mclmc" else 700
    x, state = draws_of(gaussian(whole), 3 * copies, block.Plan(name, 300, energy_variance=1e-4), moves)
    assert np.isfinite(x).all()
    ess = diagnostics.effective_samples(x[None])[:3]
    assert ess.min() > 60
    error = 5 / np.sqrt(ess)
    assert (np.abs(x.mean(axis=0)[:3]) < error * covariance.diagonal().sqrt().numpy()).all()
    found = np.cov(x[:, : 3 * copies].T)
    blocks = np.mean([found[3 * i : 3 * i + 3, 3 * i : 3 * i + 3] for i in range(copies)], axis=0)
    assert np.allclose(blocks, covariance.numpy(), rtol=0.35, atol=0.15)
    if SAMPLERS[name].adjusted:
        assert 0.55 < state.accepted <= 1


@pytest.mark.parametrize("name", ["hmc", "adjusted-mclmc"])
def test_a_funnel_that_is_not_too_deep_has_its_neck_and_mouth(name):
    # v ~ N(0, 1), x_i | v ~ N(0, e^v): v is known exactly, x is not Gaussian.
    def log_density(z):
        v, x = z[0], z[1:]
        return -0.5 * v**2 - 0.5 * torch.exp(-v) * (x**2).sum() - 0.5 * len(x) * v

    x, _ = draws_of(with_gradient(log_density), 4, block.Plan(name, 400, acceptance=0.9, widths=False), 1500)
    v = x[:, 0]
    ess = float(diagnostics.effective_samples(v[None, :, None])[0])
    assert ess > 50
    assert abs(v.mean()) < 5 / math.sqrt(ess)
    assert abs(v.std() - 1) < 5 / math.sqrt(ess)


def test_unadjusted_steps_err_by_less_when_less_energy_variance_is_allowed():
    widths = torch.linspace(0.5, 2, 100, dtype=torch.float64)
    errors = []
    for wanted in (3e-2, 1e-4):
        plan = block.Plan("mclmc", 400, energy_variance=wanted, widths=False)
        x, state = draws_of(gaussian(torch.diag(widths**2)), 100, plan, 1500)
        errors.append(abs(float(np.mean(x.var(axis=0) / (widths**2).numpy())) - 1))
        assert 0.2 < state.energy / wanted < 5
    assert errors[1] < 0.1


def test_the_widths_of_a_gaussian_are_found():
    widths = torch.tensor([0.05, 1.0, 30.0, 2.0], dtype=torch.float64)
    plan = block.Plan("hmc", 800, groups=torch.arange(4))
    _, state = draws_of(gaussian(torch.diag(widths**2)), 4, plan, 10)
    assert np.allclose(torch.log(state.scale / widths).numpy(), 0, atol=0.4)


def test_trajectories_conserve_energy_to_the_order_of_their_scheme():
    precision = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    log_density = with_gradient(lambda x: -0.5 * x @ precision @ x - 0.05 * (x**4).sum())
    x0, p0 = torch.tensor([1.0, -0.5], dtype=torch.float64), torch.tensor([0.3, 0.8], dtype=torch.float64)
    for scheme, expected in ((LEAPFROG, 4.0), (MINIMAL_NORM, 4.0)):
        errors = []
        for step in (0.1, 0.05):
            x, p, at = x0, p0, log_density(x0)
            start = float(-at.value + 0.5 * p @ p)
            worst = 0.0
            for _ in range(round(4 / step)):
                x, p, at, _ = integrate(log_density, kick, x, p, at, step, scheme)
                worst = max(worst, abs(float(-at.value + 0.5 * p @ p) - start))
            errors.append(worst)
        assert errors[0] / errors[1] == pytest.approx(expected, rel=0.2)


def test_motion_on_the_sphere_keeps_the_speed_goes_back_and_conserves_energy():
    draw = torch.Generator().manual_seed(1)
    d = 6
    log_density = with_gradient(lambda x: -0.5 * (x**2 * torch.arange(1, d + 1)).sum())
    x0 = torch.randn(d, generator=draw, dtype=torch.float64)
    u0 = mclmc.direction(x0, draw)
    x, u, at, energy = x0, u0, log_density(x0), 0.0
    for _ in range(50):
        before = at.value
        x, u, at, kinetic = integrate(log_density, turn_on_sphere, x, u, at, 0.02, MINIMAL_NORM)
        energy += kinetic + float(before - at.value)
    assert float(torch.linalg.vector_norm(u)) == pytest.approx(1, abs=1e-12)
    assert abs(energy) < 1e-3
    for _ in range(50):
        x, u, at, _ = integrate(log_density, turn_on_sphere, x, -u if _ == 0 else u, at, 0.02, MINIMAL_NORM)
    assert torch.allclose(x, x0, atol=1e-10)


def test_quasi_newton_trajectories_are_those_of_hmc_with_the_equivalent_masses():
    d = 4
    draw = torch.Generator().manual_seed(3)
    root = torch.randn(d, d, generator=draw, dtype=torch.float64)
    log_density = gaussian(root @ root.T + torch.eye(d))
    steps = torch.randn(3, d, generator=draw, dtype=torch.float64)
    changes = steps @ torch.linalg.inv(root @ root.T + torch.eye(d))
    b = torch.stack([quasi_newton.inverse_hessian(steps, changes, row) for row in torch.eye(d, dtype=torch.float64)])
    assert torch.allclose(b, b.T, atol=1e-10)
    x0 = torch.randn(d, generator=draw, dtype=torch.float64)
    p0 = torch.randn(d, generator=draw, dtype=torch.float64)
    # HMC with the inverse mass B B and p = B p~ is HMC with unit masses in z, x = B z.
    turned = rotated(log_density, b)
    x, p, at = x0, p0, log_density(x0)
    z = torch.linalg.solve(b, x0)
    q, at_z = p0, turned(z)
    for _ in range(20):
        x, p, at, _ = integrate(
            log_density, lambda v, g, t: (v + t * (b @ g), 0.0), x, p, at, 0.05, LEAPFROG, lambda v: b @ v
        )
        z, q, at_z, _ = integrate(turned, kick, z, q, at_z, 0.05, LEAPFROG)
        assert torch.allclose(x, b @ z, atol=1e-9)
        assert torch.allclose(p, q, atol=1e-9)


def test_quasi_newton_pairs_satisfy_the_secant_equation_and_are_the_formula_of_the_paper():
    d = 5
    draw = torch.Generator().manual_seed(4)
    root = torch.randn(d, d, generator=draw, dtype=torch.float64)
    hessian = root @ root.T + torch.eye(d)
    steps = torch.randn(4, d, generator=draw, dtype=torch.float64)
    changes = steps @ hessian
    b = torch.eye(d, dtype=torch.float64)
    for s, y in zip(steps, changes, strict=True):
        rho = 1 / (y @ s)
        left = torch.eye(d) - rho * torch.outer(s, y)
        b = left @ b @ left.T + rho * torch.outer(s, s)  # Eq. 24
    ours = torch.stack([quasi_newton.inverse_hessian(steps, changes, row) for row in torch.eye(d, dtype=torch.float64)])
    assert torch.allclose(ours, b, atol=1e-8)
    assert torch.allclose(quasi_newton.inverse_hessian(steps, changes, changes[-1]), steps[-1], atol=1e-8)


def test_b_learns_in_the_warm_up_only():
    log_density = gaussian(torch.eye(3, dtype=torch.float64))
    draw = torch.Generator().manual_seed(1)
    state = quasi_newton.start(log_density, torch.ones(3, dtype=torch.float64))
    for _ in range(5):
        state, _ = quasi_newton.kernel(state, draw, log_density, quasi_newton.Settings(0.3, 3, adapt=False))
    assert len(state.steps) == 0
    for _ in range(5):
        state, _ = quasi_newton.kernel(state, draw, log_density, quasi_newton.Settings(0.3, 3, memory=2, adapt=True))
    assert len(state.steps) == 2


def test_scaling_and_rotation_change_the_gradient_by_the_chain_rule():
    log_density = with_gradient(lambda x: torch.sin(x).sum())
    z = torch.tensor([0.3, -0.2], dtype=torch.float64)
    scale = torch.tensor([2.0, 3.0], dtype=torch.float64)
    assert torch.allclose(scaled(log_density, scale)(z).gradient, torch.cos(scale * z) * scale)
    factor = torch.tensor([[1.0, 2.0], [0.0, 1.0]], dtype=torch.float64)
    assert torch.allclose(rotated(log_density, factor)(z).gradient, factor.T @ torch.cos(factor @ z))


def test_a_start_that_is_not_finite_is_refused_in_a_line():
    with pytest.raises(DataError, match="log density at the start is nan"):
        block.begin(torch.ones(2) * torch.nan, torch.Generator(), gaussian(torch.eye(2)), block.Plan("hmc", 10))


def test_metropolis_refuses_what_is_not_a_number():
    assert hmc.accept(torch.Generator(), math.nan) == (False, 0.0)
    assert hmc.accept(torch.Generator(), -1.0) == (True, 1.0)


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_a_block_that_was_written_down_goes_on_with_the_same_bits(name):
    log_density, plan = gaussian(torch.diag(torch.tensor([1.0, 4.0, 0.2], dtype=torch.float64))), block.Plan(name, 60)

    def go(state, draw, moves):
        for _ in range(moves):
            state, _ = block.advance(state, draw, log_density, plan)
        return state

    for pause in (25, 50, 80):  # in each part of the warm-up, and after it
        draw = torch.Generator().manual_seed(2)
        state = go(block.begin(torch.ones(3, dtype=torch.float64), draw, log_density, plan), draw, pause)
        arrays, stream = block.as_arrays(state), draw.get_state()
        ahead = go(state, draw, 100 - pause)
        draw.set_state(stream)
        again = go(block.from_arrays(arrays, plan), draw, 100 - pause)
        assert torch.equal(ahead.x, again.x)
        assert ahead.step == again.step
