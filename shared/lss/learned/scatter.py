"""How far the truth scatters about an estimate: little where halos mark a peak, much in the voids between them.

An estimate A = E[truth | catalogue] has a skewed distribution, the truth has not: what makes up the difference is that
the remainder, truth - A, is larger where A is low (at R = 4 Mpc/h by a factor of two between the lowest and the highest
tenth of A). A remainder of the same strength everywhere leaves realisations skewed, and the matter that grows from them
has too much power. Here the strength is measured, scale by scale, on universes that were kept back, and given to draws:

    s_i^2(A)    variance of truth - A, both smoothed with R_i, where the smoothed estimate is A;  R_1 < R_2 < ...
    bands       R_i to R_{i+1}: the difference of the two smoothed fields, of variance s_i^2 - s_{i+1}^2
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lss.grid.fourier import smooth

RADII = (1.0, 2.0, 4.0, 8.0)  # in units of the smoothing of the estimate
QUANTILES = 10
_LEAST = 0.05  # of a band's mean variance: differences of two measured variances may come out negative

Table = dict[str, Any]


def scatter_table(pairs: Sequence[tuple[np.ndarray, np.ndarray]], smoothing: float, box_size: float) -> Table:
    """Measure s_i(A) on pairs of truth and estimate.

    pairs : (n, n, n) float32 each, in one unit, both smoothed with a Gaussian of R = smoothing Mpc/h
    Returns radius (r,) in Mpc/h, estimate (r, q): the mean of each tenth of A, scatter (r, q): s_i there.
    """
    table: Table = {"radius": [], "estimate": [], "scatter": []}
    for factor in RADII:
        further = smoothing * np.sqrt(factor**2 - 1)
        smoothed = [[smooth(field, further, box_size).ravel() for field in pair] for pair in pairs]
        estimate = np.concatenate([a for _, a in smoothed])
        remainder = np.concatenate([truth - a for truth, a in smoothed])
        order = np.array_split(np.argsort(estimate, kind="stable"), QUANTILES)
        table["radius"].append(smoothing * factor)
        table["estimate"].append([_short(np.mean(estimate[tenth], dtype=np.float64)) for tenth in order])
        table["scatter"].append([_short(np.std(remainder[tenth], dtype=np.float64)) for tenth in order])
    return table


def modulate(remainder: np.ndarray, estimate: np.ndarray, table: Table, box_size: float) -> np.ndarray:
    """A homogeneous random field given the strength that the estimate calls for, scale by scale.

    remainder, estimate : (n, n, n) float32, linear overdensities without smoothing, in the unit of the table
    Returns (n, n, n) float32; where the estimate is distributed as it was when the table was made, every band keeps
    its variance. Scales below the first radius stay as they are.
    """
    radii = table["radius"]
    nodes, variance = np.asarray(table["estimate"]), np.asarray(table["scatter"]) ** 2
    smoothed = [smooth(remainder, radius, box_size) for radius in radii]
    result = remainder - smoothed[0]
    for i, radius in enumerate(radii):
        band, of_band = smoothed[i], variance[i]
        if i + 1 < len(radii):
            band = band - smoothed[i + 1]
            of_band = variance[i] - np.interp(nodes[i], nodes[i + 1], variance[i + 1])
        strength = np.sqrt(np.maximum(of_band / of_band.mean(), _LEAST))
        here = smooth(estimate, radius, box_size)
        result += band * np.interp(here, nodes[i], strength / np.sqrt(np.mean(strength**2))).astype(np.float32)
    return result


def _short(value: float) -> float:
    return float(f"{value:.4g}")
