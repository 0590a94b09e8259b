"""Spherical overdensity halos: spheres about density peaks inside which the mean density is a given multiple.

1. Candidates are the peaks of the density on the scale of the smallest halo wanted (`density_peaks`).
2. Each centre moves to the centre of mass of the sphere about it until it stays. The sphere ends where its mean density
   falls below the threshold for the first time; particles faster than the escape velocity are taken off (`binding`),
   and the sphere of those that stay is measured again. A candidate with less than a third of its particles inside half
   its radius (an isothermal sphere has a half), and fewer there than the smallest halo has in all, is no halo but a
   crest of the density.
3. The most massive candidate is a host; all whose spheres overlap with its own are its subhalos; the next one that is
   left is a host; and so on: no particle belongs to two hosts.
4. A subhalo, if they are wanted, ends where its mean density falls below three times that of the host inside its
   distance from the host's centre: the tidal radius, r^3 = d^3 m(r) / 3 M(d) (Binney & Tremaine 2008, Eq. 8.91).

Each candidate is treated by itself, and their order depends on the particles alone: the same bits for any number of
threads. Source: Lacey & Cole 1994 (spherical overdensity); Knollmann & Knebe 2009 (AHF), the catalogues compared with.
"""

from dataclasses import dataclass

import numpy as np

from lss.grid.mesh import chunks
from lss.grid.periodic import fold_edge
from lss.process.kernels import kernel
from lss.process.threads import spread
from lss.universe import Members
from lss_halo.finders.binding import Binding, remove_unbound
from lss_halo.finders.cells import Cells, sort_into_cells
from lss_halo.finders.density_peaks import density_peaks
from lss_halo.finders.spheres import count_to_crossing, gather, settle, sphere

# In radii of the smallest halo: a centre first climbs the density on this scale, out of the noise of few particles;
# then it is averaged over its own sphere, but over no more than that, so that large halos sit on their cores.
FIRST_CORE, LARGEST_CORE = 1.5, 1.3
LOWEST_PEAK = 0.25  # of the smallest halo's particles: kernel sum of a candidate (a homogeneous sphere has 0.4)
INNER_SHARE = 0.34  # of a halo's particles inside half its radius
ROUNDS = 5  # of centring and measuring
PARTS = 64  # of the candidates, for the threads to share
HOST, LEFT = -1, -2


@dataclass(frozen=True)
class Spheres:
    """Halos by decreasing number of particles.

    centre : (h, 3) float32, Mpc/h in [0, box_size); host : (h,) int32, the row of a subhalo's host, -1 for hosts
    members : the particles of each halo; those of a subhalo are its host's too
    """

    centre: np.ndarray
    host: np.ndarray
    members: Members


def spherical_overdensity(
    position: np.ndarray,
    velocity: np.ndarray,
    box_size: float,
    density: float,
    min_particles: int,
    binding: Binding,
    *,
    subhalos: bool = False,
) -> Spheres:
    """The halos of at least `min_particles` in a periodic box.

    position, velocity : (m, 3) float32, Mpc/h in [0, box_size) and peculiar km/s
    density : threshold of the mean density, particles per (Mpc/h)^3
    subhalos : keep those too
    """
    crowding = 4 / 3 * np.pi * density
    core = (min_particles / crowding) ** (1 / 3)
    cells = sort_into_cells(position, box_size, core)
    peaks = density_peaks(cells, core, LOWEST_PEAK * min_particles)

    centre, count, crest = _candidates(peaks, core, crowding, min_particles, binding, cells, velocity)
    radius = (count / crowding) ** (1 / 3)

    by_place = sort_into_cells(centre.astype(np.float32), box_size, core)
    host = _find_hosts(centre, radius, crest, by_place)
    threshold = np.full(len(centre), crowding)
    if subhalos:
        _raise_to_tidal(threshold, centre, radius, host, core, by_place, cells)
    kept = np.flatnonzero((host == HOST) | (subhalos & (host >= 0) & np.isfinite(threshold)))

    members = _members(centre[kept], radius[kept], threshold[kept], min_particles, binding, cells, velocity)
    return _arrange(centre[kept], host[kept], kept, members, min_particles, box_size)


