"""Bispectra by fast Fourier transforms, with exact triangle counts.

B(k1, k2, k3) = (L^6 / n^9) S / N_triangles, with S the sum of a(q1) b(q2) c(q3) over all q1 + q2 + q3 = 0, each q_i in
its shell [k_i - w, k_i + w), w = 2 pi / L (Pylians' shells); Q = B / (P1 P2 + P1 P3 + P2 P3) (LULO Eq. 17).

With k1 and k2 fixed, one transform of the product of their two filtered fields gives S for every third side at once:
five transforms for any number of angles. Grids are just fine enough that no triangle is aliased, and a count is a
cosine transform over one octant, rounded to the integer it is. Modes on the Nyquist planes, which have no partner
-q of their own, take no part.
Source: Scoccimarro 2015; checked against Pylians and a plain sum over triangles.
"""

import functools
import logging
from dataclasses import dataclass

import numpy as np
import scipy.fft

from lss.errors import DataError
from lss.grid.fourier import forward, inverse
from lss.grid.spectra import shell_sums, shells
from lss.process.kernels import kernel
from lss.process.threads import threads
from lss.universe import Group
from lss_stats.config import Statistics
from lss_stats.fields import HALO_FIELDS, OF_RESOLVED_HALOS, FieldModes, without_window
from lss_stats.statistic import PAINTING, Figure, Groups, Statistic, Subject

log = logging.getLogger("lss.stats")

Shell = tuple[int, int]  # |m|^2 from the first up to, not including, the second


@dataclass(frozen=True)
class Bispectrum:
    """B and Q of a set of triangles.

    sides : (t, 3) k1, k2, k3 in h/Mpc; bispectrum : (t,) (Mpc/h)^6; reduced : (t,) Q, of the first field's spectra;
    power : (t, 3) P in the three shells; n_triangles : (t,) int64, exact
    """

    sides: np.ndarray
    bispectrum: np.ndarray
    reduced: np.ndarray
    power: np.ndarray
    n_triangles: np.ndarray

    def shot_noise(self, noise: float) -> np.ndarray:
        """What Poisson sampling with power `noise` adds to B: (P1 + P2 + P3) noise - 2 noise^2, P with its noise."""
        return self.power.sum(axis=1) * noise - 2 * noise**2


def against_angle(
    modes: np.ndarray,
    n: int,
    box_size: float,
    k1: float,
    k2: float,
    theta: np.ndarray,
    others: np.ndarray | None = None,
) -> Bispectrum:
    """Triangles with two sides fixed, against the angle between them: k3^2 = k1^2 + k2^2 + 2 k1 k2 cos(theta).

    modes : (n, n, n//2+1) plain rfftn of the field, window divided out; theta : radians
    others : (2, n, n, n//2+1), the fields on the second and third side of a cross-bispectrum (default: the same field)
    Raises DataError where a shell holds no mode or lies beyond the grid.
    """
    k3 = np.sqrt(k1**2 + k2**2 + 2 * k1 * k2 * np.cos(theta))
    second, third = (modes, modes) if others is None else others
    sides = [_shell(k, n, box_size) for k in (k1, k2, *k3)]
    grid = _grid((sides[0], sides[1], max(sides[2:], key=lambda s: s[1])), n)
    product = _filtered(modes, n, sides[0], grid)
    product *= _filtered(second, n, sides[1], grid)
    paired = np.stack([forward(product), _cropped(third, n, (0, max(s[1] for s in sides)), grid)])
    sums = _over(sides[2:], paired, grid, (0, 1)) * float(grid) ** 3
    counts = _count_against(sides[0], sides[1], tuple(sides[2:]), grid, n)
    power = _powers(modes, n, box_size, sides)
    return _result(
        np.column_stack([np.full_like(k3, k1), np.full_like(k3, k2), k3]),
        box_size**6 / float(n) ** 9 * sums,
        np.column_stack([np.full_like(k3, power[0]), np.full_like(k3, power[1]), power[2:]]),
        counts,
    )


