"""The fields of a universe in Fourier space: each is painted once, and kept while it is needed.

| name | from | components |
|---|---|---|
| initial | /ic: the linear overdensity at z = 0; of a gathered ensemble /fields/linear_mean | 1 |
| matter | particles of the last output, else /fields/matter | 1 |
| momentum | particles, weighted by velocity: (1 + delta) v, km/s | 3 |
| velocity | velocities on the initial lattice (Lagrangian), km/s | 3 |
| halo_mass_weighted, halo_count, ... | /fields | 1 |
| halos | /halos, painted with equal weights | 1 |
| matter, halos + IN_REDSHIFT_SPACE | particles and halos, moved along the line of sight | 1 |
| halo_mass_weighted, halo_count + OF_RESOLVED_HALOS | halos of at least [stats] resolved particles | 1 |
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from lss.grid.fourier import forward, smooth_modes
from lss.grid.interlacing import painted_modes
from lss.grid.mesh import paint
from lss.grid.spectra import inverse_windows
from lss.halos.halo_fields import CHANNELS, MOMENTUM, halo_fields, halo_weight
from lss.halos.redshift_space import redshift_space
from lss.halos.six_fields import lattice_velocity, reference_bins
from lss.physics.random_field import linear_overdensity
from lss.physics.units import particle_mass
from lss.universe import Universe
from lss_stats.config import Statistics

log = logging.getLogger("lss.stats")

VECTORS = ("momentum", "velocity")
HALO_FIELDS = ("halo_mass_weighted", "halo_count")
IN_REDSHIFT_SPACE = " in redshift space"
OF_RESOLVED_HALOS = " of resolved halos"
SLICE_AXIS = 2  # slices are projected along z

_LABELS = {
    "initial": "initial field",
    "power_law": "power-law field",
    "lognormal": "lognormal field",
    "normal": "normal numbers",
    "halo_mass_weighted": "halos, mass-weighted",
    "halo_count": "halos, counts",
    "velocity": "Lagrangian velocity",
}


def label(name: str) -> str:
    """What a reader sees of a field's name in figures, tables and the log."""
    return _LABELS.get(name, name.replace("_", " "))


