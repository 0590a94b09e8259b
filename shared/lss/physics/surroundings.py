"""What surrounds a point of the linear field, as numbers that do not change when the universe is turned.

For each radius R the field is averaged over the sphere about the point (a top-hat), W_R:

    l = 0   delta_R
    l = 1   g = R grad delta_R, the dipole on the sphere's surface, and u = psi - psi_R, the displacement of the point
            against that of its sphere: |g|, |u|, g.u / |g||u|, and g.g' / |g||g'| with the next smaller radius
    l = 2   the tide t_ij = (d_i d_j / laplacian - 1/3) delta_R: |t|, the cube root of det t, and where l = 1 is asked
            for as well, g.t.g / |g|^2 and u.t.u / |u|^2: how the dipoles lie in the tide

Everything is linear theory at z = 0; displacements are in Mpc/h, the rest is without unit.
"""

from collections.abc import Sequence

import numpy as np

from lss.grid import fourier
from lss.physics.linear_power import tophat

_TINY = np.float32(1e-20)
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def surroundings(
    linear: np.ndarray,
    box_size: float,
    radii: Sequence[float],
    multipoles: Sequence[int] = (0, 1, 2),
    points: np.ndarray | None = None,
) -> np.ndarray:
    """The numbers above at grid points.

    linear : (n, n, n) float32, linear overdensity at z = 0; radii : ascending, Mpc/h
    multipoles : among 0, 1, 2; points : (m,) flat indices of grid points, all if not given
    Returns (m, f) float32; columns are ordered by multipole, then radius, then as above (`feature_names`).
    Cost: 1 + 3 (l = 1: 6, l = 2: 6) transforms a radius.
    """
    n = len(linear)
    chosen = np.arange(n**3) if points is None else np.asarray(points)
    modes = fourier.forward(linear)
    k = [component.astype(np.float32) for component in fourier.derivative_wavenumbers(n, box_size)]
    squared = fourier.wavenumber(n, box_size) ** 2
    columns: dict[int, list[np.ndarray]] = {0: [], 1: [], 2: []}

    def at_points(field_modes: np.ndarray) -> np.ndarray:
        return fourier.inverse(field_modes, n, overwrite=True).ravel()[chosen]

    inverse_squared = np.divide(1, squared, out=np.zeros_like(squared), where=squared > 0).astype(np.float32)
    previous: np.ndarray | None = None
    for radius in radii:
        smoothed = modes * tophat(np.sqrt(squared) * radius).astype(np.float32)
        if 0 in multipoles:
            columns[0].append(at_points(smoothed.copy()))
        dipoles: list[np.ndarray] = []
        if 1 in multipoles:
            gradient = np.stack([at_points(1j * radius * component * smoothed) for component in k])
            within = (modes - smoothed) * inverse_squared
            relative = np.stack([at_points(1j * component * within) for component in k])
            columns[1] += [_length(gradient), _length(relative), _cosine(gradient, relative)]
            columns[1] += [] if previous is None else [_cosine(gradient, previous)]
            previous, dipoles = gradient, [gradient, relative]
        if 2 in multipoles:
            tide = {(i, j): at_points(k[i] * k[j] * inverse_squared * smoothed) for i, j in _PAIRS}
            columns[2] += _of_tide(tide, dipoles)
    return np.stack(columns[0] + columns[1] + columns[2], axis=1).astype(np.float32)


def feature_names(radii: Sequence[float], multipoles: Sequence[int] = (0, 1, 2)) -> list[str]:
    """What the columns of `surroundings` are."""
    first = [f"delta {radius:g}" for radius in radii if 0 in multipoles]
    second = [
        f"{name} {radius:g}"
        for number, radius in enumerate(radii)
        for name in ("|g|", "|u|", "cos(g, u)", *(("cos(g, g')",) if number else ()))
        if 1 in multipoles
    ]
    oriented = ("g.t.g", "u.t.u") if 1 in multipoles else ()
    third = [f"{name} {r:g}" for r in radii for name in ("|t|", "det t", *oriented) if 2 in multipoles]
    return [*first, *second, *third]


def _of_tide(t: dict[tuple[int, int], np.ndarray], dipoles: list[np.ndarray]) -> list[np.ndarray]:
    """|t|, det(t)^(1/3) of the traceless tide, and v.t.v / |v|^2 for each of the dipoles."""
    third = (t[0, 0] + t[1, 1] + t[2, 2]) / 3
    xx, yy, zz, xy, xz, yz = (t[pair] - third if pair[0] == pair[1] else t[pair] for pair in _PAIRS)
    length = np.sqrt(xx**2 + yy**2 + zz**2 + 2 * (xy**2 + xz**2 + yz**2))
    determinant = xx * (yy * zz - yz**2) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    oriented = [
        (xx * x**2 + yy * y**2 + zz * z**2 + 2 * (xy * x * y + xz * x * z + yz * y * z)) / (x**2 + y**2 + z**2 + _TINY)
        for x, y, z in dipoles
    ]
    return [length, np.cbrt(determinant), *oriented]


def _length(vector: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("im,im->m", vector, vector))


def _cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.einsum("im,im->m", one, other) / (_length(one) * _length(other) + _TINY)