def _candidates(
    peaks: np.ndarray,
    core: float,
    crowding: float,
    min_particles: int,
    binding: Binding,
    cells: Cells,
    velocity: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres (c, 3) of the spheres of enough particles, their counts (c,), descending, and whether each is a crest."""
    centre = cells.position[peaks].astype(np.float64)
    count, crest = np.zeros(len(peaks), np.int64), np.zeros(len(peaks), np.bool_)
    how = (core, crowding, min_particles, binding, cells, velocity)
    spread(_settle, [(centre[a:b], count[a:b], crest[a:b], *how) for a, b in chunks(len(peaks), PARTS)])
    order = np.argsort(-count, kind="stable")
    order = order[count[order] >= min_particles]
    return centre[order], count[order], crest[order]


def _members(
    centre: np.ndarray,
    radius: np.ndarray,
    threshold: np.ndarray,
    min_particles: int,
    binding: Binding,
    cells: Cells,
    velocity: np.ndarray,
) -> Members:
    """The bound particles of the sphere of each centre, radius (h,) being where to look and threshold its crowding."""
    how = (min_particles, binding, cells, velocity)
    tasks = [(centre[a:b], radius[a:b], threshold[a:b], *how) for a, b in chunks(len(centre), PARTS)]
    nothing = (np.empty(0, np.int64), np.empty(0, np.int64))
    size, index = (np.concatenate(part) for part in zip(nothing, *spread(_list_members, tasks), strict=True))
    return Members.of_sizes(size, index)


@kernel
def _first_count(min_particles):
    """The number of particles from which on a mean density is looked at."""
    return max(min_particles // 2, 2)


@kernel
def _bound_sphere(centre, guess, crowding, min_particles, binding, cells, velocity):
    """The bound particles of the sphere about a centre: lattice indices and distances, by ascending distance."""
    smallest = _first_count(min_particles)
    rows, offset, distance = sphere(centre, guess, crowding, smallest, cells)
    index = cells.order[rows]
    speed = np.empty((len(index), 3))
    for i in range(len(index)):
        for axis in range(3):
            speed[i, axis] = velocity[index[i], axis]
    kept = remove_unbound(offset, distance, speed, smallest, binding)
    kept = kept[: count_to_crossing(distance[kept], crowding, smallest)[0]]
    return index[kept], distance[kept]


@kernel
def _is_crest(distance, crowding, min_particles):
    """Whether too few of a sphere's particles, by ascending distance, are inside half its radius."""
    half_radius = 0.5 * (len(distance) / crowding) ** (1 / 3)
    inner = min(int(np.ceil(INNER_SHARE * len(distance))), min_particles)  # this many inside make a halo
    return len(distance) == 0 or distance[inner - 1] >= half_radius


@kernel
def _settle(centre, count, crest, core, crowding, min_particles, binding, cells, velocity):
    """Move each centre (c, 3) in place to where it stays; fill count (c,) of its sphere and whether it is a crest."""
    smallest = _first_count(min_particles)
    for i in range(len(centre)):
        settle(centre[i], FIRST_CORE * core, cells)
        guess, before = 3 * core, -1
        for _ in range(ROUNDS):
            distance = sphere(centre[i], guess, crowding, smallest, cells)[2]
            if len(distance) == before or len(distance) <= smallest:
                break
            before = len(distance)
            radius = (before / crowding) ** (1 / 3)
            guess = 1.3 * radius
            settle(centre[i], min(max(radius, core), LARGEST_CORE * core), cells)
        distance = _bound_sphere(centre[i], guess, crowding, min_particles, binding, cells, velocity)[1]
        count[i] = len(distance)
        crest[i] = _is_crest(distance, crowding, min_particles)


@kernel
def _find_hosts(centre, radius, crest, candidates):
    """The host of each candidate, HOST for hosts, LEFT for crests that are in none; by decreasing radius, in cells."""
    host = np.full(len(centre), LEFT, np.int32)
    for i in range(len(centre)):
        if host[i] != LEFT or crest[i]:
            continue
        host[i] = HOST
        rows, _, distance = gather(centre[i], min(2 * radius[i], 0.5 * candidates.box_size), candidates)
        for k in range(len(rows)):
            other = candidates.order[rows[k]]
            # A crest ahead in the order is claimed as well: off-centre in a halo, it only seems to be the larger one.
            smaller = other > i or crest[other]
            if smaller and host[other] == LEFT and distance[k] < radius[i] + radius[other]:
                host[other] = i
    return host


@kernel
def _raise_to_tidal(threshold, centre, radius, host, core, candidates, cells):
    """Set the crowding at which each subhalo ends, in place; infinite for the centre of its host or of another."""
    half = 0.5 * cells.box_size
    for i in range(len(centre)):
        h = host[i]
        if h < 0:
            continue
        squared = 0.0
        for axis in range(3):
            d = (centre[i, axis] - centre[h, axis] + half) % cells.box_size - half
            squared += d * d
        inside = len(gather(centre[h], min(np.sqrt(squared), radius[h]), cells)[0])
        threshold[i] = max(threshold[i], 3 * inside / squared**1.5) if squared > core * core else np.inf
        for row in gather(centre[i], core, candidates)[0]:
            other = candidates.order[row]
            if other < i and host[other] == h and threshold[other] < np.inf:
                threshold[i] = np.inf


@kernel
def _list_members(centre, radius, threshold, min_particles, binding, cells, velocity):
    """How many bound particles each halo has, (h,) int64, and their lattice indices, halo after halo."""
    size = np.empty(len(centre), np.int64)
    listed = np.empty(1024, np.int64)
    used = 0
    for i in range(len(centre)):
        index, distance = _bound_sphere(
            centre[i], 1.3 * radius[i], threshold[i], min_particles, binding, cells, velocity
        )
        if _is_crest(distance, threshold[i], min_particles):
            index = index[:0]
        while used + len(index) > len(listed):
            longer = np.empty(2 * len(listed), np.int64)
            longer[:used] = listed[:used]
            listed = longer
        listed[used : used + len(index)] = index
        used += len(index)
        size[i] = len(index)
    return size, listed[:used]


def _arrange(
    centre: np.ndarray, host: np.ndarray, candidate: np.ndarray, members: Members, min_particles: int, box_size: float
) -> Spheres:
    """Halos of enough particles by decreasing number, hosts renumbered.

    candidate : the number by which `host` knows each halo
    """
    order = np.argsort(-members.size, kind="stable")
    order = order[members.size[order] >= min_particles]
    row = np.full(int(candidate.max(initial=-1)) + 2, HOST, np.int32)
    row[candidate[order]] = np.arange(len(order))
    inside = fold_edge(centre[order].astype(np.float32), box_size)
    return Spheres(inside, row[host[order]], members.pick(order))  # the last entry of row answers for HOST
