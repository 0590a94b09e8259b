"""The physics of lss-sim, each as one number: used by the tests in tests/physics and by `python -m bench.gravity`."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.integrate import simpson

from bench.gravity.ewald import ewald_force
from lss.grid import fourier, mesh
from lss.grid.periodic import wrap
from lss.grid.spectra import Spectra, measure
from lss.physics.cosmology import growth_factor, growth_rate
from lss.physics.lpt import lpt_particles
from lss.physics.random_field import linear_overdensity, white_noise
from lss.physics.units import hubble_flow
from lss.process.kernels import kernel
from lss.universe import Particles
from lss_halo.finders.fof import friends_of_friends
from lss_sim.cells import cell_order, take
from lss_sim.config import Config
from lss_sim.factors import step_edges
from lss_sim.mesh_force import MeshForce, mesh_offset
from lss_sim.motion import columns, rows
from lss_sim.p3m import SCHEME
from lss_sim.pair_force import PairForce
from lss_sim.split import SPLINE_REACH, cloud_polynomial, cloud_transform, long_range_influence
from lss_sim.stage import integrator
from lss_sim.state import State

BANDS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0)  # h/Mpc
GROUP_SIZES = (32, 64, 128)


def configuration(n: int, box_size: float, sigma8: float = 0.834, **sim: Any) -> Config:
    """Defaults, but for what is named."""
    return Config.model_validate({"box": {"n": n, "size": box_size}, "cosmology": {"sigma8": sigma8}, "sim": sim})


def initial_particles(config: Config, seed: int = 1, redshift: float = 127.0) -> Particles:
    """2LPT particles of white noise drawn from a seed."""
    noise = white_noise(seed, 0, config.box.n)
    linear = linear_overdensity(noise, config.cosmology, config.box.size)
    return Particles(*lpt_particles(linear, config.box.size, config.cosmology.omega_m, redshift), redshift)


def states(start: Particles, config: Config, last: float = 1.0) -> Iterator[State]:
    """The state at the start and after every mesh step to the scale factor `last`."""
    state = State.of(start)
    mover = integrator(config)
    edges = step_edges(state.scale_factor, [last], config.sim.mesh_steps, mover.late)
    yield State.of(start)
    yield from mover.evolve(state, edges)


def evolved(start: Particles, config: Config, last: float = 1.0) -> Particles:
    """Particles at the scale factor `last`."""
    *_, state = states(start, config, last)
    return state.particles(1 / last - 1)


def compared(position: np.ndarray, reference: np.ndarray, n: int, box_size: float) -> Spectra:
    """Spectra of two sets of particles on a mesh of 4 per side, CIC window deconvolved."""
    fields = [mesh.overdensity(p, 4 * n, box_size) for p in (position, reference)]
    return measure(fields, box_size, ["cic", "cic"])


def band_ratios(spectra: Spectra) -> np.ndarray:
    """Power of the first set over that of the second in BANDS, modes weighted equally."""
    ratios = []
    for low, high in pairwise(BANDS):
        inside = (spectra.k >= low) & (spectra.k < high)
        total = (spectra.power[:, :, inside] * spectra.n_modes[inside]).sum(axis=-1)
        ratios.append(total[0, 0] / total[1, 1])
    return np.array(ratios)


def largest_error(ratios: np.ndarray, k_max: float) -> float:
    """Largest |ratio - 1| in the bands that end at k_max or before."""
    return float(np.abs(ratios[np.array(BANDS[1:]) <= k_max] - 1).max())


def mass_function_error(position: np.ndarray, reference: np.ndarray, n: int, box_size: float) -> float:
    """Largest |ratio - 1| of the numbers of FoF groups (b = 0.2) of at least GROUP_SIZES particles."""
    counts = []
    for p in (position, reference):
        size = friends_of_friends(p, box_size, 0.2 * box_size / n, min(GROUP_SIZES)).size
        counts.append(np.array([np.count_nonzero(size >= least) for least in GROUP_SIZES]))
    return float(np.abs(counts[0] / counts[1] - 1).max())


def force_errors(position: np.ndarray, config: Config, targets: int = 1000, seed: int = 1) -> tuple[float, float]:
    """Median and 99th percentile of the error of the force, in units of the rms force, against Ewald's sum.

    position : (n^3, 3) float32, a clustered snapshot; targets : how many particles are looked at
    """
    sim, n, box_size = config.sim, config.box.n, config.box.size
    chosen = np.random.default_rng(seed).choice(n**3, targets, replace=False)
    exact = ewald_force(position, chosen, box_size, SPLINE_REACH * sim.softening)
    reach = sim.reach * box_size / n
    order, cells = cell_order(position, box_size, reach)
    place = take(position, order)
    influence = long_range_influence(sim.mesh * n, box_size, reach, SCHEME)
    far = MeshForce(sim.mesh * n, box_size, SCHEME, influence)(place, mesh_offset(seed, 0))
    near = np.zeros((4, n**3), np.float32)
    pair_force = PairForce(box_size, reach, sim.softening, box_size**3 / (4 * np.pi * n**3))
    across = columns(place)
    pair_force(across, cells, np.zeros(n**3, np.uint8), 0, cells.enclose(across), near)
    force = np.empty_like(place)
    force[order] = far + rows(near[:3])
    error = np.linalg.norm(force[chosen] - exact, axis=1) / np.sqrt(np.mean((exact**2).sum(axis=1)))
    return float(np.median(error)), float(np.quantile(error, 0.99))


def pancake_error(config: Config, reached: float = 0.9) -> float:
    """Rms error of the displacements of a plane wave, over their rms, when D is `reached` of that at shell crossing.

    Exact in one dimension until sheets cross: x = q - D/D_c sin(k q) / k (Zel'dovich 1970); crossing is at z = 1.
    """
    n, box_size, omega_m = config.box.n, config.box.size, config.cosmology.omega_m
    k = 2 * np.pi / box_size
    q = np.arange(n) * box_size / n
    wave = -np.sin(k * q) / k / float(growth_factor(0.5, omega_m))
    a0 = 1 / 128
    d0 = float(growth_factor(a0, omega_m))
    lattice = np.stack(np.meshgrid(q, q, q, indexing="ij"), axis=-1).reshape(-1, 3)
    moved = np.zeros_like(lattice)
    moved[:, 0] = np.repeat(wave, n * n)
    position = wrap(lattice + d0 * moved, box_size)
    speed = hubble_flow(a0, omega_m) * float(growth_rate(a0, omega_m)) * d0
    start = Particles(position, (speed * moved).astype(np.float32), 1 / a0 - 1)
    scale_factors = np.linspace(0.3, 0.5, 2001)
    last = float(np.interp(reached * growth_factor(0.5, omega_m), growth_factor(scale_factors, omega_m), scale_factors))
    end = evolved(start, config, last)
    displacement = end.position - lattice
    displacement -= box_size * np.round(displacement / box_size)
    exact = float(growth_factor(last, omega_m)) * moved
    return float(np.sqrt(np.mean((displacement - exact) ** 2) / np.mean(exact**2)))


def growth_error(n: int, box_size: float, **sim: Any) -> float:
    """|growth / linear growth - 1| of the lowest shell from z = 127 to 0, with sigma8 a hundredth of the usual."""
    config = configuration(n, box_size, sigma8=0.00834, **sim)
    start = initial_particles(config)
    end = evolved(start, config)
    amplitude = [_lowest_shell(p.position, n, box_size) for p in (start, end)]
    expected = 1 / float(growth_factor(1 / 128, config.cosmology.omega_m))
    return abs(amplitude[1] / amplitude[0] / expected - 1)


def _lowest_shell(position: np.ndarray, n: int, box_size: float) -> float:
    """Rms of -div(displacement) in the lowest shell of wavenumbers."""
    q = np.arange(n) * box_size / n
    modes: Any = 0
    for axis, k in enumerate(fourier.wavenumbers(n, box_size)):
        shape = [1, 1, 1]
        shape[axis] = n
        d = position[:, axis].reshape(n, n, n).astype(np.float64) - q.reshape(shape)
        d -= box_size * np.round(d / box_size)
        modes = modes + k * fourier.forward(d)
    kx, ky, kz = fourier.wavenumbers(n, box_size)
    length = np.sqrt(kx**2 + ky**2 + kz**2) * box_size / (2 * np.pi)
    return float(np.sqrt(np.mean(np.abs(modes[(length > 0) & (length < 1.5)]) ** 2)))


def conservation_errors(config: Config, seed: int = 1) -> tuple[float, float]:
    """Errors of energy and momentum over a run from z = 127 to 0.

    Energy: of the Layzer-Irvine equation d[a (T + W)] / da = -T from z = 9, over the change of a W; T and W are kinetic
    and potential energy of peculiar motion, W that of the softened particles. Momentum: largest change of the sum, per
    particle, over the rms momentum at the end.
    Source: Peebles 1980, section 24.
    """
    omega_m = config.cosmology.omega_m
    times, kinetic, sums = [], [], []
    first, last = None, None
    for state in states(initial_particles(config, seed), config):
        sums.append(state.momentum.mean(axis=0, dtype=np.float64))
        if state.redshift > 9:
            continue
        p2 = np.sum(np.square(state.momentum, dtype=np.float64))
        times.append(state.scale_factor)
        kinetic.append(0.5 * p2 / state.scale_factor**2)
        if first is None:
            first = _potential(state.position, config)
        last = state
    assert last is not None
    assert first is not None
    rms = float(np.sqrt(3 * np.mean(np.square(last.momentum, dtype=np.float64))))
    strength = 1.5 * omega_m  # a W is this times the sum over particles of phi / 2, lap phi = delta
    a_t = np.array(times) * kinetic
    change = a_t[-1] - a_t[0] + strength * (_potential(last.position, config) - first)
    work = simpson(a_t, x=np.log(times))  # of T da
    scale = strength * (_potential(last.position, config) - first)
    return abs((change + work) / scale), float(np.abs(np.array(sums) - sums[0]).max() / rms)


def _potential(position: np.ndarray, config: Config) -> float:
    """Half the sum over particles of phi with lap phi = delta and Gadget's spline, up to a constant, in (Mpc/h)^2."""
    n, box_size, reach = config.box.n, config.box.size, 3 * config.box.size / config.box.n
    grid = 5 * n
    modes = fourier.forward(mesh.overdensity(position, grid, box_size, "pcs"))
    window = mesh.window(grid, "pcs")
    for factor in window:
        modes /= factor.astype(np.float32)
    kx, ky, kz = fourier.wavenumbers(grid, box_size)
    power = np.abs(modes) ** 2 * fourier.half_space_weights(grid)
    far = 0.0
    for i in range(grid):
        k2 = (kx[i] ** 2 + ky**2 + kz**2)[0]
        k2[k2 == 0] = np.inf
        far -= float(np.sum(power[i] * cloud_transform(np.sqrt(np.minimum(k2, 1e6)) * reach) / k2))
    far *= 0.5 * n**3 / float(grid) ** 6
    strength = box_size**3 / (4 * np.pi * n**3)
    places = np.linspace(0, np.sqrt(reach), 20_001) ** 2  # closer where the potential is steep
    table = _pair_potential(places, reach, SPLINE_REACH * config.sim.softening)
    return far - strength * _sum_over_pairs(position.astype(np.float64), box_size, reach, table)


@kernel
def _sum_over_pairs(x, box, reach, table):
    """Sum over all pairs closer than `reach` of a function tabulated at equal steps of sqrt(r)."""
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            r2 = 0.0
            for axis in range(3):
                d = abs(x[i, axis] - x[j, axis])
                d = min(d, box - d)
                r2 += d * d
            if r2 < reach * reach:
                place = np.sqrt(np.sqrt(r2) / reach) * (len(table) - 1)
                k = int(place)
                total += table[k] + (place - k) * (table[k + 1] - table[k])
    return total


def _pair_potential(r: np.ndarray, reach: float, h: float) -> np.ndarray:
    """Work against the short-range force from r to the reach, for unit strength."""
    fine = np.concatenate([[0.0], np.geomspace(1e-5 * reach, reach, 200_000)])
    u = np.maximum(fine / h, 1e-9)
    inner = 32 / 3 + u**2 * (32 * u - 38.4)
    outer = 64 / 3 - 48 * u + 38.4 * u**2 - 32 / 3 * u**3 - 1 / (15 * u**3)
    force = np.where(u < 0.5, inner, np.where(u < 1, outer, 1 / u**3)) / h**3
    force = (force - np.polyval(cloud_polynomial(reach)[::-1], fine**2)) * fine
    steps = 0.5 * (force[1:] + force[:-1]) * np.diff(fine)
    work = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
    return np.interp(r, fine, work)
