import sys
from pathlib import Path

import numpy as np
import pytest

from lss import stages
from lss.config import Configuration, validate
from lss.files.universe_file import write_universe
from lss.grid import fourier
from lss.grid.fourier import filter_modes, wavenumber
from lss.halos.halo_fields import mass_edges
from lss.learned.estimator import Inputs
from lss.nets.checkpoint import build, save_checkpoint
from lss.universe import Universe
from lss_recon.lulo.directions import by_estimate
from lss_recon.lulo.loop import Problem


class LinearToy:
    """A simulator whose posterior is known exactly: each mode is multiplied by R(k), and noise of rms `noise` is added.

    Its estimator A is the Wiener filter, E[x | d] mode by mode.
    """

    n, box_size, noise = 8, 16.0, 0.3

    def __init__(self):
        self.k = wavenumber(self.n, self.box_size)
        self.response = np.exp(-((1.2 * self.k) ** 2) / 2) * (self.k < 1.2)
        self.filter = self.response / (self.response**2 + self.noise**2)
        self._random = np.random.default_rng(5)

    def draw(self):
        return self._random.standard_normal((self.n,) * 3).astype(np.float32)

    def simulate(self, noise):
        return filter_modes(noise, self.response)

    def simulate_with_noise(self, noise):
        return self.simulate(noise) + np.float32(self.noise) * self.draw()

    def wiener(self, data):
        return filter_modes(data, self.filter)

    def modes(self, noise):
        """Modes of unit variance under the prior."""
        return fourier.forward(noise) / self.n**1.5

    def problem(self, data, forward=None, **further):
        """The reconstruction of `data` with the estimator as its own residual."""
        return Problem(
            forward=forward or self.simulate,
            loss=lambda outcome: float(np.mean((outcome - data) ** 2)),
            direction=by_estimate(lambda outcome: self.wiener(data) - self.wiener(outcome)),
            **further,
        )


class Counter:
    """A forward model that counts its calls and refuses to see a point twice."""

    def __init__(self, forward):
        self._forward, self.seen = forward, []

    def __call__(self, noise):
        point = noise.tobytes()
        assert point not in self.seen, "simulated twice"
        self.seen.append(point)
        return self._forward(noise)


@pytest.fixture
def toy():
    return LinearToy()


@pytest.fixture
def counter(toy):
    return Counter(toy.simulate)


SETTINGS = {
    "box": {"n": 16, "size": 31.25},
    "sim": {"method": "pm", "steps": 10},
    "halo": {"mass_definition": "fof", "min_particles": 10},
}


@pytest.fixture(scope="session")
def truth():
    """A small simulated universe with a few dozen halos."""
    universe = Universe.create(validate(Configuration, {"box": SETTINGS["box"]}, "test"), SETTINGS)
    for name in ("ic", "sim", "halo"):
        universe = stages.run(name, universe, universe.config)
    return universe


@pytest.fixture(scope="session")
def observed(truth):
    """What a reconstruction is given: the halos and the settings of the truth."""
    return Universe(truth.cosmology, truth.box, truth.config, {}, "observed.h5").with_halos(truth.halos)


@pytest.fixture(scope="session")
def observed_file(observed, tmp_path_factory):
    path = tmp_path_factory.mktemp("observed") / "observed.h5"
    write_universe(observed, path)
    return path


@pytest.fixture(scope="session")
def line(observed_file, estimator):
    """The words of a command line that reconstructs the observed halos."""

    def words(output, *further, simulations=6, step="line_search", observed=observed_file):
        settings = [f"recon.checkpoint={estimator}", f"recon.max_simulations={simulations}", f"recon.step={step}"]
        program = Path(sys.executable).with_name("lss-recon")
        return [program, observed, "-o", output, "--quiet", *(f"--set={word}" for word in settings), *further]

    return words


def untrained(model, architecture, inputs, truth, path, **validation):
    """A checkpoint with random weights, whose card fits the universes of `truth`."""
    import torch  # after numba's settings: idle threads of its own OpenMP would spin

    torch.manual_seed(1)
    data = {
        "mass_definition": "fof",
        "box": truth.box.model_dump(),
        "cosmology": truth.cosmology.model_dump(),
        "simulator": {table: truth.config[table] for table in ("ic", "sim", "halo")},
    }
    card = {"model": model, "architecture": architecture, "inputs": inputs, "training": {}, "data": data}
    save_checkpoint(path, build(architecture, str(path)).state_dict(), card | {"validation": validation})
    return str(path)


@pytest.fixture(scope="session")
def estimator(truth, tmp_path_factory):
    """The path of an estimator that has learned nothing: enough for all but the quality of the result."""
    volume = truth.box.size**3
    inputs = Inputs(
        mass_smoothing=(2.0,),
        mass_scale=(1.0,),
        count_smoothing=(2.0,),
        count_scale=(1.0,),
        mass_density=float(truth.halos.mass.sum() / volume),
        number_density=len(truth.halos) / volume,
        voxel=truth.box.size / truth.box.n,
        target_smoothing=1.0,
        target_scale=1.0,
    )
    architecture = {"kind": "unet", "inputs": 2, "outputs": 1, "channels": 4, "levels": 2}
    path = tmp_path_factory.mktemp("estimator") / "estimator.safetensors"
    figures = {"k": [0.1, 1.0], "slope": [1.0, 1.0], "correlation": [0.9, 0.1]}
    return untrained("estimator", architecture, inputs.as_card(), truth, path, **figures)


@pytest.fixture(scope="session")
def optimizer(truth, tmp_path_factory):
    """The path of a network of pairs that has learned nothing."""
    inputs = {
        "channels": ["mass_weighted", "count"],
        "mass_edges": mass_edges(1e13, 2e15, 10).tolist(),
        "assignment": "cic",
        "voxel": truth.box.size / truth.box.n,
    }
    architecture = {"kind": "unet", "inputs": 2, "outputs": 1, "channels": 4, "levels": 2}
    path = tmp_path_factory.mktemp("optimizer") / "optimizer.safetensors"
    return untrained("optimizer", architecture, inputs, truth, path)
