"""The force of a particle in two parts: a smooth one that a mesh can carry, and the rest, which ends at a radius R.

Every particle is given a cloud of density (1 - r^2 / R^2)^3. The mesh computes the attraction of the clouds; pairs
closer than R get the difference between the attraction of a particle and that of its cloud, which is exactly zero
beyond. With u = r^2 / R^2 the mass within r and the Fourier transform of a cloud of unit mass are

    M(<r) / r^3 = 315 / (16 R^3) (1/3 - 3/5 u + 3/7 u^2 - 1/9 u^3)              s(k) = 945 j_4(kR) / (kR)^4

so the pair kernel evaluates a cubic in r^2, and nothing is fitted. The influence function makes the mesh force the
best one on average over positions of the particles in their cells.
Source: Hockney & Eastwood 1988, section 8.3.3 (optimal influence function); Springel 2010 (GADGET-2), spline kernel.
"""

import numpy as np
from scipy.special import spherical_jn

from lss.grid.mesh import ORDER, chunks
from lss.process.kernels import kernel
from lss.process.threads import spread
from lss_sim.mesh_force import NO_GRADIENT, difference_wavenumber

SPLINE_REACH = 2.8  # Gadget's spline force is Newtonian beyond 2.8 Plummer-equivalent softening lengths
ALIASES = 2  # alias images per axis and direction in the influence function: s(k) falls as k^-5 beyond


def cloud_transform(x: np.ndarray) -> np.ndarray:
    """s = 945 j_4(x) / x^4 of a cloud of unit mass, x = k R."""
    x = np.asarray(x, np.float64)
    small = x < 0.3  # where j_4 loses its digits the series has them
    safe = np.where(small, 1.0, x)
    return np.where(small, 1 - x**2 / 22 + x**4 / 1144, 945 * spherical_jn(4, safe) / safe**4)


def cloud_polynomial(radius: float) -> np.ndarray:
    """Coefficients c of M(<r) / r^3 = c0 + c1 r^2 + c2 r^4 + c3 r^6 inside the cloud: (4,) float64."""
    powers = radius ** -np.array([3.0, 5.0, 7.0, 9.0])
    return 315 / 16 * np.array([1 / 3, -3 / 5, 3 / 7, -1 / 9]) * powers


def long_range_influence(n: int, box_size: float, radius: float, scheme: str) -> np.ndarray:
    """The optimal influence function of the clouds' force for one assignment scheme.

    n : mesh points per side; radius : R of the cloud, Mpc/h
    Returns (n/2+1)^3 float32 in (Mpc/h)^2, which takes the place of 1 / k^2:
    I = sum_m W^2(k_m) s(k_m) D . k_m / k_m^2  /  (D sum_m W^2(k_m))^2 over the alias images k_m = k + 2 pi n m / L,
    with D(k) what the differences on the grid make of k.
    """
    spacing = box_size / n
    image = np.arange(-ALIASES, ALIASES + 1)
    k = 2 * np.pi / box_size * (np.arange(n // 2 + 1)[:, None] + n * image[None, :])
    window2 = np.sinc(k * spacing / (2 * np.pi)) ** (2 * ORDER[scheme])
    # s as a table in k^2: evaluated at some 10^8 images, and smooth on the scale of 2 pi / L.
    table_k2 = np.linspace(0, 3 * np.max(k**2), 1 << 17)
    table = cloud_transform(np.sqrt(table_k2) * radius)
    influence = np.zeros((len(k),) * 3, np.float32)
    d = difference_wavenumber(k[:, ALIASES], spacing)
    spread(_fill_influence, [(k, d, window2, table, table_k2[1], a, b, influence) for a, b in chunks(len(k))])
    return influence


@kernel
def _fill_influence(k, d, window2, table, table_step, first, last, influence):
    """Modes first <= i < last, j <= i, c <= j and all their permutations; zero where D is.

    k, window2 : (n/2+1, images) along one axis, d : (n/2+1,)
    """
    size, images = k.shape
    total = np.empty(size)
    for i in range(size):
        total[i] = np.sum(window2[i])
    for i in range(first, last):
        for j in range(i + 1):
            for c in range(j + 1):
                d2 = d[i] ** 2 + d[j] ** 2 + d[c] ** 2
                if d2 < NO_GRADIENT * k[1, images // 2] ** 2:
                    continue
                above = 0.0
                for mi in range(images):
                    for mj in range(images):
                        kx, ky = k[i, mi], k[j, mj]
                        w2 = window2[i, mi] * window2[j, mj]
                        for mc in range(images):
                            kz = k[c, mc]
                            q2 = kx * kx + ky * ky + kz * kz
                            place = q2 / table_step
                            t = min(int(place), len(table) - 2)
                            s = table[t] + (place - t) * (table[t + 1] - table[t])
                            above += w2 * window2[c, mc] * s * (kx * d[i] + ky * d[j] + kz * d[c]) / max(q2, 1e-30)
                value = above / d2 / (total[i] * total[j] * total[c]) ** 2
                influence[i, j, c] = influence[i, c, j] = influence[j, i, c] = value
                influence[j, c, i] = influence[c, i, j] = influence[c, j, i] = value
