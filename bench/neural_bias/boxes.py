"""Universes of examples/neural-bias/small.toml: three that are judged, two that the bias is fitted to."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.lulo.truths import simulated
from lss.config import Configuration, read_toml, validate
from lss.differentiable.forward import forward_model
from lss.differentiable.lpt import hartley
from lss.files.universe_file import read_universe, write_universe
from lss.learned import fitted_bias
from lss.learned.mock_halos import draw_halos
from lss.learned.neural_bias import Catalogue, catalogue
from lss.physics.random_field import replace_large_scales, white_noise
from lss.universe import Universe
from lss_recon.sampling.target import Target

FOLDER = Path("build/neural-bias")
CONFIG = Path("examples/neural-bias/small.toml")
JUDGED, FITTED = (0, 1, 2), (3, 4)
N, BOX = 32, 125.0
MOCK_SEED = 2828
CHECKPOINT = "neural-bias-32"


@dataclass(frozen=True)
class Box:
    """A universe, its Hartley coefficients on the grid of the phases, and the posterior of its halos; side in Mpc/h."""

    universe: Universe
    truth: NDArray[np.float64]
    target: Target
    size: float = BOX


def universe(index: int) -> Universe:
    """Member `index`, simulated unless it is there: P3M with 64^3 particles, 20 CPU seconds."""
    path = FOLDER / "universes" / f"{index:06d}.h5"
    if not path.exists():
        made = simulated(read_toml(CONFIG), index=index)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_universe(made, path)
    return read_universe(path, ["ic", "halos"])


def box(index: int) -> Box:
    """A judged box with the shipped bias."""
    made, fitted = universe(index), fitted_bias.load(CHECKPOINT)
    halos = made.halos
    each = float(np.median(halos.mass / halos.n_particles))
    threshold = float(np.exp(fitted.bias.head.ln_threshold))
    seen = catalogue(halos.position, halos.mass, N, BOX, threshold, particle_mass=each, seed=index)
    return Box(made, coarse(made.noise.value), _target(fitted, seen))


def mock(number: int) -> Box:
    """A catalogue drawn from the model itself: phases of a prior draw, 1LPT, the shipped bias, Poisson."""
    fitted = fitted_bias.load(CHECKPOINT)
    config = validate(Configuration, read_toml(CONFIG), str(CONFIG))
    noise = white_noise(MOCK_SEED, number, N)
    h = hartley(torch.from_numpy(noise).double())
    with torch.no_grad():
        density = forward_model("1lpt", config.cosmology, N, BOX, dtype=torch.float64)(h)
    drawn = draw_halos(fitted.bias, fitted.theta, density, BOX, np.random.default_rng([MOCK_SEED, number]))
    seen = Catalogue(torch.from_numpy(drawn.voxel), torch.from_numpy(np.log(drawn.mass)))
    return Box(Universe.create(config), h.view(-1).numpy(), _target(fitted, seen))


def coarse(noise: NDArray[np.float32]) -> NDArray[np.float64]:
    """Hartley coefficients (N^3,) of the modes that the grid of the phases has."""
    small = replace_large_scales(np.zeros((N, N, N), np.float32), noise)
    return hartley(torch.from_numpy(small).double()).view(-1).numpy()


def _target(fitted: fitted_bias.FittedBias, seen: Catalogue) -> Target:
    config = validate(Configuration, read_toml(CONFIG), str(CONFIG))
    return Target(forward_model("1lpt", config.cosmology, N, BOX), fitted.bias, seen, fitted.factor)
