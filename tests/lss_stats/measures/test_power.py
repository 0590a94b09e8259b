"""Spectra of samples: shot noise, windows, interlacing, comparison."""

import dataclasses
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lss.config import Box, Configuration
from lss.errors import DataError
from lss.grid.interlacing import painted_modes
from lss.grid.mesh import paint
from lss.grid.spectra import measure_modes
from lss.halos.halo_fields import CHANNELS, MOMENTUM, halo_fields, mass_bins, mass_edges
from lss.physics.random_field import linear_overdensity
from lss.universe import Field, Group, Halos, Universe
from lss_stats.config import Statistics
from lss_stats.fields import FieldModes, Fields, shot_noise
from lss_stats.figures import spectra as figure_spectra
from lss_stats.figures.shown import Shown
from lss_stats.measures.comparison import compare
from lss_stats.measures.power import power
from lss_stats.measures.slices import slices

BOX, N = 100.0, 16
CONFIG = Statistics()


def modes(universe: Universe, name: str, config: Statistics = CONFIG) -> FieldModes:
    return Fields(universe, config).modes(name)


def test_shot_noise_of_equal_weights_is_volume_over_number():
    assert shot_noise(500, 1e6) == shot_noise(np.full(500, 3.0), 1e6) == 2000.0
    assert shot_noise(np.array([1.0, 3.0]), 8.0) == 8 * 10 / 16
    assert shot_noise(0, 8.0) == 0.0


@pytest.mark.parametrize("weighted", [False, True])
def test_unclustered_points_have_the_power_of_their_shot_noise(weighted):
    """At low k, where the aliases that the CIC window lets through are small."""
    rng = np.random.default_rng(1)
    universe = Universe.create(Configuration(box=Box(size=BOX, n=N)))
    ratios = []
    for _ in range(40):
        weight = rng.exponential(size=1000).astype(np.float32) if weighted else None
        position = rng.uniform(0, BOX, (1000, 3)).astype(np.float32)
        group = power(Fields(universe, CONFIG).of_points("halos", position, weight), CONFIG)
        ratios.append(group.data["power"][:3] / group.data["shot_noise"][:3])
    error = np.sqrt(2 / group.data["n_modes"][:3] / len(ratios))
    assert np.all(np.abs(np.mean(ratios, axis=0) - 1) < 4 * error + 0.03)


def test_fields_of_unclustered_halos_have_the_power_and_unit_of_their_shot_noise():
    rng, ratios = np.random.default_rng(3), []
    blank = Universe.create(Configuration(box=Box(size=BOX, n=N)))
    for _ in range(40):
        columns = {
            "position": rng.uniform(0, BOX, (1000, 3)).astype(np.float32),
            "velocity": rng.normal(scale=300, size=(1000, 3)).astype(np.float32),
            "mass": (9e12 * (1 + rng.pareto(1.5, 1000))).astype(np.float32),  # some too light to count
        }
        universe = blank.with_halos(Halos(columns, "200c", "test", 0.0))
        bins = mass_bins(columns["mass"], mass_edges(1e13, 2e15, 10))
        where = columns["position"], columns["mass"], N, BOX, bins
        fields = halo_fields(*where, channels=CHANNELS, velocity=columns["velocity"])
        for name, value in zip(CHANNELS, fields, strict=True):
            unit = "km/s" if name in MOMENTUM else "1"
            universe = universe.with_group(
                f"fields/halo_{name}", Group({"value": value}, {"assignment": "cic"}, {"value": unit})
            )
        groups = [power(modes(universe, f"halo_{name}"), CONFIG) for name in CHANNELS]
        ratios.append([group.data["power"][:3] / group.data["shot_noise"][:3] for group in groups])
    error = np.sqrt(2 / groups[0].data["n_modes"][:3] / len(ratios))
    assert np.all(np.abs(np.mean(ratios, axis=0) - 1) < 4 * error + 0.03)
    assert [group.units["power"] for group in groups] == 3 * ["(Mpc/h)^3"] + 3 * ["(Mpc/h)^3 (km/s)^2"]
    units = slices(universe, CONFIG).units
    assert (units["halo_momentum_y"], units["halo_mass"]) == ("km/s", "1")


def aliased(interlaced: bool) -> np.ndarray:
    """Sum over aliases of the squared CIC window, per shell, for white noise; interlacing drops every odd alias."""
    m = np.fft.fftfreq(N, 1 / N)
    total = np.zeros((N, N, N))
    shifts = np.arange(-2, 3)
    axis = {s: np.sinc((m + N * s) / N) ** 4 for s in shifts}
    for x in shifts:
        for y in shifts:
            for z in shifts:
                if not (interlaced and (x + y + z) % 2):
                    total += axis[x][:, None, None] * axis[y][:, None] * axis[z]
    shell = np.floor(np.sqrt(m[:, None, None] ** 2 + m[:, None] ** 2 + m**2) + 0.5).astype(int)
    return np.array([total[shell == s].mean() for s in range(1, shell.max() + 1)])


