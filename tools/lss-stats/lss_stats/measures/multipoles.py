"""Multipoles of the power spectrum about the line of sight.

P_l(k) = (2 l + 1) < |d(k)|^2 L_l(mu) > / L^3 over the modes of a shell, mu = k_par / k.
"""

import numpy as np

from lss.grid.fourier import half_space_weights
from lss.grid.spectra import inverse_windows, shell_limits, shells
from lss.process.kernels import kernel
from lss.universe import Group
from lss_stats.config import Statistics
from lss_stats.fields import IN_REDSHIFT_SPACE, FieldModes
from lss_stats.measures.power import in_range
from lss_stats.statistic import PAINTING, Figure, Groups, Statistic, Subject


def multipoles(field: FieldModes, config: Statistics) -> Group:
    """Monopole, quadrupole and hexadecapole along the line of sight.

    Columns: k, n_modes, monopole, quadrupole, hexadecapole ((Mpc/h)^3), shot_noise (of the monopole).
    """
    n, box_size = field.n, field.box_size
    limits = shell_limits(n, box_size)
    n_modes, mean_m, shell_of = shells(n, limits)
    sums = _sum_moments(*prepare(field, config), shell_of, len(n_modes))
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
        "shot_noise": np.full(len(k), field.shot_noise),
    }
    return Group({name: column[kept] for name, column in data.items()}, attributes(field, config))


def fields_in_redshift_space(subject: Subject) -> dict[str, tuple[str, ...]]:
    """Matter and halos as an observer sees them."""
    return {name: () for name in subject.fields.everything if name.endswith(IN_REDSHIFT_SPACE)}


def attributes(field: FieldModes, config: Statistics) -> dict[str, str | int | float]:
    return {
        "field": field.name,
        "source": field.source,
        "line_of_sight": config.line_of_sight,
        "grid": field.n,
        "nyquist": field.nyquist,
    }


def prepare(field: FieldModes, config: Statistics) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    axis = "xyz".index(config.line_of_sight)
    inverse = inverse_windows(field.n, [field.window])[0] ** 2
    return field.modes[0], inverse, half_space_weights(field.n), axis


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


def _of_field(subject: Subject, name: str) -> Groups:
    field = subject.fields.modes(name)
    return {f"multipoles/{field.name}": multipoles(field, subject.config)}


STATISTIC = Statistic(
    groups=("multipoles",),
    fields=fields_in_redshift_space,
    of_field=_of_field,
    units={"k": "h/Mpc", **dict.fromkeys(("monopole", "quadrupole", "hexadecapole", "shot_noise"), "(Mpc/h)^3")},
    abscissae=frozenset({"k"}),
    shared=frozenset({"n_modes"}),
    figures={
        "multipoles": Figure(
            "Multipoles in redshift space",
            "lss_stats.figures.spectra:multipoles",
            (
                "k times the monopole, quadrupole and hexadecapole of the power in redshift space, with one "
                "standard deviation from the number of modes; dotted: the truth."
            ),
            (*PAINTING, "line_of_sight"),
        )
    },
)
