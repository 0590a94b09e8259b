"""What a network of Lagrangian bias is held against: functions of delta, laplacian and G2 at one radius.

one, linear, polynomial    coefficients by least squares: of the occupation of particles, of the halo field in NGP cells
                           as for the bins below, or of its modes up to k_max, every shell counting alike
least-squares              a non-negative constant in each bin of (delta, laplacian), by least squares on cells with
                           the constraint that its mean is one (Wu et al. 2023, section 3.1)
binned                     the mean occupation of the particles in each bin: labels, but no gradient and no network
"""

from collections.abc import Sequence

import numpy as np
import torch

from lss.grid import fourier, mesh
from lss.nets.bias_functions import TERMS, Bins, Polynomial
from lss.nets.checkpoint import Card
from lss_train.data.bias_universes import BiasUniverse
from lss_train.training.lagrangian_bias.cells import cells_of
from lss_train.training.lagrangian_bias.modes import ModeLoss

TERMS_OF = {"one": 1, "linear": 2, "polynomial": len(TERMS)}
DELTA_BINS, LAPLACIAN_BINS = 20, 5
TAIL = 2.5  # power of the share of particles above an edge of delta: the upper tail has bins of its own
LEAST_IN_BIN = 200  # particles above the highest edge


def fit_baseline(
    universes: Sequence[BiasUniverse], name: str, k_max: float, cell: float, fitted_on: str
) -> tuple[Polynomial | Bins, Card]:
    """The function of this name, and its architecture.

    k_max : h/Mpc; cell : Mpc/h; fitted_on : "labels", "cells" or "modes", of a polynomial
    """
    if name in TERMS_OF:
        terms = TERMS_OF[name]
        if fitted_on == "labels":
            polynomial = fit_on_labels(universes, terms)
        elif fitted_on == "cells":
            polynomial = fit_in_cells(universes, terms, cell)
        else:
            polynomial = fit_on_modes(universes, terms, k_max)
        return polynomial, {"kind": "polynomial", "terms": TERMS_OF[name]}
    bins = fit_binned(universes) if name == "binned" else fit_least_squares(universes, cell)
    delta, laplacian = bins.value.shape
    return bins, {"kind": "bins", "delta": delta, "laplacian": laplacian}


def fit_on_labels(universes: Sequence[BiasUniverse], terms: int) -> Polynomial:
    """Coefficients by least squares on the true occupation of every particle."""
    function = Polynomial(terms)
    matrix, vector = np.zeros((terms, terms)), np.zeros(terms)
    for universe in universes:
        values = function.terms(torch.from_numpy(universe.inputs)).numpy().astype(np.float64)
        matrix += values.T @ values
        vector += values.T @ universe.known_occupation
    function.coefficients.copy_(torch.from_numpy(np.linalg.solve(matrix, vector)))
    return function


def fit_in_cells(universes: Sequence[BiasUniverse], terms: int, cell: float) -> Polynomial:
    """Coefficients by least squares on NGP cells of about this side, Mpc/h."""
    function = Polynomial(terms)
    matrix, vector = np.zeros((terms, terms)), np.zeros(terms)
    for universe in universes:
        cells = cells_of(universe, max(1, round(universe.box_size / cell)), "ngp")
        values = function.terms(torch.from_numpy(universe.inputs)).numpy()[cells.particle]
        row = np.repeat(np.arange(len(cells.target)), np.diff(cells.offset))
        design = np.array([np.bincount(row, column, minlength=len(cells.target)) for column in values.T]).T
        design = design * float(cells.share[0])
        matrix += design.T @ design
        vector += design.T @ cells.target
    function.coefficients.copy_(torch.from_numpy(np.linalg.solve(matrix, vector)))
    return function


