"""Painting and interpolation with gradients."""

import numpy as np
import pytest
import torch

from lss.differentiable.clouds import cloud, interpolate, paint
from lss.grid import mesh

N = 8


def some(m=200, seed=1, dtype=torch.float64):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-3, N + 3, (3, m))).to(dtype)


def test_mass_is_conserved_wherever_particles_are():
    assert float(paint(some(), N).sum()) == pytest.approx(200, rel=1e-12)


def test_it_is_the_cloud_in_cell_of_the_mesh():
    u = some(dtype=torch.float32) % N
    theirs = mesh.paint(u.T.numpy(), N, float(N), "cic")
    assert np.allclose(paint(u, N).numpy(), theirs, atol=1e-5)


def test_the_sums_of_a_gpu_are_those_of_the_kernel():
    u = some()
    grid = torch.zeros(N**3, dtype=torch.float64)
    for cell, share in cloud(u.T, N):
        grid.index_add_(0, cell, share)
    assert torch.allclose(grid.view(N, N, N), paint(u, N), atol=1e-12)


def test_gradients_are_exact_between_grid_points():
    u, weight = some(20), torch.rand(20, dtype=torch.float64)
    assert (u - u.round()).abs().min() > 1e-4  # no kink within a step
    field = torch.randn(N, N, N, dtype=torch.float64)
    u, weight, field = u.requires_grad_(), weight.requires_grad_(), field.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, w: paint(a, N, w), (u, weight), eps=1e-6)
    assert torch.autograd.gradcheck(interpolate, (field, u), eps=1e-6)


def test_interpolation_is_the_adjoint_of_painting():
    u, weight, field = some(), torch.rand(200, dtype=torch.float64), torch.randn(N, N, N, dtype=torch.float64)
    assert float((paint(u, N, weight) * field).sum()) == pytest.approx(float((weight * interpolate(field, u)).sum()))
