"""The six fields by which a reconstruction is judged against its truth (LULO section 5).

| name | field | needs |
|---|---|---|
| ic | linear overdensity at z = 0 | white noise, or the mean of an ensemble, /fields/linear_mean |
| matter | overdensity of the particles | particles, or /fields/matter |
| mw | mass-weighted overdensity of the halos (LULO Eq. 14-15) | halos |
| count | overdensity of the number of halos | halos |
| momentum | (1 + delta) v: particles weighted by their velocity, three components | particles |
| velocity | velocities on the initial lattice (Lagrangian), three components | particles |

All on the grid of the box, painted as RECORDED says unless told otherwise; windows are divided out. The halo fields of
both universes are normalised by the mass bins of the truth: their T(k) then falls where halos are missing.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lss import stages
from lss.config import Painting
from lss.errors import DataError
from lss.grid.comparison import Comparison, compare_modes
from lss.grid.fourier import forward
from lss.grid.interlacing import painted_modes
from lss.grid.mesh import overdensity, paint
from lss.halos.halo_fields import MassBins, halo_fields, halo_weight, mass_bins, mass_edges, weight_of_all
from lss.physics.random_field import linear_overdensity
from lss.universe import Universe

NAMES = ("ic", "matter", "mw", "count", "momentum", "velocity")

# Every k80 that was recorded of a reconstruction was measured with this painting; comparisons with them keep it.
RECORDED = Painting("cic", interlaced=False)
PAINTED = ("matter", "mw", "count", "momentum")  # the fields that depend on it

_CHANNELS = {"mw": "mass_weighted", "count": "count"}


@dataclass(frozen=True)
class Sampled:
    """A field in Fourier space: modes (c, n, n, n//2+1) complex64, plain rfftn; window : the assignment in them."""

    modes: np.ndarray
    window: str


def reference_bins(truth: Universe, mass: np.ndarray | None = None) -> MassBins:
    """The mass bins of the truth's halos as its [halo] says.

    mass : (m,) Msun/h of those that count, all if not given
    """
    halo = stages.table("halo", truth.config)
    low, high = halo.mass_range
    return mass_bins(truth.halos.mass if mass is None else mass, mass_edges(low, high, halo.mass_bins))


def six_fields(
    universe: Universe,
    reference: MassBins | None,
    painting: Painting = RECORDED,
    names: Collection[str] = NAMES,
) -> dict[str, Sampled]:
    """Those of the six that the universe has what is needed for, in the order of NAMES.

    reference : the mass bins that normalise the halo fields (`reference_bins` of the truth); None leaves them out
    names : the fields that are wanted
    Cost: 0.2 CPU seconds at 64^3; interlaced twice that.
    """
    makers: dict[str, Callable[[], Sampled]] = {}
    if universe.has("ic/white_noise") or universe.has("fields/linear_mean"):
        makers["ic"] = lambda: _sampled(_initial(universe)[None], "none")
    if universe.has("PartType1"):
        makers["matter"] = lambda: _matter(universe, painting)
    elif universe.has("fields/matter"):
        makers["matter"] = lambda: _stored_matter(universe)
    if universe.has("halos") and reference is not None:
        makers |= {name: partial(_halo_field, universe, reference, name, painting) for name in _CHANNELS}
    if universe.has("PartType1"):
        makers["momentum"] = lambda: _momentum(universe, painting)
    if universe.has("PartType1") and universe.particles.lattice:
        makers["velocity"] = lambda: _sampled(np.moveaxis(lattice_velocity(universe), -1, 0), "none")
    return {name: make() for name, make in makers.items() if name in names}


def recovery(found: dict[str, Sampled], truth: dict[str, Sampled], box_size: float) -> dict[str, Comparison]:
    """r(k) and T(k) of every field that both have on one grid, the first held against the second; box_size : Mpc/h."""
    return {
        name: compare_modes(field.modes, truth[name].modes, box_size, (field.window, truth[name].window))
        for name, field in found.items()
        if name in truth and field.modes.shape == truth[name].modes.shape
    }


def lattice_velocity(universe: Universe) -> np.ndarray:
    """(n, n, n, 3) float32 km/s, each particle's velocity where it started.

    Raises DataError if the particles are not a cubic lattice, or their order is not known.
    """
    if not universe.particles.lattice:
        raise DataError(f"{universe.source}: the ids of its particles number no lattice: where they started is unknown")
    velocity = universe.particles.velocity
    n = round(len(velocity) ** (1 / 3))
    if n**3 != len(velocity):
        raise DataError(f"{universe.source}: {len(velocity)} particles do not form a cubic lattice")
    return velocity.reshape(n, n, n, 3)


def _initial(universe: Universe) -> np.ndarray:
    if universe.has("ic/white_noise"):
        return linear_overdensity(universe.noise.value, universe.cosmology, universe.box.size)
    return universe.field("linear_mean").value


def _matter(universe: Universe, painting: Painting) -> Sampled:
    n, size, position = universe.box.n, universe.box.size, universe.particles.position
    painted = partial(overdensity, position, n, size, painting.assignment, None)
    return _painted([painted], n, painting)


def _stored_matter(universe: Universe) -> Sampled:
    stored = universe.field("matter")
    return _sampled(stored.value[None], "none" if stored.deconvolved else stored.assignment)


def _halo_field(universe: Universe, reference: MassBins, name: str, painting: Painting) -> Sampled:
    n, size, halos = universe.box.n, universe.box.size, universe.halos

    def painted(offset: float) -> np.ndarray:
        return halo_fields(
            *(halos.position, halos.mass, n, size, reference),
            channels=[_CHANNELS[name]],
            assignment=painting.assignment,
            offset=offset,
        )[0]

    found = _painted([painted], n, painting)
    if universe.has("fields/completeness"):  # what is expected of no structure is the mask, not a constant
        share, channel = universe.field("completeness").value, _CHANNELS[name]
        expected = float(halo_weight(channel, halos.mass, reference).sum() / weight_of_all(channel, reference))
        found.modes[0] -= np.float32(expected) * forward(share / share.mean() - 1)
    return found


def _momentum(universe: Universe, painting: Painting) -> Sampled:
    """(1 + delta) v in km/s."""
    n, size, particles = universe.box.n, universe.box.size, universe.particles
    per_particle = np.float32(n**3 / len(particles.position))

    def painted(axis: int, offset: float) -> np.ndarray:
        weight = particles.velocity[:, axis]
        return per_particle * paint(particles.position, n, size, painting.assignment, weight, offset)

    return _painted([partial(painted, axis) for axis in range(3)], n, painting)


def _painted(components: Sequence[Callable[[float], np.ndarray]], n: int, painting: Painting) -> Sampled:
    modes = [painted_modes(painted, n, interlaced=painting.interlaced) for painted in components]
    return Sampled(np.stack(modes), painting.assignment)


def _sampled(components: np.ndarray, window: str) -> Sampled:
    return Sampled(np.stack([forward(np.ascontiguousarray(component)) for component in components]), window)
