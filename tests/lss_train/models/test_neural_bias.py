"""lss-train, model neural-bias, and lss-halo with its checkpoint."""

import numpy as np
import pytest
import torch

from lss.config import Box, Configuration, validate
from lss.differentiable.forward import forward_model
from lss.differentiable.lpt import hartley
from lss.errors import ConfigError, DataError
from lss.files.restart import Restart
from lss.files.universe_file import write_universe
from lss.learned import fitted_bias
from lss.learned.bias_checks import total_likelihood
from lss.learned.mock_halos import draw_halos
from lss.learned.neural_bias import unfitted
from lss.physics.random_field import white_noise
from lss.universe import Halos, Particles, Universe, WhiteNoise
from lss_train.config import Config
from lss_train.models import neural_bias
from lss_train.train import plan, train

N, BOX, THRESHOLD = 12, 48.0, 1e13


def universe(number, n=N):
    """Halos drawn from a known bias."""
    configuration = Configuration(box=Box(size=BOX, n=N))
    noise = white_noise(5, number, N)
    forward = forward_model("1lpt", configuration.cosmology, N, BOX, dtype=torch.float64)
    with torch.no_grad():
        density = forward(hartley(torch.from_numpy(noise).double()))
    bias = unfitted(density, THRESHOLD, 3e-3, BOX / N, gaussians=1, log_floor=0.1)
    theta = torch.zeros(bias.parameters, dtype=torch.float64)
    theta[:2] = torch.tensor([1.0, 0.5])
    drawn = draw_halos(bias, theta, density, BOX, np.random.default_rng(number))
    order = np.argsort(-drawn.mass)
    columns = {
        "position": drawn.position[order].astype(np.float32),
        "velocity": np.zeros((len(order), 3), np.float32),
        "mass": drawn.mass[order].astype(np.float32),
    }
    made = Universe.create(configuration).with_noise(WhiteNoise(noise, 5, number))
    return made.with_halos(Halos(columns, "200c", "toy", 0.0))


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taught")
    for number in range(2):
        write_universe(universe(number), folder / f"{number:06d}.h5")
    return folder


def config(**settings):
    table = {"gaussians": 1, "starts": 2, "threshold": THRESHOLD, **settings}
    fit = {"learning_rate": 0.05} if settings.get("fit") == "sgd" else {}
    tables = {"box": {"size": BOX, "n": N}, "train": {"model": "neural-bias", "neural_bias": table, **fit}}
    return validate(Config, tables, "test")


@pytest.fixture(scope="module")
def checkpoint(taught, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "bias.safetensors"
    train([taught], config(), path, restart=Restart(None))
    return path


def test_the_checkpoint_says_how_it_compares_with_classical_biases(checkpoint):
    found = fitted_bias.load(checkpoint)
    assert found.card["validation"]["over"].keys() == {"power-law", "neyrinck", "neyrinck+"}
    assert 0.3 < found.card["validation"]["n_m_delta_chi2"] < 2.5
    assert found.card["data"]["box"] == {"size": BOX, "n": N}
    covariance = found.factor @ found.factor.T
    assert float(torch.linalg.eigvalsh(covariance).min()) > 0


def test_stochastic_gradients_come_near_to_the_same_maximum(checkpoint, taught, tmp_path):
    path = tmp_path / "sgd.safetensors"
    train([taught], config(fit="sgd", updates=600, share=0.5), path, restart=Restart(None))
    universes = [universe(number) for number in range(2)]
    settings = config()
    bias, data = neural_bias.prepared(universes, settings, settings.train.sub_table(neural_bias.Settings))
    values = [float(total_likelihood(bias, fitted_bias.load(p).theta, data).total) for p in (checkpoint, path)]
    assert values[1] > values[0] - 12


def test_halos_drawn_by_lss_halo_have_the_expected_number(checkpoint):
    from lss_halo import stage
    from lss_halo.config import Config as HaloConfig

    settings = {"box": {"size": BOX, "n": N}, "halo": {"network": str(checkpoint)}}
    counts = []
    for number in range(4):
        made = stage.run(universe(number).without("halos"), validate(HaloConfig, settings, "test"))
        assert made.halos.finder == "neural-bias"
        assert made.halos.mass.min() >= THRESHOLD * 0.999
        assert (np.diff(made.halos.mass) <= 0).all()
        counts.append([len(made.halos), len(universe(number).halos)])
    drawn, taught = np.sum(counts, axis=0)
    assert abs(drawn - taught) < 5 * np.sqrt(drawn + taught)
    assert made.field("halo_model").value.shape == (N, N, N)
    again = stage.run(universe(3).without("halos"), validate(HaloConfig, settings, "test"))
    assert np.array_equal(again.halos.mass, made.halos.mass)


def test_the_density_is_that_of_the_fit_whatever_redshift_the_particles_have(checkpoint):
    from lss_halo import stage

    settings = {"box": {"size": BOX, "n": N}, "halo": {"network": str(checkpoint)}}
    asked = validate(stage.Config, settings, "test")
    made = universe(7).without("halos")
    lattice = np.stack(np.meshgrid(*[np.arange(N) * (BOX / N)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    particles = Particles(lattice.astype(np.float32), np.zeros((N**3, 3), np.float32), 127.0)
    begun = stage.run(made.with_particles([particles]), asked)
    assert np.array_equal(begun.halos.position, stage.run(made, asked).halos.position)
    assert begun.halos.redshift == 0


def test_a_box_of_other_voxels_is_refused_in_a_line(checkpoint):
    from lss_halo import stage
    from lss_halo.config import Config as HaloConfig

    wide = Configuration(box=Box(size=50.0, n=N))
    settings = {"box": {"size": 50.0, "n": N}, "halo": {"network": str(checkpoint)}}
    noise = WhiteNoise(white_noise(1, 0, N), 1)
    with pytest.raises(ConfigError, match="voxels of 4 Mpc/h, which do not divide the box of 50"):
        stage.run(Universe.create(wide).with_noise(noise), validate(HaloConfig, settings, "test"))


def test_a_threshold_above_every_halo_is_refused_in_a_line(taught, tmp_path):
    with pytest.raises(DataError, match=r"no halo of .* is above the threshold"):
        train([taught], config(threshold=1e17), tmp_path / "x.safetensors", restart=Restart(None))


def test_a_plan_counts_the_universes(taught):
    assert any("2 universes, density of 1lpt on 12^3" in step for step in plan([taught], config()).steps)
