"""Model "halo-mass": the mass of the halo that each particle will end in, from the initial conditions.

Adds /fields/predicted_halo_mass (Msun/h, if the particle ends in a halo; 0 where none was asked for) and, of a dense
network, /fields/halo_probability: that of ending in a halo above the lower edge of the mass range. Both in Lagrangian
order: [i, j, k] belongs to the particle that starts there.
"""

import logging
import time

import numpy as np

from lss.learned.halo_mass import Inputs, late_position, load
from lss.nets.checkpoint import read_card
from lss.physics.random_field import linear_overdensity
from lss.process.progress import since
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss.universe import Group, Universe
from lss_halo.config import Config

log = logging.getLogger("lss.halo")

SMALLER = 0.75  # of the training's box: halos of a 12.5 Mpc/h box are overestimated by a dex by a network of 50
CPU_SECONDS = {"dense": 2.5e-6, "subbox": 1e-3, "perceptron": 1.5e-5}  # a particle


def predict(universe: Universe, config: Config, checkpoint: str) -> Universe:
    """Add the predicted masses to a universe that has initial conditions.

    Raises DataError for another cosmology or voxel than the network was trained in, and where initial conditions (or,
    for a network of the late density, particles) are missing.
    """
    import torch

    from lss.process.threads import threads

    torch.set_num_threads(threads())
    model = load(checkpoint)
    model.refuse_other_universe(universe)
    box, noise = universe.box, universe.noise
    trained = model.card["data"]["box"]["size"]
    if box.size < SMALLER * trained:
        log.warning(
            "%s: a box of %g Mpc/h lacks waves that the network was trained with (%g Mpc/h); expect biased masses",
            universe.source,
            box.size,
            trained,
        )
    count = config.halo.network_particles
    points = None
    if count and count < box.n**3:
        points = np.sort(np.random.default_rng([noise.seed, noise.index]).choice(box.n**3, count, replace=False))
    position = late_position(universe) if model.inputs.input == "late" else None
    linear = linear_overdensity(noise.value, universe.cosmology, box.size)
    begun = time.monotonic()
    mass, probability = model.predict(linear, box.size, points, position)
    log.info("the halo mass of %d particles in %s", len(mass), since(begun))
    universe = _with(universe, "predicted_halo_mass", 10**mass, points, "Msun/h", model.inputs, checkpoint)
    if probability is None:
        return universe
    return _with(universe, "halo_probability", probability, points, "1", model.inputs, checkpoint)


def _with(
    universe: Universe,
    name: str,
    value: np.ndarray,
    points: np.ndarray | None,
    unit: str,
    inputs: Inputs,
    checkpoint: str,
) -> Universe:
    n = universe.box.n
    field = np.zeros(n**3, np.float32)
    field[slice(None) if points is None else points] = value
    low, high = inputs.mass_range
    attrs = {"network": checkpoint, "mass_low": low, "mass_high": high, "particles": len(value)}
    plain = {"assignment": "none", "interlaced": False, "deconvolved": False, "smoothing": 0.0}
    group = Group({"value": field.reshape(n, n, n)}, plain | attrs, {"value": unit})
    return universe.with_group(f"fields/{name}", group)


def plan(universe: Universe | None, config: Config) -> Plan:
    """Memory and CPU time, measured at 64^3."""
    assert config.halo.network is not None
    kind = Inputs.from_card(read_card(config.halo.network), config.halo.network).network
    n = config.box.n if universe is None else universe.box.n
    count = config.halo.network_particles if kind != "dense" and config.halo.network_particles else n**3
    step = f"the halo mass of {count} particles by the {kind} network of {config.halo.network}"
    return Plan(int(IMPORTS_BYTES + TORCH_BYTES + 800 * n**3), 3 + CPU_SECONDS[kind] * count, [step], 3)
