"""The torch engine gives numba's numbers to float32 rounding."""

import numpy as np
import pytest

from lss.config import Box, Configuration
from lss.errors import ConfigError
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity, white_noise
from lss.universe import Universe, WhiteNoise
from lss_sim import stage, torch_engine
from lss_sim.config import Config
from lss_sim.pm import on_numba

N, BOX = 16, 60.0


def universe():
    configuration = Configuration(box=Box(size=BOX, n=N))
    return Universe.create(configuration).with_noise(WhiteNoise(white_noise(1, 0, N), 1))


def configuration(**sim):
    return Config.model_validate({"box": {"size": BOX, "n": N}, "sim": sim})


def apart(a, b):
    """Distances of positions in a periodic box."""
    d = a.astype(np.float64) - b
    return np.linalg.norm(d - BOX * np.round(d / BOX), axis=1)


@pytest.mark.parametrize("order", [1, 2])
def test_perturbation_theory_agrees(order):
    linear = linear_overdensity(white_noise(3, 0, N), Configuration().cosmology, BOX)
    ours = lpt_particles(linear, BOX, 0.3175, 1.0, order)
    torchs = torch_engine.lpt_particles(linear, BOX, 0.3175, 1.0, order)
    assert apart(ours[0], torchs[0]).max() < 2e-5
    assert np.allclose(ours[1], torchs[1], atol=2e-3)


def test_the_mesh_force_agrees():
    rng = np.random.default_rng(1)
    position = rng.uniform(0, BOX, (3000, 3)).astype(np.float32)
    offset = rng.random(3)
    ours = on_numba(32, BOX).force(position, offset)
    engine = torch_engine.on_torch(32, BOX)
    torchs = engine.unload(engine.force(engine.load(position), offset))
    assert np.abs(torchs - ours).max() < 2e-5 * np.abs(ours).max()


def test_a_run_agrees_and_repeats_to_the_bit():
    ours = stage.run(universe(), configuration(method="pm", steps=8)).particles
    runs = [stage.run(universe(), configuration(method="pm", steps=8, engine="torch")).particles for _ in range(2)]
    assert np.median(apart(ours.position, runs[0].position)) < 1e-4
    assert apart(ours.position, runs[0].position).max() < 0.02
    assert np.array_equal(runs[0].position, runs[1].position)
    assert np.array_equal(runs[0].velocity, runs[1].velocity)


def test_p3m_has_no_torch():
    with pytest.raises(ConfigError, match="p3m has only"):
        stage.run(universe(), configuration(method="p3m", engine="torch"))
