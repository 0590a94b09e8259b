"""Model "lagrangian-bias": the halo field, or a Poisson catalogue, of initial conditions and any displacement.

f of every lattice point is carried by the particles to where they are: /fields/halo_model. The particles may be of any
method of lss-sim, also of a coarser run: displacements are then interpolated to the lattice of the network, and the
modes that the coarser noise lacks are those of its seed. They may be of a finer run too: each particle then takes the f
of the lattice point nearest to where it started.
"""

import logging
from typing import TYPE_CHECKING

import numpy as np

from lss.errors import ConfigError
from lss.grid.lattice import refined_particles
from lss.grid.mesh import overdensity
from lss.physics.random_field import linear_overdensity, replace_large_scales, white_noise
from lss.stages import IMPORTS_BYTES, Plan
from lss.universe import Group, Halos, Universe
from lss_halo.config import Config

if TYPE_CHECKING:
    from lss.learned.lagrangian_bias import LagrangianBias

log = logging.getLogger("lss.halo")

COARSEST = 2.02  # voxels of the particles over those of the network: what was measured, and 1%
TORCH_BYTES = 300_000_000


def predict(universe: Universe, config: Config, checkpoint: str) -> Universe:
    """Add /fields/halo_model; with [halo.lagrangian_bias] catalogue, /halos drawn from it too.

    Raises DataError for a universe without initial conditions or particles, ConfigError for another cosmology,
    redshift or resolution than the network's.
    """
    import torch

    from lss.learned.lagrangian_bias import load
    from lss.process.threads import threads

    torch.set_num_threads(threads())
    bias = load(checkpoint)
    settings = config.halo.lagrangian_bias
    universe.group("ic", "a Lagrangian bias begins with initial conditions: run lss-ic first")
    particles = universe.particles
    bias.suits(config.cosmology, particles.redshift)
    if settings.catalogue and bias.weight != "count":
        raise ConfigError(
            f'[halo.lagrangian_bias] catalogue: {checkpoint} weights halos by "{bias.weight}"; halos are drawn from'
            ' a network of weight = "count"'
        )
    box = config.box
    n = lattice_of(bias, box.n, box.size)
    linear = linear_overdensity(noise_on(universe, n), config.cosmology, box.size)
    f = bias.ratios(linear, box.size)
    position, velocity = particles.position, particles.velocity
    if box.n < n:
        position, velocity = refined_particles(position, velocity, n, box.size)
    elif box.n > n:
        f = at_nearest_points(f, n, box.n)
    log.info("f of %d^3 particles: %.3g have f > 1, the largest is %.3g", max(n, box.n), (f > 1).mean(), f.max())
    grid = settings.grid or n
    field = overdensity(position, grid, box.size, "cic", f)
    attrs = {"assignment": "cic", "interlaced": False, "deconvolved": False, "smoothing": 0.0}
    of_halos = {"weight": bias.weight, "mass_range": np.array(bias.mass_range), "network": checkpoint}
    if settings.catalogue:
        universe = universe.with_halos(drawn_halos(bias, f, position, velocity, universe, settings.seed))
    return universe.with_group("fields/halo_model", Group({"value": field}, attrs | of_halos, {"value": "1"}))


def lattice_of(bias: "LagrangianBias", n: int, box_size: float) -> int:
    """Points per side of the grid that the network's inputs are taken on.

    Raises ConfigError for a box that its voxels do not fill, and for particles too coarse to be carried to them.
    """
    from lss.learned.lagrangian_bias import VOXEL_TOLERANCE

    voxel = bias.inputs.voxel
    lattice = 2 * round(box_size / voxel / 2)
    if lattice == 0 or abs(box_size / lattice / voxel - 1) > VOXEL_TOLERANCE:
        raise ConfigError(
            f"{bias.source}: a Lagrangian bias of voxels of {voxel:.4g} Mpc/h, of which no even number fills"
            f" {box_size:g} Mpc/h"
        )
    if lattice > COARSEST * n:
        raise ConfigError(
            f"{bias.source}: a Lagrangian bias of voxels of {voxel:.4g} Mpc/h; the particles' voxels of"
            f" {box_size / n:.4g} Mpc/h are more than twice as large: [box] n must be at least {-(-lattice // 2)}"
        )
    return lattice


