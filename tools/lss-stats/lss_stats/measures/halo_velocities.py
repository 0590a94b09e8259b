"""Distributions of halo speeds and of velocity dispersions inside halos (LULO Fig. 8)."""

import numpy as np

from lss.universe import Group, Universe
from lss_stats.config import Statistics
from lss_stats.fields import resolved
from lss_stats.statistic import Figure, Statistic, numbers_of_halos

_EDGES = np.linspace(0, 2400, 41)  # km/s


def halo_velocities(universe: Universe, config: Statistics) -> Group:
    """Numbers of resolved halos by speed |v| and, where the catalogue has it, by velocity dispersion; Poisson errors.

    Columns: speed, speed_count, speed_error, and the same for dispersion; km/s.
    """
    halos = universe.halos
    kept = resolved(universe, config.resolved)
    speed = np.sqrt((halos.velocity[kept].astype(np.float64) ** 2).sum(axis=1))
    data = _histogram("speed", speed)
    if "velocity_dispersion" in halos.columns:
        data |= _histogram("dispersion", halos.columns["velocity_dispersion"][kept])
    attrs = {"least_particles": config.resolved, "halos": int(kept.sum()), "source": universe.source}
    return Group(data, attrs)


def _histogram(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    count = np.histogram(values, _EDGES)[0]
    return {name: 0.5 * (_EDGES[1:] + _EDGES[:-1]), f"{name}_count": count, f"{name}_error": np.sqrt(count)}


STATISTIC = Statistic(
    groups=("halo_velocities",),
    needs=("halos", "halos/velocity"),
    of_universe=lambda subject: {"halo_velocities": halo_velocities(subject.universe, subject.config)},
    units={"speed": "km/s", "dispersion": "km/s"},
    abscissae=frozenset({"speed", "dispersion"}),
    figures={
        "halo-velocities": Figure(
            "Velocity dispersions and speeds of halos (LULO Fig. 8)",
            "lss_stats.figures.halos:velocities",
            (
                "Numbers of halos by the velocity dispersion of their particles and by the speed of their centre,"
                " with Poisson errors as a pale band."
            ),
            ("resolved",),
        )
    },
    tables=numbers_of_halos("halo_velocities", "resolved"),
)
