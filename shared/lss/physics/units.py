"""Units, and what follows from them alone: lengths in comoving Mpc/h, masses in Msun/h, velocities in peculiar km/s."""

from lss.physics.cosmology import RHO_CRIT, hubble

GRAVITY = 4.30091e-9
"""G in Mpc (km/s)^2 / Msun, which is the same number in Mpc/h and Msun/h."""

HUBBLE = 100.0
"""H0, km/s per Mpc/h."""

GADGET_MASS = 1e10
"""Gadget's unit of mass, Msun/h."""


def particle_mass(omega_m: float, box_size: float, count: int) -> float:
    """Mass of one of `count` equal particles that hold all matter of the box, Msun/h; box_size : Mpc/h."""
    return RHO_CRIT * omega_m * box_size**3 / count


def hubble_flow(scale_factor: float, omega_m: float) -> float:
    """a H: the velocity of the expansion in peculiar km/s per comoving Mpc/h, H0 a E(a)."""
    return float(HUBBLE * scale_factor * hubble(scale_factor, omega_m))
