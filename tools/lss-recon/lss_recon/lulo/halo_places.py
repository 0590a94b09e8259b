"""Where halos are: the most probable change of the white noise that moves simulated halos to their observed places.

A network that is shown voxels of 2 Mpc/h has little to say of a halo that is half a voxel away from its place. Linear
theory has: with x the white noise, a halo is displaced by the mean over its members,

    G x = < psi(q) >,    psi = -grad lap^-1 delta(x)

and of all changes of x that displace the halos by what they lack, s, with an error sigma, the most probable is

    S G^T (G S G^T + sigma^2)^-1 s,    S = 1 - r(k)^2

with S the variance of a mode that the estimate leaves open: what it has decided stays as it is.
Source: Hoffman & Ribak 1991, with displacements in place of densities.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg
from scipy.spatial import cKDTree

from lss.config import Cosmology
from lss.errors import DataError
from lss.grid import fourier
from lss.grid.fourier import wavenumber
from lss.grid.periodic import nearest_image, wrap
from lss.physics.cosmology import growth_factor, growth_rate
from lss.physics.linear_power import linear_power
from lss.universe import Halos, Members

REACH = 2.0  # Mpc/h: halos that are farther apart than this are not one and the same
SIGMA = 0.3  # Mpc/h, along an axis: what linear theory and the halo finder leave
TOLERANCE = 0.01  # of the displacements, to which the equations are solved
ITERATIONS = 100  # at most; some twenty do

Vectors = np.ndarray  # (m, 3) float64, Mpc/h


def change_towards_places(
    observed: Callable[[Halos], Halos],
    undecided: np.ndarray,
    cosmology: Cosmology,
    box_size: float,
    line_of_sight: int | None = None,
) -> Callable[[Halos], np.ndarray]:
    """simulated halos, with members -> the change of white noise, (n, n, n) float32, that moves them to the observed.

    observed : the halos of the data beside a simulated catalogue; line_of_sight : the axis along which redshifts have
    moved both, where linear displacements are 1 + f times as long
    undecided : S, (n, n, n//2+1), the variance of every mode that may change, 0 to 1; box_size : Mpc/h
    The change is zero where no two halos match. Raises DataError for halos without members.
    """
    n = len(undecided)
    response = _response(n, box_size, cosmology)
    waves = zip(fourier.wavenumbers(n, box_size), fourier.derivative_wavenumbers(n, box_size), strict=True)
    resolved = np.all(np.broadcast_arrays(*(k == odd for k, odd in waves)), axis=0)
    variance = np.where(resolved, undecided, 0).astype(np.float32)

    def change(simulated: Halos) -> np.ndarray:
        if simulated.members is None:
            raise DataError(
                "[recon.update] match_halos: the forward model's halos have no list of members, /halos/members_index"
            )
        data = observed(simulated)
        there, here = match_nearest(data.position, simulated.position, box_size)
        if not len(here):
            return np.zeros((n, n, n), np.float32)
        lacking = nearest_image(data.position[there].astype(np.float64) - simulated.position[here], box_size)
        a = 1 / (1 + simulated.redshift)
        lacking = lacking / growth_factor(a, cosmology.omega_m)
        along = list(response)
        if line_of_sight is not None:
            along[line_of_sight] = along[line_of_sight] * np.float32(1 + growth_rate(a, cosmology.omega_m))
        return most_probable_change(lacking, _protohalos(simulated.members, here, n**3), along, variance)

    return change


def match_nearest(one: np.ndarray, other: np.ndarray, box_size: float) -> tuple[np.ndarray, np.ndarray]:
    """Halos that are each other's nearest, no farther than REACH apart.

    one, other : (m, 3), (l, 3) positions, Mpc/h, periodic. Returns their rows in one and in other, of equal length.
    """
    if not len(one) or not len(other):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    places = [wrap(position, box_size).astype(np.float64) for position in (one, other)]
    trees = [cKDTree(place, boxsize=box_size) for place in places]
    distance, nearest = trees[1].query(places[0])
    _, back = trees[0].query(places[1])
    both = (back[nearest] == np.arange(len(one))) & (distance <= REACH)
    return np.flatnonzero(both), nearest[both]


def most_probable_change(
    lacking: Vectors, protohalos: tuple[np.ndarray, np.ndarray], response: list[np.ndarray], variance: np.ndarray
) -> np.ndarray:
    """S G^T (G S G^T + sigma^2)^-1 s: (n, n, n) float32 white noise.

    lacking : s, at a growth factor of 1; protohalos : particles by lattice number, halo by halo, and the first of each
    response : per axis, modes of white noise -> modes of the displacement; variance : S
    """
    particle, first = protohalos
    size = np.diff([*first, len(particle)])
    n = len(variance)

    def displacement(modes: np.ndarray) -> Vectors:
        psi = [fourier.inverse(modes * axis, n, overwrite=True).ravel()[particle] for axis in response]
        return np.stack([np.add.reduceat(one, first, dtype=np.float64) / size for one in psi], axis=1)

    def spread(forces: Vectors) -> np.ndarray:
        """S G^T, as modes."""
        share = np.repeat(forces / size[:, None], size, axis=0)
        grids = (np.bincount(particle, along, minlength=n**3).astype(np.float32).reshape(n, n, n) for along in share.T)
        return variance * sum(np.conj(axis) * fourier.forward(grid) for axis, grid in zip(response, grids, strict=True))

    def covariance(forces: np.ndarray) -> np.ndarray:
        vectors = forces.reshape(-1, 3)
        return (displacement(spread(vectors)) + SIGMA**2 * vectors).ravel()

    equations = LinearOperator((lacking.size, lacking.size), covariance, dtype=np.float64)
    forces, _ = cg(equations, lacking.ravel(), rtol=TOLERANCE, maxiter=ITERATIONS)
    return fourier.inverse(spread(forces.reshape(-1, 3)), n, overwrite=True)


def _response(n: int, box_size: float, cosmology: Cosmology) -> list[np.ndarray]:
    """sqrt(P n^3 / L^3) i k_a / k^2 for each axis: modes of white noise -> modes of the displacement, complex64."""
    k = wavenumber(n, box_size).astype(np.float64)
    k[0, 0, 0] = 1.0  # any number: the mean has no gradient
    potential = np.sqrt(linear_power(k, cosmology) * n**3 / box_size**3) / k**2
    return [(1j * along * potential).astype(np.complex64) for along in fourier.wavenumbers(n, box_size)]


def _protohalos(members: Members, halos: np.ndarray, particles: int) -> tuple[np.ndarray, np.ndarray]:
    """The particles of these halos, one halo after the other, and where each begins."""
    picked = members.pick(halos)
    particle = picked.index
    if particle.max() >= particles:
        raise DataError(
            f"[recon.update] match_halos: a halo has particle {particle.max()}, but [box] n gives {particles}"
        )
    return particle, picked.offset[:-1]
