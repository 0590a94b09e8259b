"""Functions of one number, tabulated: what a grid of voxels needs of a function that costs a thousand times more.

A table of R functions has its values at K even nodes; between them runs the cubic with the slopes of fourth-order
differences: continuous with its derivative, error h^4. Beyond the ends the function is held constant. The gradient is
exactly that of the interpolant, by the argument and by the values at the nodes.
"""

from dataclasses import dataclass
from typing import Any

import torch

from lss.process.kernels import kernel


@dataclass(frozen=True)
class Table:
    """values, slopes : (R, K), slopes per step; low : argument of the first node; step : between nodes."""

    values: torch.Tensor
    slopes: torch.Tensor
    low: float
    step: float

    def __call__(self, y: torch.Tensor, row: torch.Tensor | None = None) -> torch.Tensor:
        """The functions of these rows (all of row 0 if not given) at y; y and row : (m,). Returns (m,)."""
        if row is None:
            row = torch.zeros(1, dtype=torch.int64, device=y.device)
        if y.device.type == "cpu":
            return _Interpolate.apply(y, self.values, self.slopes, row, self.low, self.step)
        t = ((y - self.low) / self.step).clamp(0, self.values.shape[1] - 1 - 1e-4)
        k = t.to(torch.int64)
        u = t - k
        row = row.expand(len(y))
        f0, f1, s0, s1 = self.values[row, k], self.values[row, k + 1], self.slopes[row, k], self.slopes[row, k + 1]
        return f0 + u * (s0 + u * (3 * (f1 - f0) - 2 * s0 - s1 + u * (2 * (f0 - f1) + s0 + s1)))


def tabulate(values: torch.Tensor, low: float, step: float) -> Table:
    """The table of values (R, K) at low, low + step, ...; differentiable by the values."""
    inner = (8 * (values[:, 3:-1] - values[:, 1:-3]) - (values[:, 4:] - values[:, :-4])) / 12
    first, second = _end_slopes(values)
    last, before = _end_slopes(values.flip(1))
    columns = [first[:, None], second[:, None], inner, -before[:, None], -last[:, None]]
    return Table(values, torch.cat(columns, dim=1), low, step)


def nodes(low: float, high: float, count: int) -> torch.Tensor:
    """`count` even nodes from low to high, float64."""
    return torch.linspace(low, high, count, dtype=torch.float64)


def _end_slopes(f: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One-sided fourth-order slopes at the first two nodes, per step."""
    first = (-25 * f[:, 0] + 48 * f[:, 1] - 36 * f[:, 2] + 16 * f[:, 3] - 3 * f[:, 4]) / 12
    second = (-3 * f[:, 0] - 10 * f[:, 1] + 18 * f[:, 2] - 6 * f[:, 3] + f[:, 4]) / 12
    return first, second


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        y: torch.Tensor,
        values: torch.Tensor,
        slopes: torch.Tensor,
        row: torch.Tensor,
        low: float,
        step: float,
    ) -> torch.Tensor:
        result, derivative = torch.empty_like(y), torch.empty_like(y)
        _read(
            y.detach().numpy(),
            values.detach().numpy(),
            slopes.detach().numpy(),
            row.numpy(),
            low,
            step,
            result.numpy(),
            derivative.numpy(),
        )
        ctx.save_for_backward(y, values, row, derivative)
        ctx.low, ctx.step = low, step
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        y, values, row, derivative = ctx.saved_tensors
        by_y = gradient * derivative if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return by_y, None, None, None, None, None
        by_values, by_slopes = torch.zeros_like(values), torch.zeros_like(values)
        _spread(
            y.detach().numpy(),
            gradient.contiguous().numpy(),
            row.numpy(),
            ctx.low,
            ctx.step,
            by_values.numpy(),
            by_slopes.numpy(),
        )
        return by_y, by_values, by_slopes, None, None, None


@kernel
def _read(y, values, slopes, row, low, step, result, derivative):
    count, several = values.shape[1], len(row) > 1
    for p in range(len(y)):
        r = row[p] if several else row[0]
        t = (y[p] - low) / step
        if t != t:  # what is not a number stays so
            result[p] = t
            derivative[p] = t
            continue
        held = not 0.0 <= t < count - 1
        if held:
            t = 0.0 if not t > 0.0 else count - 1.0
        k = min(int(t), count - 2)
        u = t - k
        f0, f1, s0, s1 = values[r, k], values[r, k + 1], slopes[r, k], slopes[r, k + 1]
        c2, c3 = 3 * (f1 - f0) - 2 * s0 - s1, 2 * (f0 - f1) + s0 + s1
        result[p] = f0 + u * (s0 + u * (c2 + u * c3))
        derivative[p] = 0.0 if held else (s0 + u * (2 * c2 + u * 3 * c3)) / step


@kernel
def _spread(y, gradient, row, low, step, by_values, by_slopes):
    count, several = by_values.shape[1], len(row) > 1
    for p in range(len(y)):
        r = row[p] if several else row[0]
        t = (y[p] - low) / step
        if not 0.0 <= t < count - 1:
            t = 0.0 if not t > 0.0 else count - 1.0
        k = min(int(t), count - 2)
        u = t - k
        g = gradient[p]
        u2, u3 = u * u, u * u * u
        by_values[r, k] += g * (1 - 3 * u2 + 2 * u3)
        by_values[r, k + 1] += g * (3 * u2 - 2 * u3)
        by_slopes[r, k] += g * (u - 2 * u2 + u3)
        by_slopes[r, k + 1] += g * (u3 - u2)
