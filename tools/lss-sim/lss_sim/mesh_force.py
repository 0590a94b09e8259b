"""Gravity on a mesh: particles to overdensity, through Fourier space to a potential, its gradient back to particles.

phi_k = -I(k) delta_k, where the influence function I is 1 / k^2 for the whole force, or what `lss_sim.split` makes it
for the long-range part alone; f = -grad phi by differences of eighth order on the grid, which cost a fifth of two more
inverse transforms. The mesh is shifted against the particles by a random vector that changes with every step: the
error of the force depends on where a particle sits in its cell, and a lattice of particles would see the same error
at every one of them.
"""

from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.grid import fourier, mesh
from lss.grid.differences import DIFFERENCE
from lss.process.kernels import kernel
from lss.process.threads import spread

NO_GRADIENT = 1e-12  # D^2 below this, in units of the fundamental's: a Nyquist frequency, whose gradient is zero
MASS_ERROR = 1e-4  # that single precision may leave in the mass on the mesh


@dataclass(frozen=True)
class MeshForce:
    """A mesh with its influence function.

    scheme : assignment and interpolation; influence : (n/2+1, n/2+1, n/2+1) float32, I in (Mpc/h)^2 by |kx|, |ky|, |kz|
    """

    n: int
    box_size: float
    scheme: str
    influence: np.ndarray

    def __call__(self, position: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """f = -grad lap^-1 delta at the particles.

        position : (m, 3) float32 in [0, L); offset : (3,) shift in cells
        Returns (m, 3) float32 in Mpc/h.
        Raises DataError when the mesh does not hold the mass of the particles.
        """
        n = self.n
        grid = mesh.paint(position, n, self.box_size, self.scheme, offset=offset)
        mass = float(np.sum(grid, dtype=np.float64))
        if abs(mass / len(position) - 1) > MASS_ERROR:
            raise DataError(f"the mesh holds {mass:.8g} particle masses of {len(position)}: mass is not conserved")
        modes = fourier.forward(grid)
        del grid
        # Painted weights to overdensity.
        spread(_potential_modes, [(modes, self.influence, n**3 / len(position), a, b) for a, b in mesh.chunks(n)])
        potential = fourier.inverse(modes, n, overwrite=True)
        del modes
        force = np.empty((n, n, n, 4), np.float32)
        weights = (DIFFERENCE * (n / self.box_size)).astype(np.float32)
        spread(_force_grid, [(potential, weights, a, b, force) for a, b in mesh.chunks(n)])
        return mesh.interpolate_vector(force, position, self.box_size, self.scheme, offset)


def difference_wavenumber(k: np.ndarray, spacing: float) -> np.ndarray:
    """What the difference makes of a wave instead of i k: i times this, in h/Mpc."""
    steps = np.arange(1, len(DIFFERENCE) + 1)
    return (2 * DIFFERENCE * np.sin(np.multiply.outer(k * spacing, steps))).sum(axis=-1) / spacing


def newtonian_influence(n: int, box_size: float) -> np.ndarray:
    """The influence function of the whole force, k . D / (k^2 D^2) with the differences' D for k; 0 at k = 0.

    Returns (n/2+1)^3 float32 in (Mpc/h)^2, by |kx|, |ky|, |kz|.
    """
    k = 2 * np.pi / box_size * np.arange(n // 2 + 1)
    d = difference_wavenumber(k, box_size / n)

    def summed(a: np.ndarray) -> np.ndarray:
        return a[:, None, None] + a[None, :, None] + a[None, None, :]

    d2 = summed(d**2)
    d2[d2 < NO_GRADIENT * k[1] ** 2] = np.inf
    k2 = summed(k**2)
    k2[0, 0, 0] = np.inf
    return (summed(k * d) / (k2 * d2)).astype(np.float32)


def mesh_offset(seed: int, step: int) -> np.ndarray:
    """The shift of the mesh at a step, uniform in a cell: (3,) float64; it depends on nothing but its arguments."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, step]))).random(3)


@kernel
def _potential_modes(modes, influence, scale, first, last):
    """Overdensity to potential, in place, for the planes first <= i < last."""
    n, _, half = modes.shape
    factor = np.float32(-scale)
    for i in range(first, last):
        a = min(i, n - i)
        for j in range(n):
            b = min(j, n - j)
            for c in range(half):
                modes[i, j, c] *= factor * influence[a, b, c]


@kernel(fastmath=True)
def _force_grid(potential, weights, first, last, force):
    """-grad phi for the planes first <= i < last; weights : of the difference at distance 1 ... 4."""
    n = potential.shape[0]
    w1, w2, w3, w4 = weights[0], weights[1], weights[2], weights[3]
    row = np.empty(n + 8, np.float32)
    for i in range(first, last):
        a1, a2, a3, a4 = (i + 1) % n, (i + 2) % n, (i + 3) % n, (i + 4) % n
        b1, b2, b3, b4 = (i - 1) % n, (i - 2) % n, (i - 3) % n, (i - 4) % n
        for j in range(n):
            c1, c2, c3, c4 = (j + 1) % n, (j + 2) % n, (j + 3) % n, (j + 4) % n
            d1, d2, d3, d4 = (j - 1) % n, (j - 2) % n, (j - 3) % n, (j - 4) % n
            row[4 : n + 4] = potential[i, j]
            row[:4] = potential[i, j, n - 4 :]
            row[n + 4 :] = potential[i, j, :4]
            for k in range(n):
                force[i, j, k, 0] = (
                    w1 * (potential[b1, j, k] - potential[a1, j, k])
                    + w2 * (potential[b2, j, k] - potential[a2, j, k])
                    + w3 * (potential[b3, j, k] - potential[a3, j, k])
                    + w4 * (potential[b4, j, k] - potential[a4, j, k])
                )
                force[i, j, k, 1] = (
                    w1 * (potential[i, d1, k] - potential[i, c1, k])
                    + w2 * (potential[i, d2, k] - potential[i, c2, k])
                    + w3 * (potential[i, d3, k] - potential[i, c3, k])
                    + w4 * (potential[i, d4, k] - potential[i, c4, k])
                )
                force[i, j, k, 2] = (
                    w1 * (row[k + 3] - row[k + 5])
                    + w2 * (row[k + 2] - row[k + 6])
                    + w3 * (row[k + 1] - row[k + 7])
                    + w4 * (row[k] - row[k + 8])
                )
                force[i, j, k, 3] = np.float32(0.0)