def equilateral(
    modes: np.ndarray, n: int, box_size: float, k: np.ndarray, others: np.ndarray | None = None
) -> Bispectrum:
    """Triangles of three equal sides; arguments as `against_angle`."""
    second, third = (modes, modes) if others is None else others
    sides = [_shell(side, n, box_size) for side in k]
    sums, counts = np.empty(len(k)), np.empty(len(k), np.int64)
    for i, side in enumerate(sides):
        grid = _grid((side, side, side), n)
        field = _filtered(modes, n, side, grid)
        if others is None:
            product = field * field * field
        else:
            product = field * _filtered(second, n, side, grid) * _filtered(third, n, side, grid)
        sums[i] = product.sum(dtype=np.float64) * float(grid) ** 6
        counts[i] = _count_equilateral(side, grid, n)
    power = _powers(modes, n, box_size, sides)
    return _result(np.column_stack([k, k, k]), box_size**6 / float(n) ** 9 * sums, np.column_stack([power] * 3), counts)


def _result(sides: np.ndarray, total: np.ndarray, power: np.ndarray, n_triangles: np.ndarray) -> Bispectrum:
    value = np.divide(total, n_triangles, out=np.full(len(total), np.nan), where=n_triangles > 0)
    p1, p2, p3 = power.T
    norm = p1 * p2 + p1 * p3 + p2 * p3
    reduced = np.divide(value, norm, out=np.full(len(total), np.nan), where=norm > 0)
    return Bispectrum(sides, value, reduced, power, n_triangles)


