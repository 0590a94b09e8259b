"""The six fields by which a reconstruction is judged against its truth (LULO section 5).

| name | field | needs |
|---|---|---|
| ic | linear overdensity at z = 0 | white noise, or the mean of an ensemble, /fields/linear_mean |
| matter | overdensity of the particles, CIC | particles, or /fields/matter |
| mw | mass-weighted overdensity of the halos (LULO Eq. 14-15), CIC | halos |
| count | overdensity of the number of halos, CIC | halos |
| momentum | (1 + delta) v: particles weighted by their velocity, CIC, three components | particles |
| velocity | velocities on the initial lattice (Lagrangian), three components | particles |

All on the grid of the box; windows are divided out. The halo fields of both universes are normalised by one set of mass
bins, those of the truth: their T(k) then falls where halos are missing.
"""

from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.grid.comparison import Comparison, compare_modes
from lss.grid.fourier import forward
from lss.grid.mesh import overdensity, paint
from lss.halos.halo_fields import MassBins, halo_fields, mass_bins, mass_edges
from lss.physics.random_field import linear_overdensity
from lss.universe import Particles, Universe

NAMES = ("ic", "matter", "mw", "count", "momentum", "velocity")

_ASSIGNMENT = "cic"
_CHANNELS = {"mw": "mass_weighted", "count": "count"}


@dataclass(frozen=True)
class Sampled:
    """A field in Fourier space: modes (c, n, n, n//2+1) complex64, plain rfftn; window : the assignment in them."""

    modes: np.ndarray
    window: str


def reference_bins(truth: Universe, mass: np.ndarray | None = None) -> MassBins:
    """The mass bins of the truth's halos as its [halo] says (by default ten in 1e13..2e15 Msun/h).

    mass : (m,) Msun/h of those that count, all if not given
    """
    halo = truth.config.get("halo", {})
    low, high = halo.get("mass_range", (1e13, 2e15))
    return mass_bins(truth.halos.mass if mass is None else mass, mass_edges(low, high, halo.get("mass_bins", 10)))


def six_fields(universe: Universe, reference: MassBins | None) -> dict[str, Sampled]:
    """Those of the six that the universe has what is needed for, in the order of NAMES.

    reference : the mass bins that normalise the halo fields (`reference_bins` of the truth); None leaves them out
    Cost: 0.2 CPU seconds at 64^3.
    """
    n, size = universe.box.n, universe.box.size
    found: dict[str, Sampled] = {}
    if universe.has("ic/white_noise"):
        linear = linear_overdensity(universe.noise.value, universe.cosmology, size)
        found["ic"] = _sampled(linear[None], "none")
    elif universe.has("fields/linear_mean"):
        found["ic"] = _sampled(universe.field("linear_mean").value[None], "none")
    if universe.has("PartType1"):
        found["matter"] = _sampled(overdensity(universe.particles.position, n, size, _ASSIGNMENT)[None], _ASSIGNMENT)
    elif universe.has("fields/matter"):
        stored = universe.field("matter")
        found["matter"] = _sampled(stored.value[None], "none" if stored.deconvolved else stored.assignment)
    if universe.has("halos") and reference is not None:
        halos = universe.halos
        fields = halo_fields(
            *(halos.position, halos.mass, n, size, reference),
            channels=list(_CHANNELS.values()),
            assignment=_ASSIGNMENT,
        )
        found |= {name: _sampled(field[None], _ASSIGNMENT) for name, field in zip(_CHANNELS, fields, strict=True)}
    if universe.has("PartType1"):
        found["momentum"] = _sampled(_momentum(universe.particles, n, size), _ASSIGNMENT)
        found["velocity"] = _sampled(np.moveaxis(lattice_velocity(universe), -1, 0), "none")
    return found


def recovery(found: dict[str, Sampled], truth: dict[str, Sampled], box_size: float) -> dict[str, Comparison]:
    """r(k) and T(k) of every field that both have on one grid, the first held against the second; box_size : Mpc/h."""
    return {
        name: compare_modes(field.modes, truth[name].modes, box_size, (field.window, truth[name].window))
        for name, field in found.items()
        if name in truth and field.modes.shape == truth[name].modes.shape
    }


def lattice_velocity(universe: Universe) -> np.ndarray:
    """(n, n, n, 3) float32 km/s, each particle's velocity where it started.

    Raises DataError if the particles are not a cubic lattice.
    """
    velocity = universe.particles.velocity
    n = round(len(velocity) ** (1 / 3))
    if n**3 != len(velocity):
        raise DataError(f"{universe.source}: {len(velocity)} particles are no cubic lattice; no Lagrangian velocities")
    return velocity.reshape(n, n, n, 3)


def _momentum(particles: Particles, n: int, box_size: float) -> np.ndarray:
    """(3, n, n, n) float32 km/s: (1 + delta) v."""
    per_particle = np.float32(n**3 / len(particles.position))
    velocity = particles.velocity
    return np.stack(
        [per_particle * paint(particles.position, n, box_size, _ASSIGNMENT, velocity[:, axis]) for axis in range(3)]
    )


def _sampled(components: np.ndarray, window: str) -> Sampled:
    return Sampled(np.stack([forward(np.ascontiguousarray(component)) for component in components]), window)
