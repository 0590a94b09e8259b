"""What is measured: the fields of a universe, in Fourier space.

| sample | from | components |
|---|---|---|
| initial | /ic: the linear overdensity at z = 0; of what was gathered of samples /fields/linear_mean | 1 |
| matter | particles of the last output, else /fields/matter | 1 |
| halo_mass_weighted, halo_count, ... | /fields | 1 |
| halos | /halos, painted with equal weights | 1 |
| momentum | particles, weighted by velocity: (1 + delta) v, km/s | 3 |
| velocity | velocities on the initial lattice (Lagrangian), km/s | 3 |
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lss.config import Box
from lss.grid.fourier import forward, wavenumbers
from lss.grid.mesh import paint
from lss.grid.spectra import inverse_windows
from lss.halos.halo_fields import CHANNELS, MOMENTUM, halo_fields, halo_weight
from lss.halos.six_fields import lattice_velocity, reference_bins
from lss.physics.random_field import linear_overdensity
from lss.physics.units import particle_mass
from lss.universe import Universe
from lss_stats.config import Statistics

log = logging.getLogger("lss.stats")


@dataclass(frozen=True)
class Sample:
    """A field to measure.

    modes : (c, n, n, n//2+1) complex64, plain rfftn of each component; window : the assignment still in the modes
    ("none" when there is none, or it has been divided out); shot_noise : V sum w^2 / (sum w)^2 in (Mpc/h)^3, times
    unit^2; 0 for fields that do not sample points
    """

    name: str
    modes: np.ndarray
    box_size: float
    window: str = "none"
    interlaced: bool = False
    shot_noise: float = 0.0
    unit: str = "1"
    source: str = ""

    @property
    def n(self) -> int:
        """Grid points a side."""
        return self.modes.shape[1]

    @property
    def nyquist(self) -> float:
        """Largest |k| along an axis, h/Mpc."""
        return np.pi * self.n / self.box_size


def available(universe: Universe) -> list[str]:
    """Names of the samples a universe can give: fields in three dimensions."""
    is_linear = universe.config.get("ic", {}).get("field", "linear") == "linear"
    in_space = universe.has("ic/white_noise") and universe.groups["ic"].data["white_noise"].ndim == 3
    names = ["initial"] if (is_linear and in_space) or universe.has("fields/linear_mean") else []
    if universe.has("PartType1"):
        names += ["matter", "momentum", "velocity"]
    elif universe.has("fields/matter"):
        names.append("matter")
    named = {"matter", "linear_mean", *planes(universe)}
    names += [name for name in universe.field_names if name not in named]
    return names + (["halos"] if universe.has("halos") else [])


def planes(universe: Universe) -> list[str]:
    """Names of the fields in two dimensions."""
    return [name for name in universe.field_names if universe.field(name).value.ndim == 2]


def sample(universe: Universe, name: str, config: Statistics) -> Sample:
    """One of the samples in `available(universe)`. Raises DataError naming what is missing or does not fit."""
    makers: dict[str, Callable[[Universe, Statistics], Sample]] = {
        "initial": _initial,
        "momentum": _momentum,
        "velocity": _lagrangian_velocity,
        "halos": _halos,
    }
    if name == "matter" and universe.has("PartType1"):
        return _matter(universe, config)
    maker = makers.get(name)
    return maker(universe, config) if maker else _stored(universe, name, config)


def shot_noise(weight: np.ndarray | int, volume: float) -> float:
    """V sum w^2 / (sum w)^2 of weighted points, V / N of equal ones (given as their number); 0 without points."""
    if isinstance(weight, int):
        return volume / weight if weight else 0.0
    total = float(weight.sum(dtype=np.float64))
    return volume * float((weight.astype(np.float64) ** 2).sum()) / total**2 if total else 0.0


def painted_modes(
    position: np.ndarray,
    n: int,
    box_size: float,
    scheme: str,
    weight: np.ndarray | None = None,
    interlace: bool = False,
) -> np.ndarray:
    """Modes of the sum of weights on a grid; with `interlace`, the mean of two grids half a cell apart.

    Shifting the particles by half a cell turns the alias m + n l by (-1)^(lx + ly + lz): the leading ones cancel.
    Source: Sefusatti et al. 2016, section 3.1.
    """
    modes = forward(paint(position, n, box_size, scheme, weight))
    if not interlace:
        return modes
    shifted = forward(paint(position, n, box_size, scheme, weight, offset=0.5))
    for k in wavenumbers(n, box_size):
        shifted *= np.exp(0.5j * k * (box_size / n)).astype(np.complex64)
    return np.complex64(0.5) * (modes + shifted)


def points_sample(
    name: str, position: np.ndarray, universe: Universe, config: Statistics, weight: np.ndarray | None = None
) -> Sample:
    """The overdensity of points (particles, halos), each with its weight."""
    n, box_size = grid_of(universe.box, config), universe.box.size
    total = len(position) if weight is None else float(weight.sum(dtype=np.float64))
    modes = painted_modes(position, n, box_size, config.assignment, weight, config.interlace)
    if total:
        modes *= np.float32(n**3 / total)
    modes[0, 0, 0] = 0
    noise = shot_noise(len(position) if weight is None else weight, box_size**3)
    window = config.assignment if config.deconvolve else "none"
    return Sample(name, modes[None], box_size, window, config.interlace, noise, source=universe.source)


def grid_of(box: Box, config: Statistics) -> int:
    """Points a side of the grids that points are painted on."""
    return config.mesh or box.n


def resolved(universe: Universe, least: int) -> np.ndarray:
    """Which halos have at least so many particles: (m,) bool. Raises DataError if the catalogue cannot say."""
    halos = universe.halos
    if least == 0:
        return np.ones(len(halos), bool)
    if "n_particles" in halos.columns:
        return halos.n_particles >= least
    return halos.mass >= least * lattice_particle_mass(universe)


def lattice_particle_mass(universe: Universe) -> float:
    """Mass of one of the box.n^3 particles, Msun/h."""
    return particle_mass(universe.cosmology.omega_m, universe.box.size, universe.box.n**3)


def initial_field(universe: Universe) -> np.ndarray:
    """The linear overdensity at z = 0, (n, n, n) float32: of /ic, or the mean of what was gathered of samples."""
    if universe.has("fields/linear_mean"):
        return universe.field("linear_mean").value
    return linear_overdensity(universe.noise.value, universe.cosmology, universe.box.size)


def _initial(universe: Universe, config: Statistics) -> Sample:
    return Sample("initial", forward(initial_field(universe))[None], universe.box.size, source=universe.source)


def _matter(universe: Universe, config: Statistics) -> Sample:
    return points_sample("matter", universe.particles.position, universe, config)


def _halos(universe: Universe, config: Statistics) -> Sample:
    return points_sample("halos", universe.halos.position, universe, config)


def _stored(universe: Universe, name: str, config: Statistics) -> Sample:
    """A field of the universe; its window is divided out only if that was not done before."""
    field = universe.field(name)
    if field.deconvolved and config.deconvolve:
        log.info("%s: /fields/%s was deconvolved before: its window is left alone", universe.source, name)
    window = field.assignment if config.deconvolve and not field.deconvolved else "none"
    modes = forward(np.asarray(field.value, np.float32))[None]
    noise, unit = _halo_noise(universe, name), stored_unit(universe, name)
    return Sample(name, modes, universe.box.size, window, field.interlaced, noise, unit, universe.source)


def stored_unit(universe: Universe, name: str) -> str:
    """The unit of a field of the universe."""
    return universe.group(f"fields/{name}").units.get("value", "1")


def resolved_halo_field(universe: Universe, name: str, config: Statistics) -> Sample:
    """A halo field ("halo_count", "halo_mass_weighted") painted anew from the halos of enough particles."""
    kept = resolved(universe, config.resolved)
    halos, n, box_size = universe.halos, grid_of(universe.box, config), universe.box.size
    channel, mass = name.removeprefix("halo_"), halos.mass[kept]
    bins = reference_bins(universe, mass)
    field = halo_fields(
        halos.position[kept],
        mass,
        n,
        box_size,
        bins,
        channels=[channel],
        assignment=config.assignment,
        velocity=halos.velocity[kept],
    )[0]
    window = config.assignment if config.deconvolve else "none"
    noise = shot_noise(halo_weight(channel, mass, bins), box_size**3)
    return Sample(name, forward(field)[None], box_size, window, False, noise, source=universe.source)


def _halo_noise(universe: Universe, name: str) -> float:
    """Shot noise of a halo field, times velocity^2 for momenta; 0 for other fields, and without the catalogue."""
    channel = name.removeprefix("halo_")
    if channel == name or channel not in CHANNELS or not universe.has("halos"):
        return 0.0
    halos = universe.halos
    weight = halo_weight(channel, halos.mass, reference_bins(universe))
    noise = shot_noise(weight, universe.box.size**3)
    if noise and channel in MOMENTUM:
        velocity = halos.velocity[:, MOMENTUM.index(channel)].astype(np.float64)
        noise *= np.average(velocity**2, weights=weight**2)
    return noise


def _momentum(universe: Universe, config: Statistics) -> Sample:
    """(1 + delta) v: particles weighted by their velocity, over the mean number in a cell (LULO section 5.2.2)."""
    particles, n, box_size = universe.particles, grid_of(universe.box, config), universe.box.size
    per_particle = np.float32(n**3 / len(particles.position))
    modes = np.stack(
        [
            per_particle
            * painted_modes(
                particles.position, n, box_size, config.assignment, particles.velocity[:, axis], config.interlace
            )
            for axis in range(3)
        ]
    )
    # Mean square velocity of one component over the number density.
    noise = box_size**3 / len(particles.position) * float((particles.velocity.astype(np.float64) ** 2).mean())
    window = config.assignment if config.deconvolve else "none"
    return Sample("momentum", modes, box_size, window, config.interlace, noise, "km/s", universe.source)


def _lagrangian_velocity(universe: Universe, config: Statistics) -> Sample:
    """Each particle's velocity at the lattice point it started from (LULO section 5.2.2)."""
    velocity = lattice_velocity(universe)
    modes = np.stack([forward(np.ascontiguousarray(velocity[..., axis])) for axis in range(3)])
    return Sample("velocity", modes, universe.box.size, unit="km/s", source=universe.source)


def without_window(sample: Sample) -> np.ndarray:
    """The modes of the first component with the assignment window divided out: (n, n, n//2+1)."""
    if sample.window == "none":
        return sample.modes[0]
    inverse = inverse_windows(sample.n, [sample.window])[0].astype(np.float32)
    full = inverse[np.abs(np.fft.fftfreq(sample.n, 1 / sample.n)).astype(int)]
    return sample.modes[0] * full[:, None, None] * full[:, None] * inverse