def _shell(k: float, n: int, box_size: float) -> Shell:
    """|m|^2 limits of [k - w, k + w); a side of zero length keeps its lowest modes only, without the mean."""
    m = k * box_size / (2 * np.pi)
    low, high = max(m - 1, 0.5), m + 1
    limits = int(np.ceil(low**2 - 1e-9)), int(np.ceil(high**2 - 1e-9))
    largest = 3 * ((n - 1) // 2) ** 2
    if limits[0] > largest or limits[1] <= limits[0]:
        raise DataError(f"bispectrum: k = {k:.3g} h/Mpc holds no mode of a {n}^3 grid of {box_size:g} Mpc/h")
    return limits


def _reach(side: Shell, n: int) -> int:
    """Largest component of the modes of a shell, below Nyquist."""
    return min(int(np.sqrt(side[1] - 1)), (n - 1) // 2)


def _grid(sides: tuple[Shell, Shell, Shell], n: int) -> int:
    """Points a side that keep q1 + q2 + q3 = 0 apart from its aliases: more than the sum of the three reaches."""
    needed = sum(_reach(side, n) for side in sides) + 1
    needed += needed % 2
    while scipy.fft.next_fast_len(needed, real=True) != needed:
        needed += 2
    return needed


def _filtered(modes: np.ndarray, n: int, side: Shell, grid: int) -> np.ndarray:
    return inverse(_cropped(modes, n, side, grid), grid, overwrite=True)


def _cropped(modes: np.ndarray, n: int, side: Shell, grid: int) -> np.ndarray:
    """The modes of a shell on a grid of other size: (grid, grid, grid//2+1); the rest is zero."""
    result = np.zeros((grid, grid, grid // 2 + 1), modes.dtype)
    _copy_shell(modes, result, min(_reach(side, n), (grid - 1) // 2), side[0], side[1])
    return result


def _over(sides: list[Shell], modes: np.ndarray, n: int, pair: tuple[int, int]) -> np.ndarray:
    """Sums of Re(a b*) over shells that may overlap: from sums over the intervals between all their limits."""
    limits = _limits(sides)
    return _joined(sides, limits, shell_sums(modes, n, [pair], limits)[0])


def _limits(sides: list[Shell]) -> tuple[int, ...]:
    return tuple(sorted({limit for side in sides for limit in side}))


def _joined(sides: list[Shell], limits: tuple[int, ...], per_interval: np.ndarray) -> np.ndarray:
    running = np.concatenate([[0], np.cumsum(per_interval)])
    return np.array([running[limits.index(high)] - running[limits.index(low)] for low, high in sides])


def _powers(modes: np.ndarray, n: int, box_size: float, sides: list[Shell]) -> np.ndarray:
    """Mean power in each shell."""
    limits = _limits(sides)
    counts = _joined(sides, limits, shells(n, limits)[0])
    return box_size**3 / float(n) ** 6 * _over(sides, modes[None], n, (0, 0)) / counts


@functools.lru_cache(maxsize=64)
def _count_against(first: Shell, second: Shell, thirds: tuple[Shell, ...], grid: int, n: int) -> np.ndarray:
    """Number of triangles for each third side: (t,) int64."""
    half, largest = grid // 2 + 1, (n - 1) // 2
    product = _cosine(_octant(first, half, largest)) * _cosine(_octant(second, half, largest))
    pairs = np.rint(_cosine(product) / float(grid) ** 3) * _multiplicity(half, grid)
    m = np.arange(half) ** 2
    m2 = (m[:, None, None] + m[:, None] + m).ravel()
    by_length = np.bincount(m2, weights=(pairs * (_octant((0, 3 * grid**2), half, largest))).ravel())
    running = np.concatenate([[0.0], np.cumsum(by_length)])
    top = len(running) - 1
    return np.array([running[min(high, top)] - running[min(low, top)] for low, high in thirds]).astype(np.int64)


@functools.lru_cache(maxsize=256)
def _count_equilateral(side: Shell, grid: int, n: int) -> int:
    half = grid // 2 + 1
    cosines = _cosine(_octant(side, half, (n - 1) // 2))
    return round(float((cosines**3 * _multiplicity(half, grid)).sum()) / float(grid) ** 3)


def _cosine(octant: np.ndarray) -> np.ndarray:
    """The plain transform of a real grid that is even along every axis, over one octant."""
    return scipy.fft.dctn(octant, type=1, workers=threads())


def _octant(side: Shell, half: int, largest: int) -> np.ndarray:
    """1.0 for the modes 0 <= m_i <= largest of a shell, else 0.0: (half, half, half)."""
    m = np.arange(half)
    square = np.where(m <= largest, m**2, -(4**15))  # beyond the largest: no shell reaches so low
    m2 = square[:, None, None] + square[:, None] + square
    return ((m2 >= side[0]) & (m2 < side[1])).astype(np.float64)


def _multiplicity(half: int, n: int) -> np.ndarray:
    """How many points of the whole grid one of the octant stands for: 1, 2, 4 or 8."""
    m = np.arange(half)
    w = np.where((m == 0) | (2 * m == n), 1.0, 2.0)
    return w[:, None, None] * w[:, None] * w


@kernel
def _copy_shell(source, target, reach, low, high):
    """Copy modes with low <= |m|^2 < high and every |m_i| <= reach between rfftn grids of different size."""
    n, grid = source.shape[0], target.shape[0]
    for mx in range(-reach, reach + 1):
        for my in range(-reach, reach + 1):
            perpendicular = mx * mx + my * my
            for mz in range(reach + 1):
                if low <= perpendicular + mz * mz < high:
                    target[mx % grid, my % grid, mz] = source[mx % n, my % n, mz]


def _fields(subject: Subject) -> dict[str, tuple[str, ...]]:
    """Matter and halo fields (LULO Fig. 9), of resolved halos where the catalogue is there."""
    suffix = OF_RESOLVED_HALOS if "halos" in subject.fields else ""
    names = [name for name in ("matter", *(f"{name}{suffix}" for name in HALO_FIELDS)) if name in subject.fields]
    return {name: ("matter",) if name.startswith("halo_count") and "matter" in names else () for name in names}


def _of_field(subject: Subject, name: str) -> Groups:
    """B and Q; "halo_count-matter-matter" is the cross-bispectrum with the halos on the first side."""
    field, config = subject.fields.modes(name), subject.config
    if not field.modes.any():
        of = f" of halos of at least {config.resolved} particles" if field.name.startswith("halo_") else ""
        log.info("%s: %s%s is empty: no bispectrum", subject.universe.source, field.name, of)
        return {}
    modes = without_window(field)
    groups = _triangles(f"bispectrum/{field.name}", modes, field, config)
    if field.name == "halo_count" and "matter" in subject.fields:
        matter = subject.fields.modes("matter")
        if matter.modes.any() and matter.modes[0].shape == modes.shape:
            others = np.stack([without_window(matter)] * 2)
            groups |= _triangles(f"bispectrum/{field.name}-matter-matter", modes, field, config, others)
    return groups


def _triangles(
    path: str, modes: np.ndarray, field: FieldModes, config: Statistics, others: np.ndarray | None = None
) -> Groups:
    """Both sets of triangles of one field, or of a field with two others."""
    groups, n, box_size = Groups(), field.n, field.box_size
    k1, k2 = config.triangle
    if k1 + k2 > field.nyquist:
        log.info("%s: no bispectrum against angle: k1 + k2 exceeds the Nyquist wavenumber", path)
    else:
        theta = np.linspace(0, np.pi, config.angles)
        result = against_angle(modes, n, box_size, k1, k2, theta, others)
        groups[f"{path}/angle"] = _as_group(result, field, {"theta": theta}, others is None)
    k = np.geomspace(3 * 2 * np.pi / box_size, 2 / 3 * field.nyquist, config.equilateral)
    result = equilateral(modes, n, box_size, k, others)
    groups[f"{path}/equilateral"] = _as_group(result, field, {"k": k}, others is None)
    return groups


def _as_group(result: Bispectrum, field: FieldModes, first: dict[str, np.ndarray], auto: bool) -> Group:
    """Columns of a set of triangles; Q and the shot noise are those of one field alone."""
    data = {
        **first,
        "k1": result.sides[:, 0],
        "k2": result.sides[:, 1],
        "k3": result.sides[:, 2],
        "n_triangles": result.n_triangles,
        "bispectrum": result.bispectrum,
    }
    if auto:
        data |= {"reduced": result.reduced, "shot_noise": result.shot_noise(field.shot_noise)}
    return Group(data, {"field": field.name, "source": field.source})


STATISTIC = Statistic(
    groups=("bispectrum",),
    fields=_fields,
    of_field=_of_field,
    units={
        **dict.fromkeys(("k", "k1", "k2", "k3"), "h/Mpc"),
        "theta": "rad",
        **dict.fromkeys(("bispectrum", "shot_noise"), "(Mpc/h)^6"),
    },
    abscissae=frozenset({"k", "k1", "k2", "k3", "theta"}),
    shared=frozenset({"n_triangles"}),
    figures={
        "bispectrum-angle": Figure(
            "Reduced bispectra against angle (LULO Fig. 9, left)",
            "lss_stats.figures.bispectrum:against_angle",
            (
                "The bispectrum over products of power, Q, of triangles with two given sides against the angle "
                "between them, with one standard deviation from the number of triangles; below, its difference to"
                " the truth, grey within 10%. Halos are those that are resolved."
            ),
            (*PAINTING, "triangle", "angles", "resolved"),
        ),
        "bispectrum-equilateral": Figure(
            "Reduced bispectra, equilateral (LULO Fig. 9, right)",
            "lss_stats.figures.bispectrum:equilateral",
            "The same of equilateral triangles against the length of their sides.",
            (*PAINTING, "equilateral", "resolved"),
        ),
    },
)
