import pytest
import torch
from torch.nn import functional

from lss.nets.unet import UNet, wrap


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
