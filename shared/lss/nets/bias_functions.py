"""Functions f(delta, laplacian, G2) that a trained network of Lagrangian bias is held against, called as it is.

Their inputs are the three operators at one radius, each in units of its expected rms.

    polynomial    sum of coefficients times 1, delta, delta^2, G2, laplacian; the first alone: f = 1, two: linear bias
    bins          a constant in each bin of delta and, within it, of the laplacian (Wu et al. 2023, section 3.1)
"""

from typing import ClassVar

import torch
from torch import nn

TERMS = ("1", "delta", "delta^2", "G2", "laplacian")


class Polynomial(nn.Module):
    """(m, 3) operators to (m,) f; coefficients : of the first `terms` of TERMS."""

    LARGEST: ClassVar = {"terms": len(TERMS)}
    coefficients: torch.Tensor

    def __init__(self, terms: int) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.zeros(terms))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.terms(x) @ self.coefficients

    def terms(self, x: torch.Tensor) -> torch.Tensor:
        """The value of every term, (m, terms)."""
        delta, laplacian, tidal = x[:, 0], x[:, 1], x[:, 2]
        values = (torch.ones_like(delta), delta, delta.square(), tidal, laplacian)
        return torch.stack(values[: len(self.coefficients)], dim=1)


class Bins(nn.Module):
    """(m, 3) operators to (m,) f, constant in every bin.

    delta_edges : (a - 1,) between the bins of delta; laplacian_edges : (a, b - 1) within each; value : (a, b)
    """

    LARGEST: ClassVar = {"delta": 4096, "laplacian": 4096}
    delta_edges: torch.Tensor
    laplacian_edges: torch.Tensor
    value: torch.Tensor

    def __init__(self, delta: int, laplacian: int) -> None:
        super().__init__()
        self.register_buffer("delta_edges", torch.zeros(delta - 1))
        self.register_buffer("laplacian_edges", torch.zeros(delta, laplacian - 1))
        self.register_buffer("value", torch.ones(delta, laplacian))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.value.flatten()[self.bin_of(x)]

    def bin_of(self, x: torch.Tensor) -> torch.Tensor:
        """The number of each particle's bin, (m,) int64, those of one delta in a row."""
        row = torch.bucketize(x[:, 0].contiguous(), self.delta_edges)
        column = (x[:, 1:2] > self.laplacian_edges[row]).sum(dim=1)
        return row * self.value.shape[1] + column
