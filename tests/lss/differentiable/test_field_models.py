"""Random fields as functions of parameters: their spectra, their derivatives, and what must not leak into them."""

import numpy as np
import pytest
import torch

from lss.config import Cosmology
from lss.differentiable.field_models import simulator
from lss.errors import ConfigError
from lss.physics.linear_power import linear_power

POWER_LAW = ("ic.amplitude", "ic.slope")
LOGNORMAL = ("cosmology.omega_m", "cosmology.sigma8")


def settings(field, n=32, size=100.0, dimensions=2, **cosmology):
    ic = {"field": field, "dimensions": dimensions}
    return {"box": {"n": n, "size": size}, "ic": ic, "cosmology": cosmology}


def draw(simulate, theta, count, seed=0):
    noise = simulate.noise(count, torch.Generator().manual_seed(seed))
    return simulate.fields(torch.tensor([theta]), noise).double()


def mean_power(fields, size):
    axes = tuple(range(2, fields.ndim))
    n, d = fields.shape[-1], fields.ndim - 2
    return (torch.fft.rfftn(fields, dim=axes).abs() ** 2).mean((0, 1)) * (size / n**2) ** d


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_power_law_field_has_its_spectrum(dimensions):
    n, size, count = 16, 40.0, 3000
    simulate = simulator(settings("power-law", n, size, dimensions), POWER_LAW)
    power = mean_power(draw(simulate, (2.0, 0.7), count), size)
    axes = [np.fft.fftfreq(n, size / n)] * (dimensions - 1) + [np.fft.rfftfreq(n, size / n)]
    k = 2 * np.pi * np.sqrt(sum(k**2 for k in np.meshgrid(*axes, indexing="ij")))
    ratio = power.numpy().ravel()[1:] / (2 * k.ravel()[1:] ** -0.7)
    assert ratio.mean() == pytest.approx(1, abs=4 / np.sqrt(count * ratio.size))
    assert abs(ratio - 1).max() < 6 * np.sqrt(2 / count)  # self-conjugate modes scatter most


def test_a_lognormal_field_has_the_variance_of_the_spectrum_averaged_over_voxels():
    n, size, cosmology = 16, 64.0, {"omega_m": 0.3, "sigma8": 0.4}
    simulate = simulator(settings("lognormal", n, size, 3, **cosmology), ())
    fields = draw(simulate, (), 60)
    i = np.arange(-24, 25)  # three Nyquist frequencies: the first images of every mode
    index = np.stack(np.meshgrid(i, i, i, indexing="ij")).reshape(3, -1)
    edge = np.prod(np.where(abs(index) == 24, 0.5, 1.0), axis=0)
    k = 2 * np.pi / size * np.sqrt((index**2).sum(0))
    power = linear_power(k, Cosmology(**cosmology)) * np.prod(np.sinc(index / n) ** 2, axis=0) * edge
    assert fields.var().item() == pytest.approx(power.sum() / size**3, rel=0.02)
    assert fields.mean((2, 3, 4)).abs().max() < 1e-5
    assert fields.min() > -1
    skewness = ((fields**3).mean() / fields.var() ** 1.5).item()
    sigma = fields.std().item()
    assert skewness == pytest.approx(3 * sigma + sigma**3, rel=0.1)  # of a lognormal distribution


def test_two_dimensions_are_a_sheet_of_three():
    sheet, cube = (simulator(settings("lognormal", 16, 60.0, d), LOGNORMAL) for d in (2, 3))
    theta = torch.tensor([[0.3, 0.1]], dtype=torch.float64)  # a small variance: G is delta
    across = torch.tensor([1.0] + [2.0] * 7 + [1.0], dtype=torch.float64)
    expected = (cube.power(theta)[0] * across).sum(-1)[:, :9] / 60.0
    torch.testing.assert_close(sheet.power(theta)[0][1:, 1:], expected[1:, 1:], rtol=0.01, atol=0)


