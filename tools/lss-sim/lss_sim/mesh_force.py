"""Gravity on a mesh: particles to overdensity, through Fourier space to force grids, back to particles.

f_k = i k I(k) delta_k, where the influence function I is 1 / k^2 for the whole force, or what `lss_sim.split` makes it
for the long-range part alone. The mesh is shifted against the particles by a random vector that changes with every
step: the error of the force depends on where a particle sits in its cell, and a lattice of particles would see the
same error at every one of them.
"""

from dataclasses import dataclass

import numpy as np

from lss import fourier, mesh
from lss.errors import DataError
from lss.kernels import kernel
from lss.threads import spread

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
        full = 2 * np.pi / self.box_size * np.fft.fftfreq(n, 1 / n)
        if n % 2 == 0:
            full[n // 2] = 0.0  # a real field has no derivative there
        full = (full * n**3 / len(position)).astype(np.float32)  # painted weights to overdensity
        components = []
        for axis in range(3):
            force = np.empty_like(modes)
            spread(_force_modes, [(modes, self.influence, full, axis, a, b, force) for a, b in mesh.chunks(n)])
            components.append(fourier.inverse(force, n, overwrite=True))
            del force
        fx, fy, fz = components
        return mesh.interpolate_vector((fx, fy, fz), position, self.box_size, self.scheme, offset)


def newtonian_influence(n: int, box_size: float) -> np.ndarray:
    """1 / k^2 for every |kx|, |ky|, |kz| of an n-mesh, zero at k = 0: (n/2+1)^3 float32 in (Mpc/h)^2."""
    k2 = (2 * np.pi / box_size * np.arange(n // 2 + 1)) ** 2
    total = k2[:, None, None] + k2[None, :, None] + k2[None, None, :]
    total[0, 0, 0] = np.inf
    return (1 / total).astype(np.float32)


def mesh_offset(seed: int, step: int) -> np.ndarray:
    """The shift of the mesh at a step, uniform in a cell: (3,) float64; it depends on nothing but its arguments."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, step]))).random(3)


@kernel
def _force_modes(modes, influence, k, axis, first, last, force):
    """i k_axis I delta_k for the planes first <= i < last."""
    n, _, half = modes.shape
    for i in range(first, last):
        a = min(i, n - i)
        for j in range(n):
            b = min(j, n - j)
            across = k[i] if axis == 0 else k[j]
            for c in range(half):
                factor = influence[a, b, c] * (k[c] if axis == 2 else across)
                mode = modes[i, j, c]
                force[i, j, c] = np.complex64(complex(-mode.imag * factor, mode.real * factor))
