"""Multipole kernels: their weights, and what rotations of the grid do."""

import itertools

import numpy as np
import pytest
import scipy.ndimage
import torch

from lss.nets.multipole_kernels import (
    MultipoleConvolution,
    correlate,
    feature_count,
    invariants,
    multipole_basis,
    real_harmonics,
    shell_features,
)

N = 6


def rotations():
    """The 24 rotations of a cube, as permutations of axes and flips of arrays."""
    for order in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[range(3), order] = flips
            if np.linalg.det(matrix) > 0:
                yield order, [axis for axis in range(3) if flips[axis] < 0]


def test_the_kernels_of_three_cells_have_the_weights_of_the_paper():
    assert len(multipole_basis(3, 0)[0]) == 4
    radii, dipole = multipole_basis(3, 1)
    assert dipole.shape[:2] == (3, 3)
    assert np.allclose(radii, np.sqrt([1, 2, 3]))
    assert feature_count(3, 0) == 4
    assert np.allclose(multipole_basis(3, 0)[1].sum(axis=(1, 2, 3, 4)), [1, 6, 12, 8])


def test_the_dipole_points_along_the_axes():
    _, dipole = multipole_basis(3, 1)
    scale = np.sqrt(3 / (4 * np.pi))
    y, z, x = (dipole[0, m] for m in range(3))
    assert x[2, 1, 1] == pytest.approx(scale)
    assert x[0, 1, 1] == pytest.approx(-scale)
    assert y[1, 2, 1] == pytest.approx(scale)
    assert z[1, 1, 2] == pytest.approx(scale)


def test_harmonics_are_orthonormal():
    nodes, weights = np.polynomial.legendre.leggauss(12)
    azimuth = np.arange(24) * 2 * np.pi / 24
    z, phi = (a.ravel() for a in np.meshgrid(nodes, azimuth, indexing="ij"))
    weight = np.repeat(weights, 24) * 2 * np.pi / 24
    direction = np.stack([np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi), z], axis=1)
    all_of_them = np.concatenate([real_harmonics(degree, direction) for degree in range(4)])
    assert np.allclose((all_of_them * weight) @ all_of_them.T, np.eye(16), atol=1e-12)


def test_correlation_is_periodic_and_that_of_scipy():
    rng = np.random.default_rng(1)
    field, weights = rng.normal(size=(N, N, N)), rng.normal(size=(3, 3, 3))
    ours = correlate(torch.from_numpy(field), torch.from_numpy(weights)).numpy()
    assert np.allclose(ours, scipy.ndimage.correlate(field, weights, mode="wrap"))


def test_correlation_has_exact_gradients():
    field = torch.randn(N, N, N, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(correlate, (field, weights))


@pytest.mark.parametrize("size", [3, 5])
def test_invariants_turn_with_the_grid_and_features_as_well(size):
    draw = torch.Generator().manual_seed(1)
    convolution = MultipoleConvolution(size, l_max=2)
    for weight in convolution.weights:
        weight.data = torch.randn(weight.shape, generator=draw)
    field = torch.randn(8, 8, 8, generator=draw, dtype=torch.float64)
    with torch.no_grad():
        maps, features = invariants(convolution(field)), shell_features(field, size, 2)
        for order, flips in rotations():
            turned = torch.flip(field.permute(order), flips)
            for before, after in (
                (maps, invariants(convolution(turned))),
                (features, shell_features(turned, size, 2)),
            ):
                expected = torch.flip(before.permute(0, *(axis + 1 for axis in order)), [axis + 1 for axis in flips])
                assert torch.allclose(after, expected, atol=1e-10)


def test_a_dipole_map_alone_does_not_turn_with_the_grid():
    convolution = MultipoleConvolution(3, l_max=1)
    convolution.weights[1].data = torch.ones(3)
    field = torch.randn(N, N, N, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        one, other = convolution(field)[1][0], convolution(field.permute(1, 0, 2))[1][0]
    assert not torch.allclose(other, one.permute(1, 0, 2), atol=1e-3)


def test_even_sizes_are_refused():
    with pytest.raises(ValueError, match="odd"):
        multipole_basis(4, 0)
