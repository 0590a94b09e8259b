"""What the mass of a halo means: the mean density inside its radius.

| definition | mean density inside the radius |
|---|---|
| 200c, 500c | 200, 500 times the critical density |
| 200m | 200 times the mean matter density |
| vir | that of a virialised top hat (Bryan & Norman 1998, Eq. 6) |
| fof | none: a group of friends has no radius |
"""

import numpy as np

from lss.physics.cosmology import RHO_CRIT, hubble, omega_m_at


def overdensity(definition: str, redshift: float, omega_m: float) -> float:
    """The mean density inside a halo's radius, in units of the critical density at its redshift (flat universe)."""
    fraction = float(omega_m_at(1 / (1 + redshift), omega_m))
    if definition == "vir":
        x = fraction - 1
        return 18 * np.pi**2 + 82 * x - 39 * x**2
    return {"200c": 200.0, "500c": 500.0, "200m": 200.0 * fraction}[definition]


def critical_density(redshift: float, omega_m: float) -> float:
    """Critical density at a redshift, Msun/h per physical (Mpc/h)^3."""
    return RHO_CRIT * float(hubble(1 / (1 + redshift), omega_m)) ** 2


def threshold_density(definition: str, redshift: float, omega_m: float) -> float:
    """The mean density inside a halo's radius, Msun/h per comoving (Mpc/h)^3."""
    physical = overdensity(definition, redshift, omega_m) * critical_density(redshift, omega_m)
    return physical / (1 + redshift) ** 3
