"""Power spectra that know a line of sight: multipoles, and the plane of (k_perp, k_par).

P_l(k) = (2 l + 1) < |d(k)|^2 L_l(mu) > / L^3 over the modes of a shell, mu = k_par / k.
"""

import numpy as np

from lss.grid.fourier import half_space_weights
from lss.grid.spectra import inverse_windows, shell_limits, shells
from lss.process.kernels import kernel
from lss.universe import Group
from lss_stats.config import Statistics
from lss_stats.measures.fields import Sample
from lss_stats.measures.power import in_range


def multipoles(sample: Sample, config: Statistics) -> Group:
    """Monopole, quadrupole and hexadecapole along the line of sight.

    Columns: k, n_modes, monopole, quadrupole, hexadecapole ((Mpc/h)^3), shot_noise (of the monopole).
    """
    n, box_size = sample.n, sample.box_size
    limits = shell_limits(n, box_size)
    n_modes, mean_m, shell_of = shells(n, limits)
    sums = _sum_moments(*_prepared(sample, config), shell_of, len(n_modes))
    norm = box_size**3 / float(n) ** 6 / n_modes
    p0, p2, p4 = norm * sums[:, :-1]  # averages of P, P mu^2, P mu^4
    k = mean_m * 2 * np.pi / box_size
    kept = in_range(k, config)
    data = {
        "k": k,
        "n_modes": n_modes,
        "monopole": p0,
        "quadrupole": 2.5 * (3 * p2 - p0),
        "hexadecapole": 9 / 8 * (35 * p4 - 30 * p2 + 3 * p0),
        "shot_noise": np.full(len(k), sample.shot_noise),
    }
    return Group({name: column[kept] for name, column in data.items()}, _attrs(sample, config), _UNITS)


def wedges(sample: Sample, config: Statistics) -> Group:
    """P in bins of (k_perp, k_par), each one fundamental mode wide, k_par folded.

    Columns: k_perp (p,), k_par (q,) bin centres; power, n_modes (p, q); empty bins are NaN.
    """
    n, box_size = sample.n, sample.box_size
    fundamental = 2 * np.pi / box_size
    half = n // 2
    ring_of = np.floor(np.sqrt(np.arange(2 * half**2 + 1)) + 0.5).astype(np.int32)
    sums, counts = _sum_rings(*_prepared(sample, config), ring_of, int(ring_of[-1]) + 1)
    power = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0) * box_size**3 / float(n) ** 6
    power[0, 0] = np.nan  # the mean of the field is no mode
    data = {
        "k_perp": np.arange(len(power)) * fundamental,
        "k_par": np.arange(half + 1) * fundamental,
        "power": power,
        "n_modes": counts.astype(np.int64),
    }
    return Group(data, _attrs(sample, config), _UNITS)


_UNITS = {
    "k": "h/Mpc",
    "k_perp": "h/Mpc",
    "k_par": "h/Mpc",
    **dict.fromkeys(("power", "monopole", "quadrupole", "hexadecapole", "shot_noise"), "(Mpc/h)^3"),
}


def _attrs(sample: Sample, config: Statistics) -> dict[str, str | int | float]:
    return {
        "field": sample.name,
        "source": sample.source,
        "line_of_sight": config.line_of_sight,
        "grid": sample.n,
        "nyquist": sample.nyquist,
    }


def _prepared(sample: Sample, config: Statistics) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    axis = "xyz".index(config.line_of_sight)
    inverse = inverse_windows(sample.n, [sample.window])[0] ** 2
    return sample.modes[0], inverse, half_space_weights(sample.n), axis


@kernel
def _sum_moments(modes, inverse, weight, axis, shell_of, count):
    """Sums of |d|^2, |d|^2 mu^2, |d|^2 mu^4 over shells: (3, shells + 1) float64."""
    n = modes.shape[0]
    sums = np.zeros((3, count + 1))
    m = np.zeros(3)
    for ix in range(n):
        m[0] = min(ix, n - ix)
        for iy in range(n):
            m[1] = min(iy, n - iy)
            for iz in range(modes.shape[2]):
                m[2] = iz
                m2 = m[0] * m[0] + m[1] * m[1] + m[2] * m[2]
                value = np.float64(modes[ix, iy, iz].real) ** 2 + np.float64(modes[ix, iy, iz].imag) ** 2
                value *= weight[iz] * inverse[int(m[0])] * inverse[int(m[1])] * inverse[iz]
                mu2 = m[axis] * m[axis] / max(m2, 1.0)
                shell = shell_of[int(m2)]
                sums[0, shell] += value
                sums[1, shell] += value * mu2
                sums[2, shell] += value * mu2 * mu2
    return sums


@kernel
def _sum_rings(modes, inverse, weight, axis, ring_of, rings):
    """Sums of |d|^2 and numbers of modes in (perpendicular ring, |m_par|): two (rings, n//2+1) float64."""
    n = modes.shape[0]
    sums = np.zeros((rings, n // 2 + 1))
    counts = np.zeros((rings, n // 2 + 1))
    m = np.zeros(3, np.int64)
    for ix in range(n):
        m[0] = min(ix, n - ix)
        for iy in range(n):
            m[1] = min(iy, n - iy)
            for iz in range(modes.shape[2]):
                m[2] = iz
                along = m[axis]
                ring = ring_of[m[0] * m[0] + m[1] * m[1] + m[2] * m[2] - along * along]
                value = np.float64(modes[ix, iy, iz].real) ** 2 + np.float64(modes[ix, iy, iz].imag) ** 2
                sums[ring, along] += value * weight[iz] * inverse[m[0]] * inverse[m[1]] * inverse[iz]
                counts[ring, along] += weight[iz]
    return sums, counts
