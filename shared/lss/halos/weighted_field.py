"""The weighted halo field of a range of masses: what a Lagrangian bias is trained to give, and judged by.

Unlike the binned fields of lss.halos.halo_fields it is the plain overdensity of weights, mean zero, each halo with the
weight of its own mass.
"""

import numpy as np

from lss.errors import DataError
from lss.grid.mesh import overdensity
from lss.halos.halo_fields import mass_weight

WEIGHTS = ("mass", "count", "mass_weighted")  # channels of lss.halos.halo_fields: M, 1, M / (1 + sqrt M)
MassRange = tuple[float, float]


def tracer_weight(mass: np.ndarray, weight: str, mass_range: MassRange) -> np.ndarray:
    """The weight of each mass, zero outside the range.

    mass : any shape, Msun/h; weight : one of WEIGHTS; mass_range : lowest and first excluded mass, Msun/h
    Returns float64 of the shape of mass.
    """
    inside = (mass >= mass_range[0]) & (mass < mass_range[1])
    return np.where(inside, mass_weight(weight, np.asarray(mass, np.float64)), 0.0)


def tracer_field(
    position: np.ndarray,
    mass: np.ndarray,
    weight: str,
    mass_range: MassRange,
    n: int,
    box_size: float,
    scheme: str = "cic",
) -> np.ndarray:
    """The overdensity of weighted halos on a grid, (n, n, n) float32.

    position : (m, 3) float32, Mpc/h; mass : (m,) Msun/h
    Raises DataError if no halo is in the range.
    """
    weights = tracer_weight(mass, weight, mass_range)
    if not weights.any():
        raise DataError(_nothing(mass, mass_range))
    return overdensity(position, n, box_size, scheme, weights.astype(np.float32))


def occupation(particle_halo_mass: np.ndarray, weight: str, mass_range: MassRange) -> np.ndarray:
    """The halo-to-mass ratio that every particle has in truth: each halo's weight in equal parts on its members.

    particle_halo_mass : mass of each particle's halo, 0 for none, Msun/h (lss.halos.halo_fields.particle_halo_mass);
        a halo of mass M has a number of members proportional to M
    Returns float32 of that shape, mean one.
    Raises DataError if no particle is in a halo of the range.
    """
    weights = np.where(particle_halo_mass > 0, tracer_weight(particle_halo_mass, weight, mass_range), 0.0)
    each = np.divide(weights, particle_halo_mass, out=np.zeros_like(weights), where=weights > 0)
    mean = each.mean()
    if not mean:
        raise DataError(_nothing(particle_halo_mass[particle_halo_mass > 0], mass_range))
    return (each / mean).astype(np.float32)


def _nothing(mass: np.ndarray, mass_range: MassRange) -> str:
    low, high = mass_range
    held = f"the masses here are {mass.min():.3g} to {mass.max():.3g}" if len(mass) else "there is no halo at all"
    above = f"above {low:.3g}" if np.isinf(high) else f"from {low:.3g} to {high:.3g}"
    return f"no halo {above} Msun/h; {held}"
