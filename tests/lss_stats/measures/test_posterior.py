"""Posteriors that are known, in numbers and figures; learned summaries; fields in two dimensions."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from lss.config import Configuration
from lss.errors import ConfigError, DataError
from lss.files.universe_file import write_universe
from lss.inference import Inference, with_parameters
from lss.physics.random_field import white_noise
from lss.universe import Field, Group, Universe, WhiteNoise
from lss_stats import stage
from lss_stats.config import Config
from lss_stats.figures import posterior as figure_posterior
from lss_stats.measures.posterior import weighted_quantile

NAMES = ("ic.amplitude", "ic.slope")
FISHER = np.array([[400.0, -150.0], [-150.0, 300.0]])
N, SIZE = 16, 32.0


def observed(theta, method="delfi", seed=0, wide=1.0, weighted=False):
    """A universe with its field, and the Gaussian posterior of an estimate that scatters by F^-1 about theta."""
    settings = with_parameters({"ic": {"field": "power-law", "dimensions": 2}}, NAMES, theta)
    config = Configuration.model_validate({"box": {"n": N, "size": SIZE}})
    universe = Universe.create(config, settings)
    noise = white_noise(seed, 0, N, dimensions=2)
    universe = universe.with_noise(WhiteNoise(noise, seed)).with_field("power_law", Field(noise * 2))
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(np.linalg.inv(FISHER))
    estimate = np.asarray(theta) + root @ rng.normal(size=2)
    samples = estimate + (2 if weighted else wide) * rng.normal(size=(6000, 2)) @ root.T
    weights = np.ones(len(samples))
    if weighted:  # twice as wide, weighted back
        weights = np.exp(-0.375 * np.einsum("bi,ij,bj->b", samples - estimate, FISHER, samples - estimate))
    attrs = {
        "parameters": " ".join(NAMES),
        "method": method,
        "score_estimate": estimate,
        "fisher": FISHER,
        "low": np.array([0.1, 0.0]),
        "high": np.array([2.0, 1.0]),
        "simulations": 4000,
    }
    return universe.with_group("recon/posterior", Group({"samples": samples, "weights": weights}, attrs))


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_and_quantiles_of_a_gaussian_posterior(weighted):
    universe = observed((0.9, 0.6), weighted=weighted)
    group = stage.run(universe, Config()).groups["stats/posterior"]
    covariance = np.linalg.inv(FISHER)
    sigma, centre = np.sqrt(np.diag(covariance)), universe.groups["recon/posterior"].attrs["score_estimate"]
    np.testing.assert_allclose(group.data["mean"], centre, atol=0.06 * sigma.min())
    np.testing.assert_allclose(group.data["covariance"], covariance, rtol=0.1, atol=0.05 * covariance.min())
    np.testing.assert_allclose(group.data["high_68"] - group.data["low_68"], 2 * 0.9945 * sigma, rtol=0.05)
    np.testing.assert_allclose(group.data["high_95"] - group.data["low_95"], 2 * 1.96 * sigma, rtol=0.06)


def test_a_weighted_quantile_is_that_of_repeated_samples():
    samples = np.random.default_rng(1).normal(size=(300, 2))
    repeats = np.random.default_rng(2).integers(1, 5, 300)
    repeated = np.repeat(samples, repeats, axis=0)
    by_weight = weighted_quantile(samples, repeats / repeats.sum(), 0.3)
    np.testing.assert_allclose(by_weight, np.quantile(repeated, 0.3, axis=0), atol=0.02)


def test_a_posterior_that_is_not_whole_is_refused():
    universe = observed((0.9, 0.6))
    group = universe.groups["recon/posterior"]
    attrs = {name: value for name, value in group.attrs.items() if name != "fisher"}
    with pytest.raises(DataError, match=r"/recon/posterior has no fisher$"):
        stage.run(universe.with_group("recon/posterior", dataclasses.replace(group, attrs=attrs)), Config())


def test_the_truth_is_placed_in_the_posterior(tmp_path):
    universe, truth = observed((0.9, 0.6)), tmp_path / "truth.h5"
    write_universe(observed((0.9, 0.6)).without("recon"), truth)
    group = stage.run(universe, Config(), truth=truth).groups["stats/posterior"]
    np.testing.assert_array_equal(group.data["value"], [0.9, 0.6])
    samples = universe.groups["recon/posterior"].data["samples"]
    np.testing.assert_allclose(group.data["rank"], (samples < [0.9, 0.6]).mean(0))
    assert 0 <= group.attrs["tarp_level"] <= 1


@pytest.mark.parametrize(("wide", "calibrated"), [(1.0, True), (0.4, False)])
def test_coverage_of_a_directory_of_posteriors(tmp_path, wide, calibrated):
    rng = np.random.default_rng(3)
    paths = []
    for i in range(60):
        universe = observed(rng.uniform([0.5, 0.3], [1.5, 0.8]), seed=i, wide=wide)
        for folder in ("posteriors", "truths"):
            write_universe(
                universe if folder == "posteriors" else universe.without("recon"), tmp_path / folder / f"{i}.h5"
            )
        paths.append(tmp_path / "posteriors" / f"{i}.h5")
    config = Config.model_validate({"stats": {"measure": ["posterior"]}})
    _, text = stage.run_directory(paths, config, truth=tmp_path / "truths", figures=tmp_path / "figures")
    rows = [line.split() for line in text.splitlines() if line.startswith(("ic.", "all"))]
    assert len(rows) == 3
    assert all((float(row[-2]) < float(row[-1])) == calibrated for row in rows)
    assert (tmp_path / "figures/coverage.png").stat().st_size > 10_000


def test_posteriors_are_drawn_over_each_other(tmp_path):
    write_universe(observed((0.9, 0.6), "abc", 5, wide=1.2), tmp_path / "abc.h5")
    write_universe(observed((0.9, 0.6)).without("recon"), tmp_path / "truth.h5")
    universe = observed((0.9, 0.6), weighted=True)
    stage.run(universe, Config(), truth=tmp_path / "truth.h5", posteriors=tmp_path / "abc.h5", figures=tmp_path / "f")
    assert (tmp_path / "f/posterior.pdf").stat().st_size > 10_000


@pytest.mark.parametrize("weighted", [False, True])
def test_contours_of_a_narrow_posterior_enclose_as_much_as_its_ellipses(weighted):
    covariance = np.array([[1.0, 0.95], [0.95, 1.0]])
    rng = np.random.default_rng(4)
    samples = (1.5 if weighted else 1.0) * rng.multivariate_normal([0.0, 0.0], covariance, 1000)
    distance = np.einsum("bi,ij,bj->b", samples, np.linalg.inv(covariance), samples)
    weights = np.exp(-0.5 * (1 - 1 / 2.25) * distance) if weighted else np.ones(1000)
    axis = Figure().subplots()
    axis.set(xlim=(-4, 4), ylim=(-4, 4))
    figure_posterior.draw_contours(axis, samples, weights / weights.sum(), "k")
    outer, inner = (path.vertices.T for path in axis.collections[0].get_paths())
    areas = [abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2 for x, y in (inner, outer)]
    expected = [-2 * np.pi * np.log(1 - level) * np.sqrt(1 - 0.95**2) for level in (0.68, 0.95)]
    assert areas == pytest.approx(expected, rel=0.12)


def test_the_posterior_of_one_parameter_is_drawn(tmp_path):
    universe = observed((0.9, 0.6))
    stored = universe.groups["recon/posterior"]
    attrs = {
        name: np.asarray(value)[:1] for name, value in stored.attrs.items() if name in ("score_estimate", "low", "high")
    }
    attrs = stored.attrs | attrs | {"parameters": NAMES[0], "fisher": FISHER[:1, :1]}
    data = {"samples": stored.data["samples"][:, :1], "weights": stored.data["weights"]}
    result = stage.run(universe.with_group("recon/posterior", Group(data, attrs)), Config(), plot=tmp_path / "p.png")
    assert result.groups["stats/posterior"].data["covariance"].shape == (1, 1)
    assert (tmp_path / "p.png").stat().st_size > 5_000


def test_what_cannot_be_shown_is_said_in_one_line(tmp_path):
    bare = observed((0.9, 0.6)).without("recon")
    write_universe(bare, tmp_path / "bare.h5")
    with pytest.raises(DataError, match="no /recon/posterior; run lss-recon with method delfi or abc"):
        stage.run(observed((0.9, 0.6)), Config(), posteriors=tmp_path / "bare.h5")
    renamed = observed((0.9, 0.6))
    renamed.groups["recon/posterior"].attrs["parameters"] = "ic.mean ic.variance"
    write_universe(renamed, tmp_path / "renamed.h5")
    with pytest.raises(DataError, match=r"a posterior of ic.mean ic.variance, but"):
        stage.run(observed((0.9, 0.6)), Config(), posteriors=tmp_path / "renamed.h5")
    other = dataclasses.replace(bare, config={"box": bare.config["box"], "cosmology": bare.config["cosmology"]})
    write_universe(other, tmp_path / "other.h5")
    with pytest.raises(DataError, match=r"its configuration has no ic\.amplitude"):
        stage.run(observed((0.9, 0.6)), Config(), truth=tmp_path / "other.h5")
    with pytest.raises(ConfigError, match="needs checkpoint"):
        stage.run(bare, Config.model_validate({"stats": {"measure": ["summaries"]}}))


def test_the_power_of_a_field_in_two_dimensions_is_that_of_its_modes():
    universe = observed((0.9, 0.6)).without("recon")
    group = stage.run(universe, Config()).groups["stats/power/power_law"]
    value = universe.field("power_law").value.astype(np.float64)
    assert group.data["n_modes"].sum() == N**2 - 1
    # Parseval: the variance is the sum of the power over all modes but the mean.
    variance = (group.data["power"] * group.data["n_modes"]).sum() / SIZE**2
    assert variance == pytest.approx(value.var(), rel=1e-5)
    assert group.units["power"] == "(Mpc/h)^2"


def test_information_of_a_field_in_two_dimensions():
    config = Config.model_validate({"stats": {"measure": ["information"]}})
    universe = observed((0.9, 0.6)).without("recon")
    group = stage.run(universe, config).groups["stats/information"]
    assert group.data["field"][0, 0] == pytest.approx((N**2 - 1) / 2)
    assert group.attrs["sqrt_det_power_spectrum"] < 1.1 * group.attrs["sqrt_det_field"]
    np.testing.assert_array_equal(group.attrs["fiducial"], Inference().fiducial)
