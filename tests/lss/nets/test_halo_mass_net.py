"""The networks of the halo-mass model: the paper's to the parameter, and fields that turn with the cube."""

import pytest
import torch

from lss.nets.halo_mass_net import LEAK, DenseNet, PerceptronNet, SubboxNet
from lss.nets.symmetries import SYMMETRIES, inverse, transformed


def test_the_papers_network_has_the_papers_number_of_parameters():
    assert sum(parameter.numel() for parameter in SubboxNet().parameters()) == 2_108_258


def test_pooling_in_ceil_mode_ends_at_three_voxels_and_weights_begin_within_xaviers_bounds():
    network = SubboxNet()
    assert network.dense[0].in_features == 128 * 3**3
    bound = (6 / (27 * 32 + 27 * 64)) ** 0.5
    weights = network.convolutions[2].weight.abs()
    assert 0.99 * bound < weights.max() <= bound


def test_a_box_is_mapped_to_one_number_by_convolution_pooling_and_leaky_activation():
    network = SubboxNet(1, 3, filters=(1,), widths=(), pooled=1)
    with torch.no_grad():
        network.convolutions[0].weight.zero_()[0, 0, 1, 1, 1] = 1.0
        network.dense[0].weight.fill_(1.0)
    box = -1.0 - torch.arange(27.0).reshape(1, 1, 3, 3, 3)
    pooled = torch.nn.functional.max_pool3d(box, 2, ceil_mode=True)
    assert network(box).item() == pytest.approx(LEAK * pooled.sum().item(), rel=1e-6)


def test_a_dense_network_moves_with_its_field():
    torch.manual_seed(1)
    network, field = DenseNet(1, 4, 2), torch.randn(1, 1, 8, 8, 8)
    moved = network(field.roll((2, 4, -2), (2, 3, 4)))
    torch.testing.assert_close(moved, network(field).roll((2, 4, -2), (2, 3, 4)), atol=1e-4, rtol=1e-4)


def test_a_perceptron_without_widths_is_a_straight_line_in_standard_units():
    network = PerceptronNet(2, ())
    features = torch.randn(50, 2) * torch.tensor([3.0, 0.1]) + 5
    network.standardise(features)
    line = network.dense[0]
    expected = (features - features.mean(0)) / features.std(0) @ line.weight[0] + line.bias
    torch.testing.assert_close(network(features), expected)


@pytest.mark.parametrize("symmetry", range(len(SYMMETRIES)))
def test_every_symmetry_is_undone_by_its_inverse(symmetry):
    kinds = ("scalar", "vector", "tensor")
    fields = torch.randn(10, 4, 4, 4)
    torch.testing.assert_close(transformed(transformed(fields, symmetry, kinds), inverse(symmetry), kinds), fields)


@pytest.mark.parametrize("symmetry", [0, 5, 17, 30, 47])
def test_gradients_and_tides_turn_with_the_field_that_they_are_of(symmetry):
    field = torch.randn(6, 6, 6, dtype=torch.float64)

    def derivatives(scalar):
        first = torch.stack([_central(scalar, axis) for axis in range(3)])
        pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
        return torch.cat([scalar[None], first, torch.stack([_central(first[i], j) for i, j in pairs])])

    turned = transformed(derivatives(field), symmetry, ("scalar", "vector", "tensor"))
    torch.testing.assert_close(turned, derivatives(transformed(field, symmetry)))


def _central(scalar, axis):
    return scalar.roll(-1, axis) - scalar.roll(1, axis)
