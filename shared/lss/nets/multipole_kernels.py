"""Convolution kernels that share their weights by distance and spherical harmonics.

    K_lm(r) = w_l(|r|) Y_lm(r / |r|)      real harmonics; l = 0: the centre too, Y_00 taken as 1
    C_lm(x) = sum over r of K_lm(r) f(x + r)                         periodic: no voxel lacks neighbours

A 3^3 kernel of l = 0 has four weights (centre, faces, edges, corners); of l > 0 three for each m that share them. C_00
is invariant under rotations of the grid; of l > 0 the sum over m of C_lm^2 is, not its terms.

The weights of a neural bias act on features that need no weights of their own:

    S_0r = mean of f over the shell of radius r                  S_lr = sqrt(sum over m of (mean of Y_lm f over it)^2)

Source: Charnock et al. 2020, section 3.1; harmonics from scipy's `sph_harm_y`, whose polar angle comes first.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lss.process.kernels import kernel

Array = NDArray[np.float64]


def real_harmonics(degree: int, direction: Array) -> Array:
    """Real orthonormal spherical harmonics Y_lm, m = -l .. l.

    direction : (k, 3) vectors, none zero; Returns (2 l + 1, k).
    """
    from scipy.special import sph_harm_y

    x, y, z = direction.T
    polar, azimuth = np.arctan2(np.hypot(x, y), z), np.arctan2(y, x)
    rows = []
    for m in range(-degree, degree + 1):
        value = sph_harm_y(degree, abs(m), polar, azimuth)
        part = value.imag if m < 0 else value.real
        rows.append(part if m == 0 else np.sqrt(2) * (-1) ** m * part)
    return np.array(rows)


def multipole_basis(size: int, degree: int) -> tuple[Array, Array]:
    """The kernels of each radius: what a weight w_l(r) multiplies.

    size : cells a side, odd; degree : l
    Returns radii (r,) in cells, ascending, and (r, 2 l + 1, size, size, size): Y_lm on the cells of that radius, 1 for
    l = 0.
    Raises ValueError for an even size. Distances are compared as integers: no rounding splits a shell.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"kernel size {size}: an odd number of cells is needed")
    reach = size // 2
    offset = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    distance2 = (offset**2).sum(axis=1)
    shells = np.unique(distance2) if degree == 0 else np.unique(distance2[distance2 > 0])
    basis = np.zeros((len(shells), 2 * degree + 1, len(offset)))
    for i, shell in enumerate(shells):
        cells = distance2 == shell
        basis[i][:, cells] = 1.0 if degree == 0 else real_harmonics(degree, offset[cells].astype(float))
    return np.sqrt(shells), basis.reshape(len(shells), 2 * degree + 1, size, size, size)


class MultipoleConvolution(torch.nn.Module):
    """Periodic convolution with K_lm for l = 0 .. l_max.

    forward : (n, n, n) -> list over l of (2 l + 1, n, n, n), the maps C_lm
    """

    def __init__(self, size: int = 3, l_max: int = 0) -> None:
        super().__init__()
        bases = [multipole_basis(size, degree)[1] for degree in range(l_max + 1)]
        for degree, basis in enumerate(bases):
            self.register_buffer(f"basis_{degree}", torch.from_numpy(basis))
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(len(basis))) for basis in bases])

    def forward(self, field: torch.Tensor) -> list[torch.Tensor]:
        maps = []
        for degree, weight in enumerate(self.weights):
            basis = self.get_buffer(f"basis_{degree}").to(field.dtype)
            kernels = torch.einsum("r,rmxyz->mxyz", weight.to(field.dtype), basis)
            maps.append(torch.stack([correlate(field, one) for one in kernels]))
        return maps


def invariants(maps: list[torch.Tensor]) -> torch.Tensor:
    """C_00, and sqrt(sum_m C_lm^2) of each l > 0, (l_max + 1, n, n, n): unchanged by rotations of the grid."""
    return torch.stack([maps[0][0]] + [torch.linalg.vector_norm(of_l, dim=0) for of_l in maps[1:]])


def shell_features(field: torch.Tensor, size: int = 3, l_max: int = 0) -> torch.Tensor:
    """The features S_0r and S_lr of a field.

    field : (n, n, n)
    Returns (features, n, n, n): l = 0 from the centre outwards, then l = 1, 2, ...
    """
    features = []
    for degree in range(l_max + 1):
        for shell in multipole_basis(size, degree)[1]:
            cells = np.count_nonzero(np.abs(shell).sum(axis=0))
            kernels = torch.from_numpy(shell / cells).to(field)
            maps = torch.stack([correlate(field, one) for one in kernels])
            features.append(maps[0] if degree == 0 else torch.linalg.vector_norm(maps, dim=0))
    return torch.stack(features)


def feature_count(size: int = 3, l_max: int = 0) -> int:
    """How many features `shell_features` makes: 4 of a 3^3 kernel with l = 0."""
    return sum(len(multipole_basis(size, degree)[0]) for degree in range(l_max + 1))


def correlate(field: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """sum over r of weights[r] f(x + r), periodic; differentiable by both.

    field : (n, n, n); weights : (s, s, s), s odd, centred
    """
    return _Correlate.apply(field, weights)


class _Correlate(torch.autograd.Function):
    """On a processor a kernel of its own: torch's convolution of one channel is ten times slower."""

    @staticmethod
    def forward(ctx: Any, field: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(field, weights)
        return _correlated(field.detach(), weights.detach())

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        field, weights = ctx.saved_tensors
        by_field = _correlated(gradient, weights.flip(0, 1, 2)) if ctx.needs_input_grad[0] else None
        return by_field, _products(field, gradient, weights) if ctx.needs_input_grad[1] else None


def _correlated(field: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    padded = _padded(field, len(weights) // 2)
    if field.device.type != "cpu":
        return torch.nn.functional.conv3d(padded[None, None], weights[None, None])[0, 0]
    result = torch.zeros_like(field, memory_format=torch.contiguous_format)
    _correlate_kernel(padded.contiguous().numpy(), weights.contiguous().numpy(), result.numpy())
    return result


def _products(field: torch.Tensor, gradient: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The derivative by the weights: sum over x of gradient(x) f(x + r)."""
    n, size = len(field), len(weights)
    padded = _padded(field, size // 2)
    result = torch.empty_like(weights)
    for a in range(size):
        for b in range(size):
            for c in range(size):
                result[a, b, c] = (padded[a : a + n, b : b + n, c : c + n] * gradient).sum()
    return result


def _padded(field: torch.Tensor, by: int) -> torch.Tensor:
    return torch.nn.functional.pad(field[None, None], (by,) * 6, mode="circular")[0, 0] if by else field


@kernel(fastmath={"contract"})
def _correlate_kernel(padded, weights, result):
    n, size = result.shape[0], weights.shape[0]
    for i in range(n):
        for j in range(n):
            row = result[i, j]
            for a in range(size):
                for b in range(size):
                    source = padded[i + a, j + b]
                    for c in range(size):
                        w = weights[a, b, c]
                        if w != 0:
                            for k in range(n):
                                row[k] += w * source[k + c]
