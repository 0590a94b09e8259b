"""Auto and cross power spectra of periodic fields, all of them in one pass over the Fourier modes.

P_ij(k) = < Re d_i(k) d_j(k)* > / L^3 with d(k) = (L/n)^3 rfftn(field); r = P_ij / sqrt(P_ii P_jj);
T = sqrt(P_ii / P_jj). Shells are ranges of the integer |m|^2 = (k L / 2 pi)^2, so mode counts are exact; the default
ones have edges (m +- 1/2) 2 pi / L, m = 1, 2, ... to the corner of the Fourier cube. Products are summed in float64,
plane by plane in a fixed order: the bits do not depend on the number of threads.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.grid.fourier import forward, half_space_weights
from lss.grid.mesh import ORDER
from lss.process.kernels import parallel_kernel, prange

# Order of the assignment window sinc(m / n)^p along each axis.
_WINDOW_ORDER = {"none": 0, **ORDER}


@dataclass(frozen=True)
class Spectra:
    """Spectra of several fields over the same shells.

    k : (s,) mean |k| of the modes of each shell, h/Mpc; n_modes : (s,) modes per shell, k and -k both counted;
    power : (f, f, s) P_ij in (Mpc/h)^3 (times the units of both fields), shot noise included
    """

    k: np.ndarray
    n_modes: np.ndarray
    power: np.ndarray

    def correlation(self, i: int, j: int) -> np.ndarray:
        """r(k) = P_ij / sqrt(P_ii P_jj); 0 where either field has no power."""
        norm = np.sqrt(self.power[i, i] * self.power[j, j])
        return np.divide(self.power[i, j], norm, out=np.zeros_like(norm), where=norm > 0)

    def transfer(self, i: int, j: int) -> np.ndarray:
        """T(k) = sqrt(P_ii / P_jj); NaN where field j has no power."""
        below = self.power[j, j]
        ratio = np.divide(self.power[i, i], below, out=np.full_like(below, np.nan), where=below > 0)
        return np.sqrt(ratio)


def measure(
    fields: Sequence[np.ndarray],
    box_size: float,
    windows: Sequence[str] | None = None,
    edges: np.ndarray | None = None,
) -> Spectra:
    """All auto and cross spectra of fields on one periodic grid.

    fields : (n, n, n) arrays; box_size : Mpc/h; windows : assignment scheme of each field to deconvolve exactly
    ("none" leaves one alone; default: none of them); edges : shell edges in h/Mpc (default: (m +- 1/2) 2 pi / L)
    Raises DataError for grids that differ and values that are not finite.
    Source: checked against Pylians and a plain sum over modes (bench/statistics.py, tests/lss/test_spectra.py).
    """
    n = _common_grid(fields)
    if len(fields) == 1:
        return measure_modes(forward(fields[0])[None], n, box_size, windows, edges)
    kind = np.result_type(np.complex64, *(np.complex128 for field in fields if field.dtype == np.float64))
    stack = np.empty((len(fields), n, n, n // 2 + 1), kind)
    for one, field in zip(stack, fields, strict=True):
        one[...] = forward(field)
    return measure_modes(stack, n, box_size, windows, edges)


def measure_modes(
    modes: np.ndarray,
    n: int,
    box_size: float,
    windows: Sequence[str] | None = None,
    edges: np.ndarray | None = None,
) -> Spectra:
    """As `measure`, for fields that are in Fourier space already: modes (f, n, n, n//2+1), each plain rfftn."""
    count = len(modes)
    limits = shell_limits(n, box_size, edges)
    n_modes, mean_m, _ = shells(n, limits)
    filled = n_modes > 0
    if not filled.any():
        raise DataError(f"no mode of a {n}^3 grid of {box_size:g} Mpc/h lies between the shell edges")
    pairs = [(i, j) for i in range(count) for j in range(i, count)]
    sums = shell_sums(modes, n, pairs, limits, windows)
    power = np.empty((count, count, int(filled.sum())))
    for (i, j), total in zip(pairs, sums, strict=True):
        power[i, j] = power[j, i] = box_size**3 / float(n) ** 6 * total[filled] / n_modes[filled]
    return Spectra(mean_m[filled] * 2 * np.pi / box_size, n_modes[filled], power)


def shell_sums(
    modes: np.ndarray,
    n: int,
    pairs: Sequence[tuple[int, int]],
    limits: tuple[int, ...],
    windows: Sequence[str] | None = None,
) -> np.ndarray:
    """Sum of Re(a b*) over the modes of each shell of the whole Fourier cube, for pairs (a, b) of fields.

    modes : (f, n, n, n//2+1) complex; limits : shell s holds limits[s] <= |m|^2 < limits[s + 1]
    Returns (pairs, shells) float64. Raises DataError for values that are not finite.
    """
    inverse = inverse_windows(n, windows or ["none"] * len(modes))
    along = np.array([inverse[i] * inverse[j] for i, j in pairs])
    values = np.ascontiguousarray(modes)
    values = values.view(values.real.dtype)
    shell_of = shells(n, limits)[2]
    partial = _sum_products(values, np.array(pairs), along, along * half_space_weights(n), shell_of, len(limits) - 1)
    sums = partial.sum(axis=0)
    if not np.isfinite(sums).all():
        raise DataError("a field holds NaN or infinite values")
    return sums[:, :-1]


def shell_limits(n: int, box_size: float, edges: np.ndarray | None = None) -> tuple[int, ...]:
    """The edges of the shells as integers: shell s holds the modes with limits[s] <= |m|^2 < limits[s + 1]."""
    if edges is None:
        last = int(np.floor(np.sqrt(3) * (n // 2) + 0.5))
        squared = (np.arange(last + 1) + 0.5) ** 2
    else:
        squared = (np.asarray(edges, float) * box_size / (2 * np.pi)) ** 2
        # An edge that is meant to be an integer must not fall behind its own modes by rounding.
        squared -= 1e-9 * np.maximum(squared, 1)
    return tuple(int(limit) for limit in np.ceil(squared))


@functools.lru_cache(maxsize=16)
def shells(n: int, limits: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Geometry of the shells of an n^3 grid.

    Returns n_modes (s,) int64 of the whole Fourier cube, the mean |m| of each shell, and the shell of every |m|^2
    (int32; s for those outside all shells).
    """
    half = n // 2
    m = np.arange(half + 1)
    both_signs = half_space_weights(n).astype(np.int64)
    # Modes per |m|^2: the histograms of the three axes, convolved; integers throughout.
    plane = np.bincount(
        (m[:, None] ** 2 + m**2).ravel(), weights=np.outer(both_signs, both_signs).ravel(), minlength=2 * half**2 + 1
    ).astype(np.int64)
    modes = np.zeros(3 * half**2 + 1, np.int64)
    for i in range(half + 1):
        modes[i * i : i * i + len(plane)] += both_signs[i] * plane
    count = len(limits) - 1
    shell_of = np.searchsorted(limits, np.arange(len(modes)), side="right") - 1
    shell_of[(shell_of < 0) | (shell_of >= count)] = count
    n_modes = np.bincount(shell_of, weights=modes, minlength=count + 1)[:count].astype(np.int64)
    length = np.bincount(shell_of, weights=modes * np.sqrt(np.arange(len(modes))), minlength=count + 1)[:count]
    return n_modes, length / np.maximum(n_modes, 1), shell_of.astype(np.int32)


def inverse_windows(n: int, windows: Sequence[str]) -> np.ndarray:
    """1 / W(m) along one axis, m = 0 .. n/2, for each scheme: (f, n//2+1) float64; W = sinc(m / n)^p (Jing 2005)."""
    for scheme in windows:
        if scheme not in _WINDOW_ORDER:
            raise DataError(f"unknown assignment '{scheme}'; known are {', '.join(_WINDOW_ORDER)}")
    sinc = np.sinc(np.arange(n // 2 + 1) / n)
    return np.array([sinc ** -_WINDOW_ORDER[scheme] for scheme in windows])


def _common_grid(fields: Sequence[np.ndarray]) -> int:
    shapes = {np.shape(field) for field in fields}
    if len(shapes) != 1:
        raise DataError(f"fields on different grids: {', '.join(str(shape) for shape in sorted(shapes))}")
    (shape,) = shapes
    if len(shape) != 3 or len(set(shape)) != 1:
        raise DataError(f"a field has shape {shape}; expected a cube")
    return int(shape[0])


@parallel_kernel
def _sum_products(values, pairs, along, along_z, shell_of, count):
    """Sum Re(a b*) of each pair of fields over shells: (planes, pairs, shells + 1) float64, one plane per |mx|.

    values : (f, n, n, 2 (n//2+1)) real view of the modes; pairs : (p, 2); along : (p, n//2+1) factor of a mode along x
    and y, along_z : the same along z times the half-space weight; shell_of : shell of each |m|^2

    The four rows (+-mx, +-my) share shells and factors: they are added first, in SIMD, so that the scatter into
    shells sees a quarter of the modes and the pass runs at the speed of memory.
    """
    n = values.shape[1]
    half = n // 2
    width = values.shape[3]
    sums = np.zeros((half + 1, len(pairs), count + 1))
    for ix in prange(half + 1):
        row = np.empty(width)
        ix_minus = (n - ix) % n
        for iy in range(half + 1):
            iy_minus = (n - iy) % n
            # A row that is its own mirror is added twice.
            mirror = (0.5 if ix == ix_minus else 1.0) * (0.5 if iy == iy_minus else 1.0)
            for p in range(len(pairs)):
                a, b = values[pairs[p, 0]], values[pairs[p, 1]]
                a0, a1, a2, a3 = a[ix, iy], a[ix, iy_minus], a[ix_minus, iy], a[ix_minus, iy_minus]
                b0, b1, b2, b3 = b[ix, iy], b[ix, iy_minus], b[ix_minus, iy], b[ix_minus, iy_minus]
                for z in range(width):
                    row[z] = (np.float64(a0[z]) * b0[z] + np.float64(a1[z]) * b1[z]) + (
                        np.float64(a2[z]) * b2[z] + np.float64(a3[z]) * b3[z]
                    )
                factor = mirror * along[p, ix] * along[p, iy]
                target = sums[ix, p]
                m2 = ix * ix + iy * iy
                for iz in range(width // 2):
                    target[shell_of[m2 + iz * iz]] += factor * along_z[p, iz] * (row[2 * iz] + row[2 * iz + 1])
    return sums
