"""What the members of a halo tell about it: motion, rotation curve, concentration, spin, shape."""

from dataclasses import dataclass

import numpy as np

from lss.grid.mesh import chunks
from lss.grid.periodic import fold_edge
from lss.process.kernels import kernel
from lss.process.threads import spread
from lss.universe import Members
from lss_halo.finders.ascending import ascending
from lss_halo.finders.binding import Binding

PARTS = 64  # of the halos, for the threads to share
INNERMOST = 10  # particles inside the smallest radius at which a circular velocity is taken: fewer are noise
PEAK = 2.16258  # radius of the peak of an NFW halo's circular velocity, in scale radii


@dataclass(frozen=True)
class Structure:
    """One row per halo, all float32.

    centre_of_mass : (h, 3) Mpc/h; velocity : (h, 3) mean of the members, peculiar km/s
    velocity_dispersion : (h,) km/s, root of the mean square about the mean, three-dimensional, with the Hubble flow
        inside the halo (as AHF's sigV)
    v_max, r_max : (h,) km/s and Mpc/h, the peak of sqrt(G M(<r) / r)
    angular_momentum : (h, 3) per mass, Mpc/h km/s, about the centre and the mean velocity
    axis_ratios : (h, 2) b/a and c/a of the inertia tensor; major_axis : (h, 3) unit vector
    """

    centre_of_mass: np.ndarray
    velocity: np.ndarray
    velocity_dispersion: np.ndarray
    v_max: np.ndarray
    r_max: np.ndarray
    angular_momentum: np.ndarray
    axis_ratios: np.ndarray
    major_axis: np.ndarray


def structure(
    position: np.ndarray,
    velocity: np.ndarray,
    centre: np.ndarray,
    members: Members,
    box_size: float,
    binding: Binding,
) -> Structure:
    """The structure of halos about their centres.

    position, velocity : (m, 3) float32 of all particles, Mpc/h and peculiar km/s; centre : (h, 3) float32, Mpc/h
    binding : the units of potential and Hubble flow
    Radii are comoving; v_max, the dispersion and the angular momentum are physical.
    """
    count = len(members)
    sums = np.zeros((count, 12))
    tensor = np.zeros((count, 3, 3))
    tasks = [
        (
            position,
            velocity,
            centre[a:b],
            members.offset[a : b + 1],
            members.index,
            box_size,
            binding,
            sums[a:b],
            tensor[a:b],
        )
        for a, b in chunks(count, PARTS)
    ]
    spread(_sum_members, tasks)
    moments, axes = np.linalg.eigh(tensor)  # ascending
    lengths = np.sqrt(np.maximum(moments, 0.0))
    longest = np.maximum(lengths[:, 2:], np.finfo(np.float32).tiny)
    values = sums.astype(np.float32)
    fold_edge(values[:, :3], box_size)
    return Structure(
        centre_of_mass=values[:, 0:3],
        velocity=values[:, 3:6],
        velocity_dispersion=values[:, 6],
        v_max=values[:, 7],
        r_max=values[:, 8],
        angular_momentum=values[:, 9:12],
        axis_ratios=(lengths[:, 1::-1] / longest).astype(np.float32),
        major_axis=axes[:, :, 2].astype(np.float32),
    )


@kernel
def _sum_members(position, velocity, centre, offset, index, box_size, binding, sums, tensor):
    """Fill rows of centre of mass, velocity, dispersion, v_max, r_max, angular momentum; and the inertia tensors."""
    half = 0.5 * box_size
    d = np.empty(3)
    u = np.empty(3)
    for h in range(len(centre)):
        count = offset[h + 1] - offset[h]
        squared = np.empty(count)
        away, mean = np.zeros(3), np.zeros(3)
        for k in range(count):
            i = index[offset[h] + k]
            squared[k] = 0.0
            for axis in range(3):
                d[axis] = position[i, axis] - np.float64(centre[h, axis])
                if d[axis] > half:
                    d[axis] -= box_size
                elif d[axis] < -half:
                    d[axis] += box_size
                squared[k] += d[axis] * d[axis]
                away[axis] += d[axis] / count
                mean[axis] += velocity[i, axis] / count
        squares, flow = 0.0, binding.hubble_flow
        for k in range(count):
            i = index[offset[h] + k]
            for axis in range(3):
                d[axis] = position[i, axis] - np.float64(centre[h, axis])
                if d[axis] > half:
                    d[axis] -= box_size
                elif d[axis] < -half:
                    d[axis] += box_size
                u[axis] = velocity[i, axis] - mean[axis]
                squares += (u[axis] + flow * (d[axis] - away[axis])) ** 2
            for axis in range(3):
                first, second = (axis + 1) % 3, (axis + 2) % 3
                sums[h, 9 + axis] += (d[first] * u[second] - d[second] * u[first]) / count
                for other in range(3):
                    tensor[h, axis, other] += d[axis] * d[other] / count
        for axis in range(3):
            sums[h, axis] = (centre[h, axis] + away[axis]) % box_size
            sums[h, 3 + axis] = mean[axis]
        sums[h, 6] = np.sqrt(squares / count)
        squared = squared[ascending(squared)]
        best = 0.0
        for k in range(min(INNERMOST, count) - 1, count):
            radius = max(np.sqrt(squared[k]), 1e-6)
            circular = binding.potential * (k + 1) / radius
            if circular > best:
                best = circular
                sums[h, 8] = radius
        sums[h, 7] = np.sqrt(best)


def nfw_concentration(v_max: np.ndarray, v_circular: np.ndarray) -> np.ndarray:
    """The concentration R / r_s of the NFW profile with this peak over the circular velocity at its radius.

    v_max, v_circular : (h,) km/s. A peak at the edge of the halo or beyond gives the lowest value, 2.16.
    Source: Klypin et al. 2001; Prada et al. 2012, Eq. 9.
    """
    c = np.geomspace(PEAK, 1e3, 2000)
    ratio = np.sqrt(_nfw(PEAK) / PEAK * c / _nfw(c))
    return np.interp(v_max / v_circular, ratio, c)


def _nfw(x):
    """Mass of an NFW halo inside x scale radii, in units of 4 pi rho_s r_s^3."""
    return np.log1p(x) - x / (1 + x)
