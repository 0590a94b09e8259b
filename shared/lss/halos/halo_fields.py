"""Halo fields: a catalogue as the overdensities that a reconstruction compares (LULO Eq. 14-16).

Halos of mass bin i give the grid of counts n_i. With N_i the number and M_i the mean mass of a bin in the reference
catalogue (in a reconstruction: the data's), nbar_i = N_i / n^3 and delta_i = (n_i - mean n_i) / nbar_i, Eq. 14 is

    delta_halo = sum_i N_i f(M_i) delta_i / sum_i N_i f(M_i) = n^3 sum_i f(M_i) (n_i - mean n_i) / sum_i N_i f(M_i)

The second form needs no division by an empty bin, and an empty catalogue gives zero. Every catalogue that is compared
is normalised by the same reference, so that a lack of halos shows as small amplitude, not as noise blown up.

| channel | f(M), M in 1e14 Msun/h | unit |
|---|---|---|
| mass_weighted | M / (1 + sqrt M), Eq. 15 | 1 |
| count | 1 | 1 |
| mass | M | 1 |
| momentum_x, _y, _z | M / (1 + sqrt M), times the halo's velocity; no mean is taken off | km/s |
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.grid.mesh import paint

WEIGHT_MASS = 1e14  # Msun/h: the unit of M in f(M)
MOMENTUM = ("momentum_x", "momentum_y", "momentum_z")
CHANNELS = ("mass_weighted", "count", "mass", *MOMENTUM)


@dataclass(frozen=True)
class MassBins:
    """How many halos a reference catalogue has in each mass bin, and their mean mass: what normalises halo fields.

    edges : (b + 1,) float64, ascending, Msun/h; count : (b,) float64; mean_mass : (b,) float64, Msun/h, the
    geometric centre where a bin is empty
    """

    edges: np.ndarray
    count: np.ndarray
    mean_mass: np.ndarray


def mass_edges(lowest: float, highest: float, bins: int) -> np.ndarray:
    """Edges of logarithmic mass bins, (bins + 1,) float64 in the unit of the masses."""
    return np.geomspace(lowest, highest, bins + 1)


def same_edges(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two lists of mass edges are of the same bins: logarithms differ in the last bit between processors."""
    return len(one) == len(other) and np.allclose(one, other, rtol=1e-12, atol=0)


def mass_bins(mass: np.ndarray, edges: np.ndarray) -> MassBins:
    """The bins of a reference catalogue; halos outside the edges are left out.

    mass : (m,) Msun/h; edges : (b + 1,) ascending, Msun/h
    """
    number = _bin_of(mass, edges)
    count = np.bincount(number, minlength=len(edges) + 1)[1:-1].astype(np.float64)
    total = np.bincount(number, weights=mass.astype(np.float64), minlength=len(edges) + 1)[1:-1]
    centre = np.sqrt(edges[1:] * edges[:-1])
    return MassBins(np.asarray(edges, np.float64), count, np.divide(total, count, out=centre, where=count > 0))


def halo_fields(
    position: np.ndarray,
    mass: np.ndarray,
    n: int,
    box_size: float,
    reference: MassBins,
    *,
    channels: Sequence[str] = ("mass_weighted", "count"),
    assignment: str = "cic",
    velocity: np.ndarray | None = None,
    completeness: np.ndarray | None = None,
    offset: float = 0.0,
) -> np.ndarray:
    """The data vector of a reconstruction: one overdensity per channel.

    position : (m, 3) float32, Mpc/h; mass : (m,) Msun/h; velocity : (m, 3) km/s, for the momentum channels
    reference : the mass bins that normalise; halos outside its edges are left out
    completeness : (n, n, n), the share of the halos that a survey sees; the mean taken off follows it
    offset : shift of the halos against the grid, in cells
    Returns (channels, n, n, n) float32, zero where there is no halo at all.
    Raises DataError for an unknown channel, and for a momentum channel without velocities.
    Source: Doeser et al. 2025 (LULO), Eq. 14-16; Seljak et al. 2009 (the mass weight).
    """
    number = _bin_of(mass, reference.edges)
    inside = (number > 0) & (number < len(reference.edges))
    position, number = position[inside], number[inside] - 1
    fields = np.zeros((len(channels), n, n, n), np.float32)
    for field, channel in zip(fields, channels, strict=True):
        bin_weight = mass_weight(channel, reference.mean_mass)
        expected = weight_of_all(channel, reference)
        if not expected or not len(position):
            continue
        weight = bin_weight[number] * (n**3 / expected)
        if channel in MOMENTUM:
            if velocity is None:
                raise DataError(f"halo field {channel!r} needs velocities, and the catalogue has none")
            weight = weight * velocity[inside, MOMENTUM.index(channel)]
        field[:] = paint(position, n, box_size, assignment, weight.astype(np.float32), offset)
        if channel not in MOMENTUM:
            mean = weight.sum() / n**3
            field -= np.float32(mean) if completeness is None else mean / completeness.mean() * completeness
    return fields


def weight_of_all(channel: str, reference: MassBins) -> float:
    """The sum of f(M) over the halos that normalise."""
    return float(np.sum(reference.count * mass_weight(channel, reference.mean_mass)))


def halo_weight(channel: str, mass: np.ndarray, bins: MassBins) -> np.ndarray:
    """f(M) of each halo's mass bin: what halo fields are painted with; 0 outside the bins.

    mass : (m,) Msun/h
    Returns (m,) float64.
    """
    return np.pad(mass_weight(channel, bins.mean_mass), 1)[_bin_of(mass, bins.edges)]


def _bin_of(mass: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The bin of each halo, counted from 1; 0 and len(edges) are outside. The highest edge belongs to the last bin."""
    number = np.searchsorted(edges, mass, side="right")
    return np.where(mass == edges[-1], len(edges) - 1, number)


def mass_weight(channel: str, mass: np.ndarray) -> np.ndarray:
    """f(M) of a channel for mean masses in Msun/h."""
    if channel not in CHANNELS:
        raise DataError(f"halo field {channel!r}: unknown; one of {', '.join(CHANNELS)}")
    scaled = mass / WEIGHT_MASS
    if channel == "count":
        return np.ones_like(scaled)
    if channel == "mass":
        return scaled
    return scaled / (1 + np.sqrt(scaled))  # LULO Eq. 15
