"""The power spectrum in the plane of (k_perp, k_par), across and along the line of sight."""

import numpy as np

from lss.process.kernels import kernel
from lss.universe import Group
from lss_stats.config import Statistics
from lss_stats.fields import FieldModes
from lss_stats.measures.multipoles import attributes, fields_in_redshift_space, prepare
from lss_stats.statistic import PAINTING, Figure, Groups, Statistic, Subject


def wedges(field: FieldModes, config: Statistics) -> Group:
    """P in bins of (k_perp, k_par), each one fundamental mode wide, k_par folded.

    Columns: k_perp (p,), k_par (q,) bin centres; power, n_modes (p, q); empty bins are NaN.
    """
    n, box_size = field.n, field.box_size
    fundamental = 2 * np.pi / box_size
    half = n // 2
    ring_of = np.floor(np.sqrt(np.arange(2 * half**2 + 1)) + 0.5).astype(np.int32)
    sums, counts = _sum_rings(*prepare(field, config), ring_of, int(ring_of[-1]) + 1)
    power = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0) * box_size**3 / float(n) ** 6
    power[0, 0] = np.nan  # the mean of the field is no mode
    data = {
        "k_perp": np.arange(len(power)) * fundamental,
        "k_par": np.arange(half + 1) * fundamental,
        "power": power,
        "n_modes": counts.astype(np.int64),
    }
    return Group(data, attributes(field, config))


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


def _of_field(subject: Subject, name: str) -> Groups:
    field = subject.fields.modes(name)
    return {f"wedges/{field.name}": wedges(field, subject.config)}


STATISTIC = Statistic(
    groups=("wedges",),
    fields=fields_in_redshift_space,
    of_field=_of_field,
    units={"k_perp": "h/Mpc", "k_par": "h/Mpc", "power": "(Mpc/h)^3"},
    abscissae=frozenset({"k_perp", "k_par"}),
    shared=frozenset({"n_modes"}),
    figures={
        "wedges": Figure(
            "Power across and along the line of sight",
            "lss_stats.figures.spectra:wedges",
            (
                "Power in redshift space against the wavenumbers across and along the line of sight, up to the "
                "Nyquist frequency; above, the truth where there is one, in the same colours."
            ),
            (*PAINTING, "line_of_sight"),
        )
    },
)
