import numpy as np
import pytest
import torch

from lss.nets.compressor_net import CompressorNet, band_weights, piecewise_linear, spread_out, wrap


def noise(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_wrapping_is_numpys(dimensions):
    x = noise(2, 3, *(4,) * dimensions)
    expected = np.pad(x.numpy(), [(0, 0), (0, 0)] + [(1, 1)] * dimensions, mode="wrap")
    np.testing.assert_array_equal(wrap(x).numpy(), expected)


def test_the_local_map_passes_through_its_knots_and_goes_on_straight():
    knots, values = torch.tensor([-1.0, 0.0, 3.0]), torch.tensor([2.0, 0.0, 6.0])
    assert piecewise_linear(knots, knots, values).tolist() == pytest.approx(values.tolist())
    assert piecewise_linear(torch.tensor([-2.0, -0.5, 1.5, 4.0]), knots, values).tolist() == pytest.approx([4, 1, 3, 8])


def test_more_knots_keep_a_polygon():
    polygon = torch.tensor([0.0, 5.0, 6.0])
    assert spread_out(polygon, 5).tolist() == pytest.approx([0, 2.5, 5, 5.5, 6])


@pytest.mark.parametrize("shape", [(16, 16), (8, 8, 8)])
def test_bands_share_out_every_mode_but_the_mean(shape):
    total = band_weights(shape, 6).sum(0)
    assert total.flatten()[0] == 0
    # The lowest modes may lie in bands too narrow to hold one mode, which are left out.
    assert (total > 0.999).sum() > 0.95 * total.numel()
    assert total.max() < 1.001


def test_the_bands_of_white_noise_have_unit_power():
    net = CompressorNet(2, 32, 2, levels=2)
    power = net.band_powers(torch.fft.rfftn(noise(400, 32, 32), dim=(-2, -1), norm="ortho")).mean(0)
    assert power.numpy() == pytest.approx(np.ones(len(power)), abs=0.1)
    assert power[-4:-1].numpy() == pytest.approx(np.ones(3), abs=0.01)


def test_a_wave_is_in_the_bands_about_its_wavelength_alone():
    net = CompressorNet(2, 32, 2, bands=6, levels=2)
    found = []
    for k in (2, 4, 8, 14):
        x = torch.cos(2 * torch.pi * k * torch.arange(32) / 32).expand(1, 32, 32)
        power = net.band_powers(torch.fft.rfftn(x, dim=(-2, -1), norm="ortho"))[0]
        found.append(torch.nonzero(power > 1e-6).flatten().tolist())
    assert all(len(bands) in (1, 2) and bands[-1] - bands[0] < 2 for bands in found), found
    assert sorted(map(sum, found)) == [sum(bands) for bands in found], "shorter waves are in later bands"
    assert found[0] != found[-1]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_features_do_not_see_where_the_periodic_box_is_cut(dimensions):
    torch.manual_seed(1)
    net = CompressorNet(dimensions, 16, 2, levels=2)
    x = noise(3, 1, *(16,) * dimensions)
    moved = torch.roll(x, (4, 8), (2, 3))
    torch.testing.assert_close(net.features(moved), net.features(x), atol=1e-4, rtol=1e-4)


def test_the_first_weights_make_any_local_transform_of_a_gaussian_field_white_and_gaussian():
    torch.manual_seed(1)
    net = CompressorNet(2, 32, 2, levels=2)
    ripples = torch.fft.rfftn(noise(60, 1, 32, 32), dim=(-2, -1))
    ripples[..., 8:24, :] *= 0.2
    gaussian = torch.fft.irfftn(ripples, s=(32, 32), dim=(-2, -1))
    net.prepare(torch.exp(gaussian / gaussian.std()))
    mapped = piecewise_linear(torch.exp(gaussian / gaussian.std())[:, 0], net.knots, net.values).double()
    assert mapped.std().item() == pytest.approx(1, abs=0.02)
    assert (mapped**3).mean().item() == pytest.approx(0, abs=0.05)
    assert (mapped**4).mean().item() == pytest.approx(3, abs=0.1)
    whitened = net.log_filter.detach().exp() ** 2 * net.band_powers(
        torch.fft.rfftn(mapped.float(), dim=(-2, -1), norm="ortho")
    ).mean(0)
    assert whitened.detach().numpy() == pytest.approx(np.ones(len(whitened)), rel=1e-3)


def test_counts_with_few_values_have_a_map_too():
    net = CompressorNet(2, 16, 2, levels=2)
    counts = torch.poisson(torch.full((20, 1, 16, 16), 0.3), generator=torch.Generator().manual_seed(1))
    net.prepare(counts - 1 + 1e-7 * noise(20, 1, 16, 16))  # overdensities of empty cells differ by rounding
    net.features(counts - 1).sum().backward()
    assert (net.values.diff() > 0).all()
    assert torch.isfinite(net.values.grad).all()


def test_the_first_linear_part_gives_uncorrelated_summaries_that_keep_the_information():
    random = np.random.default_rng(1)
    net = CompressorNet(2, 16, 2, bands=4, channels=2, levels=1)
    f = len(net.feature_mean)
    mean, derivative = random.normal(size=f), random.normal(size=(2, f))
    root = random.normal(size=(f, f))
    covariance = root @ root.T
    net.start_from(*(torch.from_numpy(a) for a in (mean, covariance, derivative)))
    weight = net.linear.weight.detach().numpy() / net.feature_scale.numpy()
    assert weight @ covariance @ weight.T == pytest.approx(np.eye(2), abs=1e-3)
    information = derivative @ np.linalg.solve(covariance, derivative.T)
    moved = derivative @ weight.T
    assert moved @ moved.T == pytest.approx(information, rel=1e-3, abs=1e-3 * np.abs(information).max())


def test_derivatives_along_a_change_of_the_field_are_those_of_differences():
    torch.manual_seed(1)
    net = CompressorNet(2, 16, 2, levels=2)
    x, change = noise(4, 1, 16, 16), noise(4, 1, 16, 16, seed=2)
    net.prepare(x)
    torch.nn.init.normal_(net.output.weight)
    net.double()
    x, change = x.double(), change.double()
    _, exact = torch.func.jvp(net, (x,), (change,))
    differences = (net(x + 1e-7 * change) - net(x - 1e-7 * change)) / 2e-7
    torch.testing.assert_close(exact, differences, atol=1e-4, rtol=1e-4)


def test_a_grid_that_cannot_be_halved_and_fields_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="halved 3 times"):
        CompressorNet(2, 20, 2, levels=3)
    with pytest.raises(ValueError, match="was made for"):
        CompressorNet(2, 16, 2)(torch.zeros(1, 1, 32, 32))
