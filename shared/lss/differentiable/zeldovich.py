"""Hartley coefficients to the positions of first-order LPT, with the adjoint written out: what a chain does most.

The map is linear, u = q + A h: h to modes, modes times i k_a / k^2, three inverse transforms. Its adjoint is three
forward transforms of the gradient and the same factors back. One pass over the modes on each side takes the place of a
dozen operations of torch: half of the time at 32^3.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray

from lss.process.kernels import kernel


@dataclass(frozen=True)
class Zeldovich:
    """factors : (3, n, n, n//2+1), what the mode of h is multiplied with, over i, for a displacement in cells;
    lattice : (3, n^3) in cells, on a processor"""

    factors: torch.Tensor
    lattice: torch.Tensor

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """u in cells, (3, n^3); h : (n, n, n) on a processor."""
        return _Positions.apply(h, self.factors, self.lattice)


class _Positions(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: torch.Tensor, factors: torch.Tensor, lattice: torch.Tensor) -> torch.Tensor:
        ctx.factors = factors
        n = len(h)
        modes = np.empty(factors.shape, np.result_type(h.detach().numpy().dtype, np.complex64))
        _modes(h.detach().contiguous().numpy(), factors.numpy(), modes)
        result = lattice.clone()
        for axis in range(3):
            result[axis] += torch.from_numpy(scipy.fft.irfftn(modes[axis], s=(n, n, n), overwrite_x=True)).view(-1)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        n = ctx.factors.shape[1]
        modes = np.stack([_forward(component.view(n, n, n).numpy()) for component in gradient.contiguous()])
        result = torch.zeros(n, n, n, dtype=gradient.dtype)
        _adjoint(modes, ctx.factors.numpy(), result.numpy())
        return result, None, None


def _forward(field: NDArray[Any]) -> NDArray[Any]:
    return scipy.fft.rfftn(field)


@kernel
def _modes(h, factors, modes):
    """modes[a] = i factors[a] F with F = (h(k) + h(-k)) / 2 - i (h(k) - h(-k)) / 2."""
    n, half = h.shape[0], factors.shape[3]
    for i in range(n):
        ii = (n - i) % n
        for j in range(n):
            jj = (n - j) % n
            for k in range(half):
                one, other = h[i, j, k], h[ii, jj, (n - k) % n]
                re, im = (one + other) / 2, (other - one) / 2
                for a in range(3):
                    f = factors[a, i, j, k]
                    modes[a, i, j, k] = complex(-f * im, f * re)


@kernel
def _adjoint(modes, factors, result):
    """The transpose of `_modes` and of the inverse transforms, given the forward transforms of the gradient."""
    n, half = result.shape[0], factors.shape[3]
    count = n * n * n
    for i in range(n):
        ii = (n - i) % n
        for j in range(n):
            jj = (n - j) % n
            for k in range(half):
                re, im = modes.real.dtype.type(0), modes.real.dtype.type(0)
                for a in range(3):
                    f = factors[a, i, j, k]
                    re += f * modes[a, i, j, k].imag
                    im -= f * modes[a, i, j, k].real
                twice = 1 if k == 0 or 2 * k == n else 2
                re, im = re * twice / (2 * count), im * twice / (2 * count)
                result[i, j, k] += re - im
                result[ii, jj, (n - k) % n] += re + im