def fit_on_modes(universes: Sequence[BiasUniverse], terms: int, k_max: float) -> Polynomial:
    """Coefficients by least squares on the modes up to k_max (h/Mpc), every shell counting alike."""
    function = Polynomial(terms)
    matrix, vector = np.zeros((terms, terms)), np.zeros(terms)
    for universe in universes:
        loss = ModeLoss(universe, k_max)
        values = function.terms(torch.from_numpy(universe.inputs)).numpy()
        scale = np.float32(loss.n**3 / len(values))
        painted = [
            fourier.forward(mesh.paint(universe.position, loss.n, universe.box_size, "cic", column) * scale)
            for column in np.ascontiguousarray(values.T)
        ]
        for i, one in enumerate(painted):
            weighted = loss.weight * one.conj()
            vector[i] += np.sum((weighted * loss.halos).real, dtype=np.float64)
            matrix[i] += [np.sum((weighted * other).real, dtype=np.float64) for other in painted]
        # The mean of f is one: it holds the coefficient of 1, of which fluctuations alone say little.
        mean = values.mean(axis=0, dtype=np.float64)
        matrix += np.outer(mean, mean)
        vector += mean
    function.coefficients.copy_(torch.from_numpy(np.linalg.solve(matrix, vector)))
    return function


def fit_binned(universes: Sequence[BiasUniverse]) -> Bins:
    """The mean of the true occupation in each bin."""
    function = empty_bins(universes)
    total, count = np.zeros(function.value.numel()), np.zeros(function.value.numel())
    for universe in universes:
        numbers = function.bin_of(torch.from_numpy(universe.inputs)).numpy()
        total += np.bincount(numbers, universe.known_occupation, minlength=len(total))
        count += np.bincount(numbers, minlength=len(count))
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    function.value.copy_(torch.from_numpy(mean).reshape(function.value.shape))
    return function


def fit_least_squares(universes: Sequence[BiasUniverse], cell: float) -> Bins:
    """Non-negative least squares on NGP cells of about this side, Mpc/h."""
    from scipy.optimize import nnls

    function = empty_bins(universes)
    bins = function.value.numel()
    normal, vector, share = np.zeros((bins, bins)), np.zeros(bins), np.zeros(bins)
    for universe in universes:
        n = max(1, round(universe.box_size / cell))
        cells = cells_of(universe, n, "ngp")
        number = function.bin_of(torch.from_numpy(universe.inputs)).numpy()
        row = np.repeat(np.arange(n**3), np.diff(cells.offset))
        counts = np.bincount(row * bins + number[cells.particle], minlength=n**3 * bins)
        design = counts.reshape(n**3, bins) * float(cells.share[0])
        normal += design.T @ design
        vector += design.T @ cells.target
        share += design.mean(axis=0) / len(universes)
    # The constraint, as one more row that outweighs all cells.
    heavy = np.trace(normal)
    normal += heavy * np.outer(share, share)
    vector += heavy * share
    values, axes = np.linalg.eigh(normal)
    kept = values > 1e-12 * values[-1]
    root = np.sqrt(values[kept])[:, None] * axes[:, kept].T
    solution, _ = nnls(root, (axes[:, kept].T @ vector) / np.sqrt(values[kept]))
    function.value.copy_(torch.from_numpy(solution).reshape(function.value.shape))
    return function


def empty_bins(universes: Sequence[BiasUniverse]) -> Bins:
    """Bins with f = 1: edges of delta finer towards high densities, of the laplacian at its percentiles within each."""
    delta = np.concatenate([universe.inputs[:, 0] for universe in universes])
    laplacian = np.concatenate([universe.inputs[:, 1] for universe in universes])
    above = np.maximum((1 - np.arange(1, DELTA_BINS) / DELTA_BINS) ** TAIL, LEAST_IN_BIN / len(delta))
    edges = np.unique(np.quantile(delta, 1 - above).astype(np.float32))
    function = Bins(len(edges) + 1, LAPLACIAN_BINS)
    function.delta_edges.copy_(torch.from_numpy(edges))
    row = np.searchsorted(edges, delta)
    inner = np.arange(1, LAPLACIAN_BINS) / LAPLACIAN_BINS
    within = [np.quantile(laplacian[row == i], inner) for i in range(len(edges) + 1)]
    function.laplacian_edges.copy_(torch.from_numpy(np.array(within, np.float32)))
    return function