def noise_on(universe: Universe, n: int) -> np.ndarray:
    """The white noise of a universe on n^3 points, (n, n, n) float32: on more than it has, with the modes of its seed.

    Raises ConfigError where noise that is to be refined is not that of its seed: its smaller scales are unknown.
    """
    noise = universe.noise
    m = len(noise.value)
    if m >= n:
        return noise.value if m == n else replace_large_scales(np.zeros((n, n, n), np.float32), noise.value)
    drawn = {"fixed": bool(noise.attrs.get("fixed", False)), "inverted": bool(noise.attrs.get("inverted", False))}
    if (
        noise.partner
        or noise.seed < 0
        or not np.allclose(white_noise(noise.seed, noise.index, m, **drawn), noise.value, atol=1e-3)
    ):
        raise ConfigError(
            f"{universe.source}: its white noise of {m}^3 is not that of its seed, and says nothing of the smaller"
            f" scales of {n}^3; refine it first: lss-ic --set box.n={n}"
        )
    return replace_large_scales(white_noise(noise.seed, noise.index, n, **drawn), noise.value)


def at_nearest_points(f: np.ndarray, n: int, m: int) -> np.ndarray:
    """f of the points of an n-lattice for particles that start on a finer m-lattice, (m^3,) float32, mean one."""
    nearest = np.rint(np.arange(m) * (n / m)).astype(int) % n
    fine = f.reshape(n, n, n)[np.ix_(nearest, nearest, nearest)].ravel()
    return fine / np.float32(fine.mean(dtype=np.float64))


def drawn_halos(
    bias: "LagrangianBias",
    f: np.ndarray,
    position: np.ndarray,
    velocity: np.ndarray,
    universe: Universe,
    seed: int,
) -> Halos:
    """A Poisson catalogue: as many halos per volume as in training, each where a particle is and moving as it does.

    Masses are drawn from the mass function of the training alone: they do not know the halo's surroundings. Every
    particle has random numbers of its own, so that nearly the same initial conditions have nearly the same halos.
    """
    from scipy.stats import poisson

    random = np.random.default_rng([seed, universe.index])
    density, volume = float(bias.card["data"]["density"]), universe.box.size**3
    expected = f.astype(np.float64) * (density * volume / len(f))
    count = poisson.ppf(random.random(len(f)), expected).astype(np.int64)
    # A row for the first halo of every particle, one for its second, ...
    ranks = random.random((max(count.max(), 1), len(f)))
    nth, chosen = np.nonzero(np.arange(len(ranks))[:, None] < count)
    table = bias.card["data"]["abundance"]
    mass = 10 ** np.interp(np.log10(ranks[nth, chosen] * density), table["log10_density"], table["log10_mass"])
    order = np.argsort(-mass, kind="stable")
    chosen, mass = chosen[order], mass[order].astype(np.float32)
    columns = {"position": position[chosen], "velocity": velocity[chosen], "mass": mass}
    log.info("%d halos drawn; %.0f expected", len(chosen), density * volume)
    return Halos(columns, bias.card["data"]["mass_definition"], "lagrangian-bias", universe.particles.redshift)


def plan(universe: Universe | None, config: Config) -> Plan:
    """Memory of the whole process and CPU time, of five networks of 5 x 64 and three radii: what is largest."""
    from lss.learned.lagrangian_bias import Inputs
    from lss.nets.checkpoint import read_card

    checkpoint = str(config.halo.network)
    card = read_card(checkpoint)
    voxel = Inputs.from_card(card["inputs"], checkpoint).voxel
    count = max(round(config.box.size / voxel), config.box.n) ** 3
    architecture, radii = card["architecture"], len(card["inputs"]["radii"])
    size = architecture.get("width", 0) ** 2 * architecture.get("layers", 0) * architecture.get("members", 0)
    memory = IMPORTS_BYTES + TORCH_BYTES + count * (70 + 24 * radii)
    return Plan(memory, 3 + count * (2e-7 * radii + 5e-11 * size), ["f of every particle", "the field halo_model"], 3)
