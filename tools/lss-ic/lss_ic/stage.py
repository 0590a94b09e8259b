"""Initial conditions: white noise, the field it stands for, and particles displaced from a lattice by a linear one."""

import dataclasses
import logging

import numpy as np

from lss.errors import DataError
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import (
    linear_overdensity,
    partner_phase,
    perturbed_partner,
    replace_large_scales,
    white_noise,
)
from lss.physics.units import particle_mass
from lss.stages import TORCH_BYTES, Plan
from lss.universe import Field, Particles, Universe, WhiteNoise
from lss_ic.config import Config, InitialConditions
from lss_ic.sigma8 import expected_sigma8, measured_sigma8, share_beyond_table

log = logging.getLogger("lss.ic")

TAKES = ("index",)
IDLE_BYTES = 80_000_000  # before anything is computed: no compiled kernels are needed
CHANGES = ("box.n",)  # white noise of another resolution is brought to this one

# The stream of small scales added to given noise: no universe's own, or a reconstruction of member 0 of seed 1 that is
# refined with seed 1 would borrow the small scales of its own truth.
SMALL_SCALES = 2**29


def run(universe: Universe, config: Config, *, index: int | None = None) -> Universe:
    """Give a universe its initial conditions: /ic and particles at the start redshift, or /ic and a random field.

    index : I = a (1 + partners) + p, the member of the ensemble, which /ic keeps as `member`; None: what it was
    White noise that the universe holds is kept (`given_noise`); otherwise it is drawn. Everything made from earlier
    initial conditions goes.
    """
    cosmology, box, ic = config.cosmology, config.box, config.ic
    index = universe.index if index is None else index
    noise = given_noise(universe, ic, box.n, index) if universe.has("ic/white_noise") else draw_noise(ic, box.n, index)
    if ic.field != "linear":
        universe = dataclasses.replace(universe, box=box).with_noise(noise)
        return universe.with_field(ic.field.replace("-", "_"), random_field(noise.value, config))
    linear = linear_overdensity(noise.value, cosmology, box.size)
    measured, expected = measured_sigma8(linear, box.size), expected_sigma8(box.n, box.size, cosmology)
    log.info(
        "sigma8 = %.4f in this field; %.4f expected of this box and grid, %.4f without them",
        *(measured, expected, cosmology.sigma8),
    )
    if beyond := share_beyond_table(box.n, box.size, cosmology):
        log.info("%.3g of the variance of this grid lies beyond the end of the table of the spectrum", beyond)
    noise = dataclasses.replace(noise, attrs={**noise.attrs, "sigma8": measured, "sigma8_expected": expected})
    position, velocity = lpt_particles(linear, box.size, cosmology.omega_m, ic.redshift, ic.order)
    universe = dataclasses.replace(universe, box=box)
    return universe.with_noise(noise).with_particles([Particles(position, velocity, ic.redshift)])


def random_field(noise: np.ndarray, config: Config) -> Field:
    """The power-law or lognormal field of this white noise.

    Raises DataError if no lognormal field has the spectrum.
    """
    import torch  # slow to import, and particles need none

    from lss.differentiable.field_models import simulator

    simulate = simulator(config.model_dump(), ())
    parameters = torch.empty(1, 0)
    value = simulate.fields(parameters, torch.from_numpy(noise)[None])[0, 0].numpy()
    if not np.isfinite(value).all():
        raise DataError(f"no lognormal field has the spectrum of {config.cosmology}: xi(r) falls below -1")
    clipped = simulate.clipped(parameters)
    if clipped > 0:
        log.warning("%.2g of the modes would need negative power for this spectrum, and have none", clipped)
    log.info("%s field, %s grid, variance %.4g", config.ic.field, "x".join(map(str, value.shape)), value.var())
    return Field(value)


def draw_noise(ic: InitialConditions, n: int, index: int) -> WhiteNoise:
    """The white noise of a member: x_a, or a perturbed partner of it (LULO Eq. 11)."""
    a, partner = divmod(index, 1 + ic.partners)
    value = white_noise(ic.seed, a, n, fixed=ic.fixed, inverted=ic.inverted, dimensions=ic.dimensions)
    phase = 0.0
    if partner:
        phase = partner_phase(ic.seed, a, partner)
        perturbation = white_noise(ic.seed, a, n, partner, inverted=ic.inverted, dimensions=ic.dimensions)
        value = perturbed_partner(value, perturbation, phase)
    attrs = {"member": index, "fixed": ic.fixed, "inverted": ic.inverted}
    return WhiteNoise(value, ic.seed, a, partner, phase, attrs)


def given_noise(universe: Universe, ic: InitialConditions, n: int, index: int) -> WhiteNoise:
    """The white noise that a universe holds, brought to n points per side mode by mode.

    Modes that a finer grid adds are drawn for (seed, index): a reconstruction resimulated with small scales of its own.
    """
    noise = universe.noise_in(ic.dimensions)
    m = len(noise.value)
    if m == n:
        log.info("white noise of %s", universe.source)
        return dataclasses.replace(noise, attrs={**noise.attrs, "member": index})
    small_scales = white_noise(ic.seed, index, n, SMALL_SCALES, dimensions=ic.dimensions)
    value = replace_large_scales(small_scales, noise.value)
    attrs = {**noise.attrs, "member": index, "large_scales_n": min(m, n)}
    if n > m:
        log.info("white noise of %s, n = %d, with smaller scales of seed %d, %d", universe.source, m, ic.seed, index)
        attrs |= {"small_scales_seed": ic.seed, "small_scales_index": index}
    else:
        log.info("white noise of %s, n = %d, without the scales that n = %d cannot hold", universe.source, m, n)
    return dataclasses.replace(noise, value=value, attrs=attrs)


def plan(universe: Universe | None, config: Config) -> Plan:
    """Memory of the whole process and CPU time.

    Measured at 128^3 and 256^3: the peak is 52 n^3 bytes above the idle process when a
    file is written and 72 n^3 when a pipe is, which takes the whole image at once. What is said lies between. A random
    field takes torch besides, and at 128^3 120 n^3.
    """
    box, ic = config.box, config.ic
    held = sum(array.nbytes for group in universe.groups.values() for array in group.data.values()) if universe else 0
    given = universe is not None and universe.has("ic/white_noise")
    drawn = f"white noise: {universe.source if universe and given else f'seed {ic.seed}'}, {box.n}^{ic.dimensions}"
    if ic.field != "linear":
        voxels = box.n**ic.dimensions
        steps = [drawn, f"{ic.field} field: {box.n}^{ic.dimensions}"]
        return Plan(IDLE_BYTES + TORCH_BYTES + 130 * voxels + held, 3.0 + 4e-7 * voxels, steps)
    mass = particle_mass(config.cosmology.omega_m, box.size, box.n**3)
    steps = [
        drawn,
        f"particles: {box.n}^3 of {mass:.3g} Msun/h, {ic.order}LPT at z = {ic.redshift:g}",
    ]
    return Plan(IDLE_BYTES + 60 * box.n**3 + held, 0.3 + 4e-7 * box.n**3, steps, 0.3)
