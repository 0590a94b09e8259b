"""The differentiable forward models: the densities of the other code, and exact gradients."""

import numpy as np
import pytest
import torch

from lss.config import Cosmology
from lss.differentiable.forward import forward_model
from lss.differentiable.lpt import displacements, hartley
from lss.errors import ConfigError
from lss.grid import fourier, mesh
from lss.halos.redshift_space import redshift_space
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity, white_noise

N, BOX = 16, 62.5
COSMOLOGY = Cosmology()


def phases(seed=1):
    return hartley(torch.from_numpy(white_noise(seed, 0, N)).double())


def test_hartley_is_its_own_inverse_and_orthogonal():
    noise = torch.randn(6, 6, 6, dtype=torch.float64)
    assert torch.allclose(hartley(hartley(noise)), noise, atol=1e-12)
    assert float((hartley(noise) ** 2).sum()) == pytest.approx(float((noise**2).sum()))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("redshift", [0.0, 1.0])
def test_the_density_is_that_of_the_particles_of_lpt(order, redshift):
    position, _ = lpt_particles(
        linear_overdensity(white_noise(1, 0, N), COSMOLOGY, BOX), BOX, COSMOLOGY.omega_m, redshift, order
    )
    theirs = mesh.overdensity(position, N, BOX, "cic") + 1
    ours = forward_model(f"{order}lpt", COSMOLOGY, N, BOX, redshift, dtype=torch.float64)(phases())
    assert np.abs(ours.numpy() - theirs).max() < 1e-4


@pytest.mark.parametrize("order", [1, 2])
def test_redshift_space_is_that_of_the_velocities(order):
    position, velocity = lpt_particles(
        linear_overdensity(white_noise(1, 0, N), COSMOLOGY, BOX), BOX, COSMOLOGY.omega_m, 0.5, order
    )
    shown = redshift_space(position, velocity, 2, 0.5, COSMOLOGY.omega_m, BOX)
    theirs = mesh.overdensity(shown, N, BOX, "cic") + 1
    ours = forward_model(f"{order}lpt", COSMOLOGY, N, BOX, 0.5, "z", dtype=torch.float64)(phases())
    assert np.abs(ours.numpy() - theirs).max() < 2e-4


@pytest.mark.parametrize("name", ["1lpt", "2lpt", "pm"])
def test_gradients_are_those_of_finite_differences(name):
    # Along a random direction of unit length per coordinate, h = 1e-6: no particle crosses a grid point.
    model = forward_model(name, COSMOLOGY, N, BOX, dtype=torch.float64)
    draw = torch.Generator().manual_seed(3)
    h = phases()
    direction, weight = (torch.randn(N, N, N, generator=draw, dtype=torch.float64) for _ in range(2))
    at = h.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((model(at) * weight).sum(), at)
    # The particle mesh interpolates at every step, so that a particle must not cross anywhere on its way.
    step, error = (1e-8, 1e-6) if name == "pm" else (1e-6, 1e-7)
    crossed = (model.positions(h + step * direction).floor() != model.positions(h - step * direction).floor()).sum()
    assert crossed == 0
    ends = [(model(h + sign * step * direction) * weight).sum() for sign in (1, -1)]
    measured = float(ends[0] - ends[1]) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(measured, rel=error)


def test_a_few_steps_of_particle_mesh_grow_more_than_lpt_on_small_scales():
    delta = {name: forward_model(name, COSMOLOGY, N, BOX, dtype=torch.float64)(phases()) - 1 for name in ("1lpt", "pm")}
    assert float(delta["pm"].var()) > 1.1 * float(delta["1lpt"].var())
    both = torch.stack([d.flatten() for d in delta.values()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.7


def test_early_particle_mesh_is_perturbation_theory():
    early = {
        name: forward_model(name, COSMOLOGY, N, BOX, 9.0, dtype=torch.float64)(phases()) for name in ("2lpt", "pm")
    }
    assert np.corrcoef(early["pm"].flatten(), early["2lpt"].flatten())[0, 1] > 0.99
    modes = {name: np.abs(fourier.forward(delta.numpy())) ** 2 for name, delta in early.items()}
    low = fourier.wavenumber(N, BOX) < 0.15  # a mesh of one particle a cell pulls less at its own scale
    assert modes["pm"][low][1:].sum() == pytest.approx(modes["2lpt"][low][1:].sum(), rel=0.03)


def test_an_unknown_model_is_refused_with_the_names_of_the_others():
    with pytest.raises(ConfigError, match="1lpt, 2lpt, pm"):
        forward_model("3lpt", COSMOLOGY, N, BOX)


@pytest.mark.parametrize("line_of_sight", ["none", "y"])
def test_the_written_adjoint_is_that_of_torch(line_of_sight):
    model = forward_model("1lpt", COSMOLOGY, N, BOX, 0.5, line_of_sight, dtype=torch.float64)
    weight = torch.randn(3, N**3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    results = []
    for positions in (model.zeldovich, lambda h: by_torch(model, h)):
        h = phases().requires_grad_()
        u = positions(h)
        results.append((u.detach(), torch.autograd.grad((u * weight).sum(), h)[0]))
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-10)


def by_torch(model, h):
    psi, _ = displacements(model.modes(h), model.grid, 1)
    factor = torch.tensor([model.d1 * s[0] * N / BOX for s in model.stretch], dtype=torch.float64)
    return model.lattice + psi.view(3, -1) * factor[:, None]
