"""Cloud-in-cell painting and interpolation in torch, with gradients.

A particle at u (in cells) gives the eight grid points around it the shares prod_a (1 - |u_a - i_a|). The derivative of
a share by u_a is exact between grid points and jumps where the particle crosses one: the density is continuous, its
gradient is not, and a finite difference whose step carries particles across grid points measures the jump.

On a processor the sums are numba kernels in the order of the particles, one thread: the same bits every time. On a GPU
they are torch's, in a fixed order under `torch.use_deterministic_algorithms(True)`.
Source: Hockney & Eastwood 1988, section 5.3; adjoints written out from there.
"""

import itertools
import math
from typing import Any

import numpy as np
import torch

from lss.process.kernels import kernel

CHUNK = 1 << 23  # particles painted or interpolated at once on a GPU: bounds the memory for weights


def paint(u: torch.Tensor, n: int, weight: torch.Tensor | None = None) -> torch.Tensor:
    """Sum of the particles' weights on a periodic grid, differentiable by u.

    u : (3, m) float32 or float64, positions in cells, periodic in n; weight : (m,), one for every particle if not given
    Returns (n, n, n) of the dtype of u.
    """
    if weight is None:
        weight = u.new_ones(1)
    return _Paint.apply(u, weight, n)


def interpolate(field: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """A grid's value at the particles, with the weights of `paint`; differentiable by both.

    field : (n, n, n); u : (3, m) in cells, periodic
    Returns (m,).
    """
    return _Interpolate.apply(field, u)


def cloud(u: torch.Tensor, n: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The eight grid points of each particle (flat indices) and their shares; u : (m, 3) positions in cells."""
    low = torch.floor(u)
    far = u - low
    below = low.to(torch.int64)
    corners = []
    for corner in itertools.product((0, 1), repeat=3):
        i, j, k = (((below[:, axis] + step) % n) for axis, step in enumerate(corner))
        shares = [far[:, axis] if step else 1 - far[:, axis] for axis, step in enumerate(corner)]
        corners.append(((i * n + j) * n + k, math.prod(shares[1:], start=shares[0])))
    return corners


class _Paint(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: torch.Tensor, weight: torch.Tensor, n: int) -> torch.Tensor:
        ctx.save_for_backward(u, weight)
        return _painted(u.detach(), weight.detach(), n)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        u, weight = ctx.saved_tensors
        by_u = _slope(gradient.contiguous(), u, weight) if ctx.needs_input_grad[0] else None
        by_weight = _values(gradient.contiguous(), u) if ctx.needs_input_grad[1] else None
        return by_u, by_weight, None


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, field: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(field, u)
        return _values(field.detach().contiguous(), u.detach())

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        field, u = ctx.saved_tensors
        by_field = _painted(u, gradient, len(field)) if ctx.needs_input_grad[0] else None
        by_u = _slope(field.contiguous(), u, gradient.contiguous()) if ctx.needs_input_grad[1] else None
        return by_field, by_u


def _painted(u: torch.Tensor, weight: torch.Tensor, n: int) -> torch.Tensor:
    grid = u.new_zeros(n, n, n)
    if u.device.type == "cpu":
        _paint(u.contiguous().numpy(), weight.contiguous().numpy(), int(len(weight) > 1), grid.numpy())
        return grid
    each = weight.expand(u.shape[1])
    for some, share_of in zip(u.T.split(CHUNK), each.split(CHUNK), strict=True):
        for cell, share in cloud(some, n):
            grid.view(-1).index_add_(0, cell, share * share_of)
    return grid


def _values(field: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    value = u.new_zeros(u.shape[1])
    if u.device.type == "cpu":
        _gather(field.numpy(), u.contiguous().numpy(), value.numpy())
        return value
    flat, n = field.reshape(-1), len(field)
    for some, target in zip(u.T.split(CHUNK), value.split(CHUNK), strict=True):
        for cell, share in cloud(some, n):
            target.add_(flat[cell] * share)
    return value


def _slope(field: torch.Tensor, u: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """weight times the derivative of the interpolated field by u, (3, m)."""
    slope = torch.zeros_like(u, memory_format=torch.contiguous_format)
    if u.device.type == "cpu":
        _gather_slope(
            field.numpy(), u.contiguous().numpy(), weight.contiguous().numpy(), int(len(weight) > 1), slope.numpy()
        )
        return slope
    flat, n = field.reshape(-1), len(field)
    low = torch.floor(u)
    far, below = u - low, low.to(torch.int64)
    for corner in itertools.product((0, 1), repeat=3):
        i, j, k = (((below[axis] + step) % n) for axis, step in enumerate(corner))
        value = flat[(i * n + j) * n + k] * weight
        shares = [far[axis] if step else 1 - far[axis] for axis, step in enumerate(corner)]
        for axis, step in enumerate(corner):
            others = shares[(axis + 1) % 3] * shares[(axis + 2) % 3]
            slope[axis].add_(others * value, alpha=1.0 if step else -1.0)
    return slope


@kernel
def _below(x, n):
    """The grid point below a coordinate in cells, in [0, n), the next one, and the share of the latter."""
    low = np.floor(x)
    i = int(low)
    if i < 0 or i >= n:  # a division only where it is needed
        i %= n
    return i, i + 1 if i + 1 < n else 0, x - low


@kernel
def _paint(u, weight, weight_step, grid):
    n = grid.shape[0]
    one = u.dtype.type(1)
    for p in range(u.shape[1]):
        i, ii, dx = _below(u[0, p], n)
        j, jj, dy = _below(u[1, p], n)
        k, kk, dz = _below(u[2, p], n)
        w = weight[p * weight_step]
        a, b = w * (one - dx), w * dx
        tz = one - dz
        c = a * (one - dy)
        grid[i, j, k] += c * tz
        grid[i, j, kk] += c * dz
        c = a * dy
        grid[i, jj, k] += c * tz
        grid[i, jj, kk] += c * dz
        c = b * (one - dy)
        grid[ii, j, k] += c * tz
        grid[ii, j, kk] += c * dz
        c = b * dy
        grid[ii, jj, k] += c * tz
        grid[ii, jj, kk] += c * dz


@kernel
def _gather(field, u, value):
    n = field.shape[0]
    one = u.dtype.type(1)
    for p in range(u.shape[1]):
        i, ii, dx = _below(u[0, p], n)
        j, jj, dy = _below(u[1, p], n)
        k, kk, dz = _below(u[2, p], n)
        tx, ty, tz = one - dx, one - dy, one - dz
        near = (field[i, j, k] * tz + field[i, j, kk] * dz) * ty + (field[i, jj, k] * tz + field[i, jj, kk] * dz) * dy
        far = (field[ii, j, k] * tz + field[ii, j, kk] * dz) * ty + (
            field[ii, jj, k] * tz + field[ii, jj, kk] * dz
        ) * dy
        value[p] = near * tx + far * dx


@kernel
def _gather_slope(field, u, weight, weight_step, slope):
    n = field.shape[0]
    one = u.dtype.type(1)
    for p in range(u.shape[1]):
        i, ii, dx = _below(u[0, p], n)
        j, jj, dy = _below(u[1, p], n)
        k, kk, dz = _below(u[2, p], n)
        tx, ty, tz = one - dx, one - dy, one - dz
        w = weight[p * weight_step]
        f000, f001, f010, f011 = field[i, j, k], field[i, j, kk], field[i, jj, k], field[i, jj, kk]
        f100, f101, f110, f111 = field[ii, j, k], field[ii, j, kk], field[ii, jj, k], field[ii, jj, kk]
        f00, f01 = f000 * tz + f001 * dz, f010 * tz + f011 * dz
        f10, f11 = f100 * tz + f101 * dz, f110 * tz + f111 * dz
        slope[0, p] = w * ((f10 - f00) * ty + (f11 - f01) * dy)
        slope[1, p] = w * ((f01 - f00) * tx + (f11 - f10) * dx)
        slope[2, p] = w * (
            ((f001 - f000) * ty + (f011 - f010) * dy) * tx + ((f101 - f100) * ty + (f111 - f110) * dy) * dx
        )
