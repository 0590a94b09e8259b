"""Mock halo catalogues drawn from a neural bias and a density (model "neural-bias")."""

import logging

import numpy as np
import torch

from lss.differentiable.forward import forward_model
from lss.differentiable.lpt import hartley
from lss.errors import ConfigError, DataError
from lss.grid.mesh import overdensity
from lss.learned import fitted_bias
from lss.learned.mock_halos import draw_halos
from lss.physics.random_field import replace_large_scales
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss.universe import Field, Halos, Universe
from lss_halo.config import Config

log = logging.getLogger("lss.halo")

CPU_SECONDS_PER_VOXEL = 5e-6
VOXEL_TOLERANCE = 0.01
REDSHIFT_TOLERANCE = 1e-3


def predict(universe: Universe, config: Config, checkpoint: str) -> Universe:
    """The universe with halos drawn from the model's Poisson process, and /fields/halo_model, their expected number
    density in units of its mean, minus one.

    The density is that which the model was fitted to, at the redshift of the fit: of the phases, or of the particles. A
    halo lies anywhere in its voxel; it has no velocity. The draw belongs to the universe's seed and index.
    Raises ConfigError for a box of other voxels and particles of another redshift, DataError for an input without what
    the density is made of.
    """
    fitted = fitted_bias.load(checkpoint)
    bias, theta, size = fitted.bias, fitted.theta, universe.box.size
    n = round(size / bias.voxel)
    if abs(size / n / bias.voxel - 1) > VOXEL_TOLERANCE:
        raise ConfigError(
            f"[halo] network = {checkpoint!r} was made for voxels of {bias.voxel:.4g} Mpc/h, which do not divide the"
            f" box of {size:g} Mpc/h"
        )
    of = str(fitted.card["training"]["neural_bias"]["density"])
    redshift = float(fitted.card["data"].get("redshift", 0.0))  # the first checkpoints do not say it
    density = _density(universe, of, n, redshift, checkpoint)
    if universe.has("ic"):
        seed = (universe.noise.seed, universe.index, universe.noise.partner)
    else:
        seed = (0, universe.index, 0)
    drawn = draw_halos(bias, theta, density, size, np.random.default_rng([abs(number) for number in seed]))
    order = np.argsort(-drawn.mass, kind="stable")
    columns = {
        "position": drawn.position[order].astype(np.float32),
        "mass": drawn.mass[order].astype(np.float32),
    }
    log.info("%d halos drawn from %s, %.1f expected", len(order), checkpoint, drawn.expected.sum())
    if not len(order):
        raise DataError(f"[halo] network = {checkpoint!r} draws no halo in this universe")
    definition = str(fitted.card["data"]["mass_definition"])
    universe = universe.with_halos(Halos(columns, definition, "neural-bias", redshift))
    model = drawn.expected / drawn.expected.mean() - 1
    return universe.with_field("halo_model", Field(model.astype(np.float32))) if n == universe.box.n else universe


def _density(universe: Universe, of: str, n: int, redshift: float, checkpoint: str) -> torch.Tensor:
    """rho / mean (n, n, n) float64."""
    size = universe.box.size
    if of == "particles":
        particles = universe.particles
        if abs(particles.redshift - redshift) > REDSHIFT_TOLERANCE:
            raise ConfigError(
                f"{universe.source}: its particles are at z = {particles.redshift:g}; {checkpoint} was fitted at z ="
                f" {redshift:g}"
            )
        return torch.from_numpy(overdensity(particles.position, n, size, "cic")).double() + 1
    noise = universe.noise.value
    if n != universe.box.n:
        noise = replace_large_scales(np.zeros((n, n, n), np.float32), noise)
    forward = forward_model(of, universe.cosmology, n, size, redshift, dtype=torch.float64)
    with torch.no_grad():
        return forward(hartley(torch.from_numpy(np.ascontiguousarray(noise)).double()))


def plan(universe: Universe | None, config: Config) -> Plan:
    """What the drawing costs."""
    voxels = config.box.n**3
    return Plan(
        IMPORTS_BYTES + TORCH_BYTES + 200 * voxels,
        3 + CPU_SECONDS_PER_VOXEL * voxels,
        [f"draw halos from {config.halo.network}"],
    )
