"""Lagrangian perturbation theory: particles on a lattice, displaced.

    x(q) = q + D1 psi1(q) + D2 psi2(q)                                 q = (i, j, k) L/n
    v(q) = a H (f1 D1 psi1 + f2 D2 psi2)                               peculiar
    div psi1 = -delta                                                  delta: the linear overdensity at z = 0
    div psi2 = sum over i < j of phi_ii phi_jj - phi_ij^2              lap phi = delta, psi1 = -grad phi

Both displacements are gradients. Growth factors are those of `lss.physics.cosmology`: D1(z = 0) = 1 and D2 is negative.
Source: Bouchet et al. 1995 (A&A 296, 575); Scoccimarro 1998 (MNRAS 299, 1097), appendix D.
"""

import numpy as np
from numpy.typing import NDArray

from lss.grid import fourier
from lss.grid.periodic import nearest_image, wrap
from lss.physics.cosmology import growth_factor, growth_factor_2, growth_rate, growth_rate_2
from lss.physics.units import hubble_flow

Field = NDArray[np.float32]
Modes = NDArray[np.complex64]


def displacements(linear: Field, box_size: float, order: int = 2) -> tuple[Field, Field | None]:
    """Displacement fields of first and second order, for growth factors of one.

    linear : (n, n, n) float32, linear overdensity at z = 0
    box_size : L, Mpc/h
    order : 1 or 2
    Returns psi1, psi2, (n, n, n, 3) float32 in Mpc/h; psi2 is None at order 1.

    The products in the source of psi2 are taken on the same grid, as initial-condition codes do. A derivative along an
    axis vanishes in that axis's Nyquist plane, where i k of a real field is not defined.
    """
    delta = fourier.forward(linear)
    psi1 = _inverse_gradient(delta, box_size, -1)
    return psi1, None if order == 1 else _second_order(delta, box_size)


def lpt_particles(
    linear: Field, box_size: float, omega_m: float, redshift: float, order: int = 2
) -> tuple[Field, Field]:
    """Particles displaced from the lattice, at any redshift.

    linear : (n, n, n) float32, linear overdensity at z = 0
    box_size : L, Mpc/h
    order : 1 (Zel'dovich) or 2
    Returns position (n^3, 3) float32 in [0, L) Mpc/h and velocity (n^3, 3) float32 in peculiar km/s, in lattice order.
    Cost: 14 transforms and 44 n^3 bytes, of which 24 are the result; 0.03 CPU seconds at 64^3.
    """
    n = len(linear)
    a = 1 / (1 + redshift)
    flow = hubble_flow(a, omega_m)
    psi1, psi2 = displacements(linear, box_size, order)
    d1 = np.float32(growth_factor(a, omega_m))
    d2 = np.float32(growth_factor_2(a, omega_m))
    v1 = np.float32(flow * growth_factor(a, omega_m) * growth_rate(a, omega_m))
    v2 = np.float32(flow * growth_factor_2(a, omega_m) * growth_rate_2(a, omega_m))

    lattice = np.arange(n) * (box_size / n)
    position, velocity = psi1, np.empty_like(psi1) if psi2 is None else psi2  # their memory is used again
    for i in range(n):
        first = psi1[i]
        second = np.zeros_like(first) if psi2 is None else psi2[i]
        displacement = d1 * first + d2 * second
        velocity[i] = v1 * first + v2 * second
        x = np.stack(np.broadcast_arrays(lattice[i], lattice[:, None], lattice[None, :]), axis=-1) + displacement
        position[i] = wrap(x, box_size)
    return position.reshape(-1, 3), velocity.reshape(-1, 3)


def linear_field(position: Field, box_size: float, omega_m: float, redshift: float) -> Field:
    """The linear overdensity at z = 0 whose 2LPT displacements lead from the lattice to these particles.

    position : (n^3, 3) float32, Mpc/h, in lattice order, moved by less than half the box; at a high redshift, where two
        orders are enough
    Returns (n, n, n) float32: the inverse of `lpt_particles`, to 1e-3 at z = 127.
    """
    n = round(len(position) ** (1 / 3))
    lattice = np.indices((n, n, n), dtype=np.float64).reshape(3, -1).T * (box_size / n)
    displacement = nearest_image(position - lattice, box_size).reshape(n, n, n, 3)
    a = 1 / (1 + redshift)
    d1, d2 = growth_factor(a, omega_m), growth_factor_2(a, omega_m)
    linear = _divergence(displacement, box_size) / np.float32(-d1)
    for _ in range(3):  # the second order depends on the field: a fixed point, reached at once at high redshift
        first_order = displacement - d2 * _second_order(fourier.forward(linear), box_size)
        linear = _divergence(first_order, box_size) / np.float32(-d1)
    return linear


def _second_order(delta: np.ndarray, box_size: float) -> Field:
    """The displacement psi2 of `displacements`, from the modes of the linear field, whose memory stays as it is."""
    source = fourier.forward(_second_order_source(delta, box_size))
    return _inverse_gradient(source, box_size, 1)


def _divergence(vector: np.ndarray, box_size: float) -> Field:
    """Divergence of a periodic vector field (n, n, n, 3)."""
    n = len(vector)
    modes = sum(
        fourier.forward(np.ascontiguousarray(vector[..., axis], np.float32)) * (1j * k).astype(np.complex64)
        for axis, k in enumerate(fourier.derivative_wavenumbers(n, box_size))
    )
    return fourier.inverse(np.asarray(modes, np.complex64), n)


def _inverse_gradient(modes: Modes, box_size: float, sign: int) -> Field:
    """The gradient field whose divergence is sign times the field of these modes."""
    n = len(modes)
    gradient = np.empty((n, n, n, 3), dtype=np.float32)
    potential = _inverse_laplacian(modes, box_size)
    for axis, k in enumerate(fourier.derivative_wavenumbers(n, box_size)):
        gradient[..., axis] = fourier.inverse(potential * (1j * sign * k).astype(np.complex64), n, overwrite=True)
    return gradient


def _second_order_source(delta: Modes, box_size: float) -> Field:
    """The sum over i < j of phi_ii phi_jj - phi_ij^2, with lap phi = delta."""
    n = len(delta)
    phi = _inverse_laplacian(delta, box_size)
    k = [component.astype(np.float32) for component in fourier.wavenumbers(n, box_size)]
    odd = [component.astype(np.float32) for component in fourier.derivative_wavenumbers(n, box_size)]

    def curvature(i: int, j: int) -> Field:
        factors = k[i] * k[j] if i == j else odd[i] * odd[j]
        return fourier.inverse(phi * -factors, n, overwrite=True)

    xx, yy = curvature(0, 0), curvature(1, 1)
    source = xx * yy
    xx += yy
    del yy
    source += xx * curvature(2, 2)
    del xx
    for i, j in ((0, 1), (0, 2), (1, 2)):
        source -= np.square(curvature(i, j))
    return source


def _inverse_laplacian(modes: Modes, box_size: float) -> Modes:
    """Modes of phi with lap phi = the field of these modes; the mean of phi is zero."""
    n = len(modes)
    kx, ky, kz = fourier.wavenumbers(n, box_size)
    phi = np.empty_like(modes)
    across = ky[0] ** 2 + kz[0] ** 2
    for i in range(n):
        k2 = kx[i] ** 2 + across
        if i == 0:
            k2[0, 0] = np.inf
        phi[i] = modes[i] * (-1 / k2).astype(np.float32)
    return phi
