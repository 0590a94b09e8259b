import pytest
import torch
from torch import nn
from torch.nn import functional

from lss.nets.unet import Normalisation, UNet, wrap


def test_the_default_network_has_the_published_number_of_parameters():
    assert sum(p.numel() for p in UNet(inputs=7).parameters()) == 909_665
    assert sum(p.numel() for p in UNet(inputs=5, levels=3).parameters()) == 355_329


def test_padding_is_periodic():
    x = torch.randn(2, 3, 4, 6, 8)
    assert torch.equal(wrap(x), functional.pad(x, (1,) * 6, mode="circular"))


@pytest.mark.parametrize("side", [1, 2, 5])
def test_gradient_of_the_padding_is_that_of_concatenated_slices(side):
    x = torch.randn(1, 2, side, side, side, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(wrap, x)


@pytest.mark.parametrize("layout", [torch.channels_last_3d, torch.contiguous_format])
@pytest.mark.parametrize("side", [2, 3, 8])
def test_normalisation_and_its_gradient_are_those_of_group_norm(side, layout):
    torch.manual_seed(2)
    ours, theirs = Normalisation(8), nn.GroupNorm(4, 8).double()
    for name in ("weight", "bias"):
        getattr(ours, name).data = torch.randn(8)
        getattr(theirs, name).data = getattr(ours, name).data.double()
    x = (3 + torch.randn(2, 8, side, side, side)).contiguous(memory_format=layout).requires_grad_()
    exact = x.detach().double().requires_grad_()
    torch.testing.assert_close(ours(x).double(), theirs(exact), rtol=1e-4, atol=2e-5)
    weighting = torch.randn(2, 8, side, side, side)
    (ours(x) * weighting).sum().backward()
    (theirs(exact) * weighting).sum().backward()
    torch.testing.assert_close(x.grad.double(), exact.grad, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(ours.weight.grad.double(), theirs.weight.grad, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(ours.bias.grad.double(), theirs.bias.grad, rtol=1e-3, atol=1e-3)


def test_bits_do_not_depend_on_the_number_of_threads():
    torch.manual_seed(1)
    network, x = UNet(inputs=7).eval(), torch.randn(1, 7, 48, 48, 48)
    before = torch.get_num_threads()
    outputs = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            with torch.inference_mode():
                outputs.append(network(x))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("shift", [(4, 0, 0), (0, 8, 0), (-4, 4, 8)])
def test_output_moves_with_the_input(shift):
    torch.manual_seed(1)
    network = UNet(inputs=2, channels=4, levels=3).eval()
    x = torch.randn(1, 2, 16, 16, 16)
    with torch.no_grad():
        moved = network(torch.roll(x, shift, dims=(2, 3, 4)))
        torch.testing.assert_close(moved, torch.roll(network(x), shift, dims=(2, 3, 4)), rtol=1e-4, atol=1e-6)


def test_one_network_runs_on_boxes_of_any_size_that_the_pooling_divides():
    network = UNet(inputs=1, outputs=2, channels=4, levels=3)
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 4, 8, 12)).shape == (1, 2, 4, 8, 12)
        # a periodic repetition of a box is the same universe
        x = torch.randn(1, 1, 8, 8, 8)
        torch.testing.assert_close(network(x.repeat(1, 1, 2, 2, 2))[..., :8, :8, :8], network(x), rtol=1e-4, atol=1e-6)


def test_a_grid_that_the_pooling_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        UNet(inputs=1, channels=4, levels=4)(torch.zeros(1, 1, 12, 12, 12))