@dataclass(frozen=True)
class FieldModes:
    """A field in Fourier space.

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


class Fields:
    """The fields that a universe can give, made when they are asked for.

    available : names of those in three dimensions and real space; planes : of those in two dimensions
    """

    def __init__(self, universe: Universe, config: Statistics) -> None:
        self.universe, self.config = universe, config
        self._kept: dict[str, FieldModes] = {}
        self._slices: dict[str, np.ndarray] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._makers

    @cached_property
    def planes(self) -> list[str]:
        return [name for name in self.universe.field_names if self.universe.field(name).value.ndim == 2]

    @cached_property
    def available(self) -> list[str]:
        return [name for name in self._makers if not name.endswith((IN_REDSHIFT_SPACE, OF_RESOLVED_HALOS))]

    @property
    def everything(self) -> list[str]:
        """The available names, and those in redshift space and of resolved halos."""
        return list(self._makers)

    def modes(self, name: str) -> FieldModes:
        """A field of `everything`. Raises DataError naming what is missing or does not fit."""
        if name not in self._kept:
            self._kept[name] = self._makers[name]() if name in self._makers else self._stored(name)
        return self._kept[name]

    def keep(self, names: Iterable[str]) -> None:
        """Forget the modes of all fields but these."""
        wanted = set(names)
        self._kept = {name: modes for name, modes in self._kept.items() if name in wanted}

    def slice(self, name: str) -> np.ndarray:
        """The mean of "initial" (smoothed) or "matter" over [0, thickness) along z: (n, n) float32."""
        if name not in self._slices:
            if name == "initial":
                self._slices[name] = self.mean_over_slice(self._smoothed_initial())
            else:
                self.modes(name)  # leaves the slice of what it paints
        return self._slices[name]

    def mean_over_slice(self, field: np.ndarray) -> np.ndarray:
        """Of a field in three dimensions, (n, n) float32; one in two dimensions as it is."""
        return field if field.ndim == 2 else _mean(self._slab(field))

    @cached_property
    def _makers(self) -> dict[str, Callable[[], FieldModes]]:
        universe = self.universe
        makers: dict[str, Callable[[], FieldModes]] = {}
        is_linear = universe.config.get("ic", {}).get("field", "linear") == "linear"
        in_space = universe.has("ic/white_noise") and universe.groups["ic"].data["white_noise"].ndim == 3
        if (is_linear and in_space) or universe.has("fields/linear_mean"):
            makers["initial"] = self._initial
        if universe.has("PartType1"):
            makers |= {"matter": self._matter, "momentum": self._momentum}
            if universe.particles.lattice:
                makers["velocity"] = self._lagrangian_velocity
            elif self.config.wants("velocity"):
                log.warning("%s: the ids of its particles number no lattice: no velocity", universe.source)
        elif universe.has("fields/matter"):
            makers["matter"] = partial(self._stored, "matter")
        named = {"matter", "linear_mean", *self.planes}
        makers |= {name: partial(self._stored, name) for name in universe.field_names if name not in named}
        if universe.has("halos"):
            makers["halos"] = self._halos
        if universe.has("PartType1"):
            makers[f"matter{IN_REDSHIFT_SPACE}"] = self._matter_in_redshift_space
        if universe.has("halos/velocity"):
            makers[f"halos{IN_REDSHIFT_SPACE}"] = self._halos_in_redshift_space
        if universe.has("halos"):
            makers |= {f"{name}{OF_RESOLVED_HALOS}": partial(self._of_resolved_halos, name) for name in HALO_FIELDS}
        return makers

    def _initial(self) -> FieldModes:
        field = initial_field(self.universe)
        return FieldModes("initial", forward(field)[None], self.universe.box.size, source=self.universe.source)

    def _smoothed_initial(self) -> np.ndarray:
        radius, box = self.config.slice_smoothing, self.universe.box
        if radius == 0:
            return initial_field(self.universe)
        modes = self.modes("initial")
        return smooth_modes(modes.modes[0].copy(), modes.n, radius, box.size)

    def _matter(self) -> FieldModes:
        return self.of_points("matter", self.universe.particles.position, slice_too=True)

    def _halos(self) -> FieldModes:
        return self.of_points("halos", self.universe.halos.position)

    def _matter_in_redshift_space(self) -> FieldModes:
        particles = self.universe.particles
        return self.of_points("matter", self._seen(particles.position, particles.velocity, particles.redshift))

    def _halos_in_redshift_space(self) -> FieldModes:
        halos = self.universe.halos
        real = halos.columns.get("position_real", halos.position)  # a survey may have moved them before
        return self.of_points("halos", self._seen(real, halos.velocity, halos.redshift))

    def _seen(self, position: np.ndarray, velocity: np.ndarray, redshift: float) -> np.ndarray:
        axis, omega_m = "xyz".index(self.config.line_of_sight), self.universe.cosmology.omega_m
        return redshift_space(position, velocity, axis, redshift, omega_m, self.universe.box.size)

    def of_points(
        self, name: str, position: np.ndarray, weight: np.ndarray | None = None, *, slice_too: bool = False
    ) -> FieldModes:
        """The overdensity of points (particles, halos), each with its weight."""
        n, box_size = self._grid, self.universe.box.size
        total = len(position) if weight is None else float(weight.sum(dtype=np.float64))

        def painted(offset: float) -> np.ndarray:
            grid = paint(position, n, box_size, self.config.assignment, weight, offset)
            if slice_too and not offset:
                slab = self._slab(grid)
                self._slices[name] = _mean(slab * np.float32(n**3 / total) - np.float32(1) if total else slab)
            return grid

        modes = painted_modes(painted, n, interlaced=self.config.interlace)
        if total:
            modes *= np.float32(n**3 / total)
        modes[0, 0, 0] = 0
        noise = shot_noise(len(position) if weight is None else weight, box_size**3)
        return self._of_painted(name, modes[None], noise)

    def _of_resolved_halos(self, name: str) -> FieldModes:
        """A halo field painted anew from the halos of enough particles."""
        kept = resolved(self.universe, self.config.resolved)
        halos, n, box_size = self.universe.halos, self._grid, self.universe.box.size
        channel, position, mass = name.removeprefix("halo_"), halos.position[kept], halos.mass[kept]
        bins = reference_bins(self.universe, mass)

        def painted(offset: float) -> np.ndarray:
            return halo_fields(
                *(position, mass, n, box_size, bins),
                channels=[channel],
                assignment=self.config.assignment,
                offset=offset,
            )[0]

        modes = painted_modes(painted, n, interlaced=self.config.interlace)
        noise = shot_noise(halo_weight(channel, mass, bins), box_size**3)
        return self._of_painted(name, modes[None], noise)

    def _momentum(self) -> FieldModes:
        """(1 + delta) v: particles weighted by their velocity, over the mean number in a cell (LULO section 5.2.2)."""
        particles, n, box_size = self.universe.particles, self._grid, self.universe.box.size
        modes = np.empty((3, n, n, n // 2 + 1), np.complex64)
        for component, weight in zip(modes, particles.velocity.T, strict=True):
            painted = partial(paint, particles.position, n, box_size, self.config.assignment, weight)
            component[...] = painted_modes(painted, n, interlaced=self.config.interlace)
            component *= np.float32(n**3 / len(particles.position))
        # Mean square velocity of one component over the number density.
        noise = box_size**3 / len(particles.position) * float((particles.velocity.astype(np.float64) ** 2).mean())
        return self._of_painted("momentum", modes, noise, "km/s")

    def _lagrangian_velocity(self) -> FieldModes:
        """Each particle's velocity at the lattice point it started from (LULO section 5.2.2)."""
        velocity = lattice_velocity(self.universe)
        modes = np.stack([forward(np.ascontiguousarray(velocity[..., axis])) for axis in range(3)])
        return FieldModes("velocity", modes, self.universe.box.size, unit="km/s", source=self.universe.source)

    def _stored(self, name: str) -> FieldModes:
        """A field of the universe; its window is divided out only if that was not done before."""
        universe, field = self.universe, self.universe.field(name)
        if field.deconvolved and self.config.deconvolve:
            log.info("%s: the window of /fields/%s has been divided out before", universe.source, name)
        window = field.assignment if self.config.deconvolve and not field.deconvolved else "none"
        if name == "matter":
            self._slices[name] = self.mean_over_slice(field.value)
        modes = forward(np.asarray(field.value, np.float32))[None]
        noise, unit = _halo_noise(universe, name), stored_unit(universe, name)
        return FieldModes(name, modes, universe.box.size, window, field.interlaced, noise, unit, universe.source)

    def _of_painted(self, name: str, modes: np.ndarray, noise: float, unit: str = "1") -> FieldModes:
        config, universe = self.config, self.universe
        window = config.assignment if config.deconvolve else "none"
        return FieldModes(name, modes, universe.box.size, window, config.interlace, noise, unit, universe.source)

    @property
    def _grid(self) -> int:
        """Points a side of the grids that points are painted on."""
        return self.config.mesh or self.universe.box.n

    def _slab(self, field: np.ndarray) -> np.ndarray:
        n = len(field)
        cells = int(np.clip(round(self.config.slice_thickness / self.universe.box.size * n), 1, n))
        return field[:, :, :cells]


def shot_noise(weight: np.ndarray | int, volume: float) -> float:
    """V sum w^2 / (sum w)^2 of weighted points, V / N of equal ones (given as their number); 0 without points."""
    if isinstance(weight, int):
        return volume / weight if weight else 0.0
    total = float(weight.sum(dtype=np.float64))
    return volume * float((weight.astype(np.float64) ** 2).sum()) / total**2 if total else 0.0


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


def stored_unit(universe: Universe, name: str) -> str:
    """The unit of a field of the universe."""
    return universe.group(f"fields/{name}").units.get("value", "1")


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


def without_window(field: FieldModes) -> np.ndarray:
    """The modes of the first component with the assignment window divided out: (n, n, n//2+1)."""
    if field.window == "none":
        return field.modes[0]
    inverse = inverse_windows(field.n, [field.window])[0].astype(np.float32)
    full = inverse[np.abs(np.fft.fftfreq(field.n, 1 / field.n)).astype(int)]
    return field.modes[0] * full[:, None, None] * full[:, None] * inverse


def _mean(slab: np.ndarray) -> np.ndarray:
    return slab.mean(axis=SLICE_AXIS, dtype=np.float64).astype(np.float32)