@pytest.mark.parametrize(
    ("field", "parameters", "theta"),
    [
        ("power-law", POWER_LAW, (1.2, 0.4)),
        ("lognormal", LOGNORMAL, (0.4, 0.7)),
        ("normal", ("ic.mean", "ic.variance"), (0.3, 2.0)),
    ],
)
def test_derivatives_are_those_of_finite_differences(field, parameters, theta):
    simulate = simulator(settings(field, 16), parameters)
    noise = simulate.noise(2, torch.Generator().manual_seed(1)).double()
    _, tangent = torch.func.jvp(
        lambda t: simulate.fields(t, noise), (torch.tensor([theta]).double(),), (torch.tensor([[1.0, 0.5]]).double(),)
    )
    step = 1e-5 * torch.tensor([[1.0, 0.5]]).double()
    above, below = (simulate.fields(torch.tensor([theta]).double() + s * step, noise) for s in (1, -1))
    torch.testing.assert_close(tangent, (above - below) / 2e-5, rtol=1e-4, atol=1e-5)


def test_fields_of_many_parameters_are_those_of_each():
    simulate = simulator(settings("lognormal", 16), LOGNORMAL)
    noise = simulate.noise(2, torch.Generator().manual_seed(2))
    theta = torch.tensor([[0.3, 0.8], [0.6, 0.6]])
    together = simulate.fields(theta, noise)
    for i in range(2):
        torch.testing.assert_close(together[i], simulate.fields(theta[i : i + 1], noise[i : i + 1])[0])
    assert together.dtype == torch.float32
    assert together.shape == (2, 1, 16, 16)


def test_the_mean_of_the_noise_does_not_enter():
    simulate = simulator(settings("lognormal", 16), LOGNORMAL)
    noise = simulate.noise(1, torch.Generator().manual_seed(3))
    theta = torch.tensor([[0.3, 0.8]])
    torch.testing.assert_close(simulate.fields(theta, noise), simulate.fields(theta, noise + 3), rtol=1e-4, atol=1e-4)


def test_voxel_averages_leave_no_mode_without_power_over_the_whole_prior():
    simulate = simulator(settings("lognormal", 128, 250.0), LOGNORMAL)
    for theta in ((0.06, 0.2), (0.06, 1.3), (0.999, 0.2), (0.999, 1.3), (0.3175, 0.834)):
        assert simulate.clipped(torch.tensor([theta])) == 0


def test_a_table_is_the_spectrum_that_it_tabulates(tmp_path):
    k = np.geomspace(1e-4, 30, 400)
    np.savetxt(tmp_path / "p.txt", np.c_[k, linear_power(k, Cosmology())])
    made = settings("lognormal", 16)
    tabulated = {**made, "cosmology": {"transfer": str(tmp_path / "p.txt")}}
    theta = torch.tensor([[0.834]], dtype=torch.float64)
    first, second = (simulator(s, ("cosmology.sigma8",)).power(theta) for s in (made, tabulated))
    torch.testing.assert_close(first, second, rtol=2e-3, atol=1e-3)
    with pytest.raises(ConfigError, match="omega_m: does not change"):
        simulator(tabulated, ("cosmology.omega_m",))


@pytest.mark.parametrize(
    ("made", "parameters", "said"),
    [
        (settings("power-law"), ("cosmology.sigma8",), "cosmology.sigma8: does not change a power-law field"),
        ({"ic": {}}, (), "only random fields"),
        ({"ic": {"field": "lognorml"}}, (), r"\[ic\] field = 'lognorml'"),
        ({"ic": {"field": "linear", "dimensions": 2}}, (), "has dimensions = 3"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_line(made, parameters, said):
    with pytest.raises(ConfigError, match=said):
        simulator(made, parameters)


def test_normal_numbers_are_noise_scaled_and_moved():
    simulate = simulator(settings("normal", 16), ("ic.mean", "ic.variance"))
    noise = simulate.noise(3, torch.Generator().manual_seed(4))
    fields = simulate.fields(torch.tensor([[0.3, 4.0]]), noise)
    torch.testing.assert_close(fields[:, 0], 0.3 + 2 * noise, rtol=1e-5, atol=1e-5)
