"""The exact force of a periodic set of particles, by direct Ewald summation: the oracle of the force tests."""

import numpy as np
from scipy.special import erfc

from lss.process.kernels import kernel

ALPHA = 8.0  # splitting, in units of 1 / L: images beyond L / 2 contribute less than 1e-7
K_MAX = 11  # waves of |m| up to this, exp(-(2 pi m / ALPHA)^2 / 4) below 1e-8


def ewald_force(position: np.ndarray, targets: np.ndarray, box_size: float, spline: float) -> np.ndarray:
    """f = -grad lap^-1 delta of particles with Gadget's spline softening.

    position : (m, 3) in Mpc/h; targets : indices of the particles to evaluate; spline : reach of the spline, 2.8 times
    the Plummer-equivalent softening, Mpc/h
    Returns (len(targets), 3) float64 in Mpc/h.
    Source: Ewald 1921; Hernquist, Bouchet & Suto 1991 (ApJS 75, 231), Eq. 2.14.
    """
    x = np.asarray(position, np.float64) / box_size
    waves = np.array(
        [
            (i, j, k)
            for i in range(K_MAX + 1)
            for j in range(-K_MAX, K_MAX + 1)
            for k in range(-K_MAX, K_MAX + 1)
            if 0 < i * i + j * j + k * k <= K_MAX**2 and (i, j, k) > (0, 0, 0)
        ]
    )
    sums = _structure_factor(x, waves)
    m2 = (waves**2).sum(axis=1)
    amplitude = 2 * 2 / m2 * np.exp(-m2 * (np.pi / ALPHA) ** 2)  # both signs of k; 4 pi / k^2 times k / (2 pi)
    phase = np.exp(2j * np.pi * (x[targets] @ waves.T))
    # Sum over j of sin(k . (x_j - x_i)).
    far = ((sums[None, :] * phase.conj()).imag * amplitude) @ waves
    table = np.linspace(0, ALPHA**2 / 4, 1 << 16)
    u = np.sqrt(np.maximum(table, 1e-300))
    near_table = erfc(u) + 2 / np.sqrt(np.pi) * u * np.exp(-table)
    near = _near(x, np.asarray(targets), spline / box_size, near_table, table[1])
    return (far + near) * box_size / (4 * np.pi * len(x))


@kernel
def _structure_factor(x, waves):
    """Sum over particles of exp(2 pi i m . x)."""
    size = 2 * np.max(np.abs(waves)) + 1
    half = size // 2
    sums = np.zeros(len(waves), np.complex128)
    power = np.empty((3, size), np.complex128)
    for p in range(len(x)):
        for axis in range(3):
            for m in range(-half, half + 1):
                power[axis, m + half] = np.exp(2j * np.pi * m * x[p, axis])
        for w in range(len(waves)):
            sums[w] += power[0, waves[w, 0] + half] * power[1, waves[w, 1] + half] * power[2, waves[w, 2] + half]
    return sums


@kernel
def _near(x, targets, h, table, step):
    """The short-range sum over nearest images; `table` holds erfc(u) + 2 u exp(-u^2) / sqrt(pi) by u^2."""
    force = np.zeros((len(targets), 3))
    for t in range(len(targets)):
        i = targets[t]
        for j in range(len(x)):
            d = x[j] - x[i]
            for axis in range(3):
                d[axis] -= np.rint(d[axis])
            r2 = d[0] ** 2 + d[1] ** 2 + d[2] ** 2
            if r2 == 0.0 or r2 >= 0.25:
                continue
            r = np.sqrt(r2)
            place = ALPHA**2 * r2 / step
            k = min(int(place), len(table) - 2)
            factor = (table[k] + (place - k) * (table[k + 1] - table[k])) / (r2 * r)
            u = r / h
            if u < 0.5:
                factor += (32 / 3 + u * u * (32 * u - 38.4)) / h**3 - 1 / (r2 * r)
            elif u < 1.0:
                factor += (64 / 3 - 48 * u + 38.4 * u**2 - 32 / 3 * u**3 - 1 / (15 * u**3)) / h**3 - 1 / (r2 * r)
            for axis in range(3):
                force[t, axis] += factor * d[axis]
    return force