@pytest.mark.parametrize("interlaced", [False, True])
def test_interlacing_removes_the_odd_aliases_and_nothing_else(interlaced):
    rng = np.random.default_rng(2)
    count, draws = 2000, 40
    measured = np.zeros(len(aliased(interlaced)))
    for _ in range(draws):
        position = rng.uniform(0, BOX, (count, 3)).astype(np.float32)
        modes = painted_modes(partial(paint, position, N, BOX, "cic", None), N, interlaced=interlaced)
        measured += measure_modes(modes[None], N, BOX).power[0, 0] / draws
    measured *= (N**3 / count) ** 2 * count / BOX**3  # in units of the shot noise
    below = slice(1, N // 2)  # up to Nyquist
    assert_allclose(measured[below], aliased(interlaced)[below], rtol=0.05)
    # What is left of the aliases at Nyquist is what issue and literature promise: less than half.
    if interlaced:
        true_power = aliased(True)[N // 2 - 1]
        assert measured[N // 2 - 1] < 0.9 * aliased(False)[N // 2 - 1]
        assert measured[N // 2 - 1] == pytest.approx(true_power, rel=0.05)


def test_a_field_that_was_deconvolved_is_not_deconvolved_again(universe):
    value = universe.field("halo_count").value
    spectra = {}
    for deconvolved in (False, True):
        changed = universe.with_field("halo_count", Field(value, "cic", deconvolved=deconvolved))
        spectra[deconvolved] = power(modes(changed, "halo_count"), CONFIG).data["power"]
    assert np.all(spectra[False][4:] > 1.1 * spectra[True][4:])


def test_a_universe_compared_with_itself_is_recovered_entirely(universe):
    for name in Fields(universe, CONFIG).available:
        here = modes(universe, name)
        data = compare(here, here, CONFIG).data
        assert_allclose(data["correlation"], 1, rtol=1e-9)
        assert_allclose(data["transfer"], 1, rtol=1e-9)
        assert_allclose(data["uncorrelated_power"] / data["power"], 0, atol=1e-9)


def test_half_the_amplitude_has_half_the_transfer_and_propagator(universe):
    here = modes(universe, "matter")
    half = dataclasses.replace(here, modes=0.5 * here.modes)
    data = compare(half, here, CONFIG).data
    assert_allclose(data["transfer"], 0.5, rtol=1e-6)
    assert_allclose(data["propagator"], 0.5, rtol=1e-6)


def test_linear_velocities_follow_the_linear_density(universe):
    """Lagrangian velocities of first order are a H f times the gradient of the potential: r with matter is no use,
    but power falls as P / k^2 where it is linear."""
    config = Statistics(measure=["velocity"])
    velocity = power(modes(universe, "velocity", config), config).data
    initial = power(modes(universe, "initial", config), config).data
    ratio = velocity["power"] * velocity["k"] ** 2 / initial["power"]
    growth = 100 * 0.3175**0.55
    assert_allclose(ratio[:3], growth**2 / 3, rtol=0.35)


def test_what_does_not_fit_is_refused_in_one_line(universe):
    coarse, fine = (modes(universe, "matter", Statistics(mesh=mesh)) for mesh in (8, 16))
    with pytest.raises(DataError, match=r"grid of 8\^3, but universe.h5 has matter on 16\^3"):
        compare(coarse, fine, CONFIG)
    with pytest.raises(DataError, match="no mode between"):
        power(fine, Statistics(k_min=50.0))
    broken = dataclasses.replace(fine, modes=np.full_like(fine.modes, np.nan))
    with pytest.raises(DataError, match=r"universe.h5: matter: a field holds NaN"):
        power(broken, CONFIG)


def test_mean_of_samples_is_held_against_the_initial_field_of_the_truth(universe, truth):
    linear = linear_overdensity(universe.noise.value, universe.cosmology, BOX)
    gathered = Universe(universe.cosmology, universe.box).with_field("linear_mean", Field(linear))
    assert Fields(gathered, CONFIG).available == ["initial"]
    of_truth = modes(truth, "initial")
    found, expected = (compare(modes(u, "initial"), of_truth, CONFIG) for u in (gathered, universe))
    assert_allclose(found.data["correlation"], expected.data["correlation"])


def test_the_legend_of_spectra_names_the_shot_noise_of_any_panel(universe):
    groups = {f"power/{name}": power(modes(universe, name), CONFIG) for name in ("initial", "halo_count")}
    figure = figure_spectra.fields(Shown(groups))
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["universe", "shot noise"]


@pytest.mark.parametrize("n", [15, 16])
def test_interlaced_modes_do_not_depend_on_the_order_of_the_axes(n):
    rng = np.random.default_rng(7)
    position = np.concatenate([rng.random((2000, 3)) * BOX, rng.normal(0, 0.005 * BOX, (600, 3)) % BOX]).astype("f4")
    powers = []
    for order in ([0, 1, 2], [2, 0, 1], [1, 0, 2]):
        turned = np.ascontiguousarray(position[:, order])
        modes = painted_modes(partial(paint, turned, n, BOX, "pcs", None), n, interlaced=True)
        powers.append(measure_modes(modes[None], n, BOX, ["pcs"]).power[0, 0])
    assert_allclose(powers[1], powers[0], rtol=2e-5)
    assert_allclose(powers[2], powers[0], rtol=2e-5)
