"""Gaussian random fields whose modes belong to the seed, not to the grid.

White noise is drawn in Fourier space: the mode of integer wavevector (i, j, k) takes its number from a fixed place in
a random stream keyed by (seed, index, partner). Modes are visited in shells s = max(|i|, |j|, |k|), so that a finer
grid goes on where a coarser one ended: a 64^3 and a 128^3 grid of one box share every mode that both resolve. The
Nyquist planes of an even grid, which the finer grid resolves and the coarser one cannot, come from a stream of their
own for each n. Only uniform numbers of Philox are used, which numpy promises to keep; normals are made of them here.
"""

import numpy as np
from numpy.typing import NDArray

from lss.config import Cosmology
from lss.grid import fourier
from lss.physics.linear_power import linear_power

_NYQUIST, _PHASE = 1, 2  # what the streams beside the modes' own are for


def white_noise(
    seed: int,
    index: int,
    n: int,
    partner: int = 0,
    *,
    fixed: bool = False,
    inverted: bool = False,
    dimensions: int = 3,
) -> NDArray[np.float32]:
    """White noise of a member of an ensemble, N(0, 1) in every voxel.

    seed, index, partner : integers in [0, 2^32); any two triples give independent fields
    n : points per side
    fixed : every mode has its expected modulus, only phases are random (Angulo & Pontzen 2016)
    inverted : the opposite field (Pontzen et al. 2016), -x
    dimensions : 3, or 2; the numbers of one are not those of the other
    Returns (n, n, n) or (n, n) float32. Its modes agree with those of any other n to float rounding.
    Cost: 0.1 s at 128^3, and 12 n^3 bytes.
    """
    stream = _stream(seed, index, partner)
    fill_shell, fill_nyquist = (_fill_shell, _fill_nyquist_planes) if dimensions == 3 else (_fill_ring, _fill_nyquist)
    modes = np.zeros((*(n,) * (dimensions - 1), n // 2 + 1), dtype=np.complex64)
    modes[(0,) * dimensions] = np.sqrt(2) * _complex_normals(stream, 1)[0].real
    for shell in range(1, (n + 1) // 2):
        fill_shell(modes, shell, stream)
    if n % 2 == 0:
        fill_nyquist(modes, _stream(seed, index, partner, _NYQUIST, n))
    if fixed:
        modes /= np.abs(modes)
    scale = n ** (dimensions / 2)
    modes *= np.float32(-scale if inverted else scale)
    return fourier.inverse(modes, n, overwrite=True)


def partner_phase(seed: int, index: int, partner: int) -> float:
    """The angle phi, uniform in [0, 2 pi), that mixes a perturbed partner."""
    return float(2 * np.pi * _stream(seed, index, partner, _PHASE).random())


def perturbed_partner(
    noise: NDArray[np.float32], perturbation: NDArray[np.float32], phase: float
) -> NDArray[np.float32]:
    """x_b = x_a cos(phi) + eps sin(phi): white noise again, of which cos(phi) x_a is the part that is known.

    noise, perturbation : x_a and eps, white noise of one shape, float32
    Returns float32 of that shape; its variance is one because cos^2 + sin^2 is.
    Source: LULO Eq. 11.
    """
    return noise * np.float32(np.cos(phase)) + perturbation * np.float32(np.sin(phase))


def replace_large_scales(noise: NDArray[np.float32], large: NDArray[np.float32]) -> NDArray[np.float32]:
    """White noise with the modes of another grid where that grid has them: constrained resimulation.

    noise : (n, n, n) or (n, n) float32, the source of the modes that `large` does not resolve
    large : (m, m, m) or (m, m) float32 white noise of the same box; every mode below the coarser grid's Nyquist
        frequency is its own in the result, whether m is smaller or larger than n
    Returns float32 of the shape of noise.
    """
    n, m = len(noise), len(large)
    largest = (min(n, m) - 1) // 2
    k = np.arange(-largest, largest + 1)
    shared = np.ix_(*(k,) * (noise.ndim - 1), np.arange(largest + 1))
    modes = fourier.forward(noise)
    modes[shared] = fourier.forward(large)[shared] * np.float32((n / m) ** (noise.ndim / 2))
    return fourier.inverse(modes, n, overwrite=True)


def linear_overdensity(noise: NDArray[np.float32], cosmology: Cosmology, box_size: float) -> NDArray[np.float32]:
    """The linear overdensity at z = 0 that white noise stands for.

    noise : (n, n, n) float32
    box_size : L, Mpc/h
    Returns (n, n, n) float32 with expected spectrum P(k) and mean zero: each mode is multiplied by sqrt(P n^3 / L^3).
    """
    n = len(noise)
    power = linear_power(fourier.lattice_wavenumbers(n, box_size), cosmology)
    return _scale_modes(noise, np.sqrt(power * n**3 / box_size**3))


def white_noise_of(linear: NDArray[np.float32], cosmology: Cosmology, box_size: float) -> NDArray[np.float32]:
    """The white noise of a linear overdensity at z = 0: the inverse of `linear_overdensity`, except for the mean.

    The mean of the noise does not enter the overdensity; here it is zero.
    """
    n = len(linear)
    power = linear_power(fourier.lattice_wavenumbers(n, box_size), cosmology)
    scale = np.zeros_like(power)
    scale[1:] = np.sqrt(box_size**3 / (power[1:] * n**3))
    return _scale_modes(linear, scale)


def _scale_modes(field: NDArray[np.float32], scale: NDArray[np.float64]) -> NDArray[np.float32]:
    """Multiply every mode by scale[i^2 + j^2 + k^2]."""
    n = len(field)
    scale = scale.astype(np.float32)
    modes = fourier.forward(field)
    across = fourier.squared_indices((n, n))
    for plane, i2 in zip(modes, across[:, 0], strict=True):
        plane *= scale[i2 + across]
    return fourier.inverse(modes, n, overwrite=True)


def _stream(seed: int, index: int, partner: int, *purpose: int) -> np.random.Generator:
    sequence = np.random.SeedSequence([seed, index, partner], spawn_key=purpose)
    return np.random.Generator(np.random.Philox(sequence))


def _complex_normals(stream: np.random.Generator, count: int) -> NDArray[np.complex128]:
    """Complex normals of unit mean square, two words of the stream each (Box & Muller 1958)."""
    uniform = stream.random((count, 2))
    radius = np.sqrt(-np.log1p(-uniform[:, 0]))
    return radius * np.exp(2j * np.pi * uniform[:, 1])


def _fill_shell(modes: NDArray[np.complex64], s: int, stream: np.random.Generator) -> None:
    """Draw the 12 s^2 + 1 independent modes with max(|i|, |j|, |k|) = s, k >= 0.

    The order is part of what a seed means: the face k = s, the faces i = +-s, the faces j = +-s, and in the plane k = 0
    the half i = s or j = s, whose opposites are complex conjugates. Negative indices count from the end of an axis,
    which is where the transform keeps negative frequencies.
    """
    numbers = _complex_normals(stream, 12 * s**2 + 1)
    wide, narrow, above = np.arange(-s, s + 1), np.arange(-s + 1, s), np.arange(1, s)
    sides = np.array([-s, s])
    blocks = (wide, wide, np.array([s])), (sides, wide, above), (narrow, sides, above)
    start = 0
    for block in blocks:
        shape = tuple(len(axis) for axis in block)
        stop = start + shape[0] * shape[1] * shape[2]
        modes[np.ix_(*block)] = numbers[start:stop].reshape(shape)
        start = stop
    first, second = numbers[start : start + len(wide)], numbers[start + len(wide) :]
    modes[s, wide, 0], modes[-s, -wide, 0] = first, first.conj()
    modes[narrow, s, 0], modes[-narrow, -s, 0] = second, second.conj()


def _fill_nyquist_planes(modes: NDArray[np.complex64], stream: np.random.Generator) -> None:
    """Draw the planes where one frequency is n/2.

    On such a plane the modes of a real field are the transform of a real two-dimensional field, so white noise on n x n
    points gives them; where planes cross, the later one holds.
    """
    n = len(modes)
    planes = np.sqrt(2) * _complex_normals(stream, 3 * n**2 // 2).view(np.float64).reshape(3, n, n)
    across_x, across_y, across_z = np.fft.fft2(planes) / n
    modes[n // 2] = across_x[:, : n // 2 + 1]
    modes[:, n // 2] = across_y[:, : n // 2 + 1]
    modes[:, :, n // 2] = across_z


def _fill_ring(modes: NDArray[np.complex64], s: int, stream: np.random.Generator) -> None:
    """Draw the 4 s independent modes of the plane with max(|i|, |j|) = s, j >= 0, as `_fill_shell` does in space:
    the edge j = s, the edges i = +-s with 0 < j < s, and i = s at j = 0, whose opposite is its complex conjugate."""
    numbers = _complex_normals(stream, 4 * s)
    modes[np.arange(-s, s + 1), s] = numbers[: 2 * s + 1]
    modes[np.ix_(np.array([-s, s]), np.arange(1, s))] = numbers[2 * s + 1 : -1].reshape(2, s - 1)
    modes[s, 0], modes[-s, 0] = numbers[-1], numbers[-1].conj()


def _fill_nyquist(modes: NDArray[np.complex64], stream: np.random.Generator) -> None:
    """Draw the lines of the plane where one frequency is n/2, each the transform of real noise on n points."""
    n = len(modes)
    lines = np.sqrt(2) * _complex_normals(stream, n).view(np.float64).reshape(2, n)
    across_x, across_y = np.fft.fft(lines) / np.sqrt(n)
    modes[n // 2] = across_x[: n // 2 + 1]
    modes[:, n // 2] = across_y
