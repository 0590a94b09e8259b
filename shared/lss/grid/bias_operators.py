"""Operators of Lagrangian bias: the density, its Laplacian and the tidal operator, each smoothed with Gaussians.

For delta_R = the field times exp(-k^2 R^2 / 2):

    delta                              delta_R
    lap                                laplacian of delta_R, in (h/Mpc)^2
    G2                                 sum over i, j of (d_i d_j / lap delta_R)^2 - delta_R^2, whose mean is zero

The values belong to the grid points, (i, j, k) L/n: those of particles that start on the grid are a reshape, in
Lagrangian order. For a Gaussian field of spectrum P their covariance is known without drawing one:

    < delta_R delta_R' > = S0, < delta_R lap_R' > = -S2, < lap_R lap_R' > = S4, < G2_R G2_R' > = 16/15 S0^2
    Sm(R, R') = sum over the modes of P/V k^m exp(-k^2 (R^2 + R'^2) / 2)

and G2 is uncorrelated with the others, which are odd in the field where it is even.
Source: Wu, Munoz & Eisenstein 2023 (JCAP 05, 040), section 2.1; 16/15 = 2 <(mu^2 - 1)^2> over directions.
"""

from collections.abc import Sequence

import numpy as np

from lss.errors import ConfigError
from lss.grid import fourier

NAMES = ("delta", "laplacian", "G2")
LEAST_VOXELS = 1.15  # of a radius: the Gaussian is 0.0015 at the Nyquist frequency then


def bias_operators(field: np.ndarray, radii: Sequence[float], box_size: float) -> np.ndarray:
    """The three operators of a field at every radius.

    field : (n, n, n) float32, an overdensity; radii : Gaussian R, Mpc/h; box_size : Mpc/h
    Returns (3 r, n, n, n) float32 for r radii: delta at each, the Laplacian at each in (h/Mpc)^2, G2 at each.
    Raises ConfigError for a radius below 1.15 voxels.
    Cost: 1 + 7 r transforms for r radii; bench.lagrangian_bias times five at 256^3.
    """
    n, count = len(field), len(radii)
    check_radii(radii, box_size / n)
    operators = np.empty((3 * count, n, n, n), np.float32)
    modes = fourier.forward(np.ascontiguousarray(field, np.float32))
    k = [component.astype(np.float32) for component in fourier.wavenumbers(n, box_size)]
    k2 = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    for i, radius in enumerate(radii):
        smoothed = modes * np.exp(k2 * np.float32(-0.5 * radius**2))
        operators[i] = fourier.inverse(smoothed, n)
        operators[count + i] = fourier.inverse(smoothed * -k2, n, overwrite=True)
        operators[2 * count + i] = _tidal(smoothed, operators[i], k2, box_size)
    return operators


def _tidal(modes: np.ndarray, delta: np.ndarray, k2: np.ndarray, box_size: float) -> np.ndarray:
    """G2 of a field given by its modes: 2 sum over i < j of phi_ij^2 - phi_ii phi_jj, with lap phi = delta."""
    n = len(delta)
    k = [component.astype(np.float32) for component in fourier.wavenumbers(n, box_size)]
    potential = modes / np.where(k2 == 0, np.inf, -k2)
    odd = [component.astype(np.float32) for component in fourier.derivative_wavenumbers(n, box_size)]

    def curvature(i: int, j: int) -> np.ndarray:
        factors = k[i] * k[j] if i == j else odd[i] * odd[j]
        return fourier.inverse(potential * -factors, n, overwrite=True)

    xx, yy = curvature(0, 0), curvature(1, 1)
    zz = (delta - delta.mean()) - xx - yy  # the trace of the Hessian of phi is delta without its mean
    total = -(xx * yy + (xx + yy) * zz)
    del xx, yy, zz
    for i, j in ((0, 1), (0, 2), (1, 2)):
        total += np.square(curvature(i, j))
    return 2 * total


def check_radii(radii: Sequence[float], voxel: float) -> None:
    """Raise ConfigError if a radius is below 1.15 voxels (Mpc/h): the grid cannot hold what it smooths."""
    small = [radius for radius in radii if radius < LEAST_VOXELS * voxel * (1 - 1e-6)]
    if small:
        raise ConfigError(
            f"radii = {', '.join(f'{radius:g}' for radius in small)} Mpc/h: on voxels of {voxel:.4g} Mpc/h the smallest"
            f" radius is {LEAST_VOXELS * voxel:.3g} Mpc/h ({LEAST_VOXELS:g} voxels)"
        )


def expected_covariance(radii: Sequence[float], power: np.ndarray, n: int, box_size: float) -> np.ndarray:
    """Covariance of the operators of a Gaussian field, in the order of `bias_operators`.

    power : P of the field at |k| = 2 pi / L sqrt(m), m = 0, 1, ..., 3 (n/2)^2, in (Mpc/h)^3 (lattice_wavenumbers)
    Returns (3 r, 3 r) float64; the mode k = 0 is left out.
    """
    shape = (n, n, n)
    squared = np.rint(fourier.squared_indices(shape)).astype(np.int64)
    modes = np.bincount(squared.ravel(), fourier.mode_counts(shape).ravel(), minlength=len(power)).astype(float)
    k2 = (2 * np.pi / box_size) ** 2 * np.arange(len(power))
    variance = modes * power / box_size**3
    variance[0] = 0
    gaussians = np.exp(-0.5 * np.outer(np.square(radii), k2))
    s0, s2, s4 = ((gaussians * variance * k2**m) @ gaussians.T for m in (0, 1, 2))
    nothing = np.zeros_like(s0)
    return np.block([[s0, -s2, nothing], [-s2, s4, nothing], [nothing, nothing, 16 / 15 * s0**2]])


def orthogonal_inputs(covariance: np.ndarray) -> np.ndarray:
    """The matrix from operators to uncorrelated inputs of unit variance, block by block.

    covariance : (3 r, 3 r) of the operators. Of the block of delta and the Laplacian the r + 1 leading eigenvectors
    are kept, since neighbouring radii make the others redundant; of G2 all r (Wu et al. 2023, Eq. 2.2-2.4).
    Returns (2 r + 1, 3 r) float64, by decreasing eigenvalue within each block.
    """
    sigma = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sigma, sigma)
    count = len(sigma) // 3
    rows = np.zeros((2 * count + 1, 3 * count))
    for first, last, kept, into in ((0, 2 * count, count + 1, 0), (2 * count, 3 * count, count, count + 1)):
        values, vectors = np.linalg.eigh(correlation[first:last, first:last])
        leading = np.argsort(-values)[:kept]
        axes = vectors[:, leading].T
        # An eigenvector is given up to its sign: that in which its largest element is positive is the same everywhere.
        axes *= np.sign(axes[np.arange(kept), np.abs(axes).argmax(axis=1)])[:, None]
        rows[into : into + kept, first:last] = axes / np.sqrt(values[leading])[:, None]
    return rows / sigma
