"""A fitted bias held against the catalogue: masses in bins of density, and classical biases."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lss.learned.bias_fit import maximise
from lss.learned.local_bias import KINDS, Kind, LocalBias
from lss.learned.neural_bias import Catalogue, Likelihood, NeuralBias, log_likelihood

LEAST_EXPECTED = 5.0  # halos in a bin that chi^2 counts
STARTS = 3  # of a rival's fit

Data = list[tuple[torch.Tensor, Catalogue]]
"""rho / mean (n, n, n) float64 and the halos in it, for each universe."""


@dataclass(frozen=True)
class MassDistribution:
    """n(M | density): halos in bins of the voxel's density and of mass.

    density_edges : (d + 1,) rho / mean; mass_edges : (m + 1,) Msun/h; observed, expected : (d, m) halos; volume : (d,)
    (Mpc/h)^3 of the voxels in each bin of density
    """

    density_edges: NDArray[np.float64]
    mass_edges: NDArray[np.float64]
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    volume: NDArray[np.float64]

    @property
    def chi2(self) -> float:
        """chi^2 per bin with at least LEAST_EXPECTED halos expected, with Poisson errors."""
        counted = self.expected >= LEAST_EXPECTED
        terms = (self.observed - self.expected) ** 2 / np.where(counted, self.expected, 1.0)
        return float(terms[counted].mean())


def mass_distribution(
    bias: NeuralBias, theta: torch.Tensor, data: Data, density_bins: int = 5, mass_bins: int = 8
) -> MassDistribution:
    """Observed and expected halos in quantiles of density that hold equal numbers of halos, and even bins of ln M."""
    at_halos = torch.cat([density.view(-1)[halos.voxel] for density, halos in data]).numpy()
    inner = np.quantile(at_halos, np.linspace(0, 1, density_bins + 1)[1:-1])
    density_edges = np.array([0.0, *inner, np.inf])
    largest = max(float(halos.ln_mass.max()) for _, halos in data)
    ln_edges = np.linspace(bias.head.ln_threshold, largest + 1e-9, mass_bins + 1)
    observed, expected = np.zeros((density_bins, mass_bins)), np.zeros((density_bins, mass_bins))
    volume = np.zeros(density_bins)
    for density, halos in data:
        flat = density.view(-1)
        row = np.digitize(flat.numpy(), density_edges) - 1
        column = np.clip(np.digitize(halos.ln_mass.numpy(), ln_edges) - 1, 0, mass_bins - 1)
        np.add.at(observed, (row[halos.voxel.numpy()], column), 1)
        with torch.no_grad():
            mixture = bias.mixture(bias.argument_of_density(density, theta), theta)
            above = torch.stack([mixture.above(float(edge)) for edge in ln_edges[:-1]] + [torch.zeros_like(flat)])
        per_bin = (above[:-1] - above[1:]).numpy() * bias.voxel**3
        seen = 1.0 if halos.exposure is None else halos.exposure.numpy()
        for b in range(density_bins):
            expected[b] += (per_bin * seen)[:, row == b].sum(axis=1)
            volume[b] += np.sum((row == b) * seen) * bias.voxel**3
    return MassDistribution(density_edges, np.exp(ln_edges), observed, expected, volume)


def total_likelihood(bias: NeuralBias, theta: torch.Tensor, data: Data) -> Likelihood:
    """ln L of all universes, counts and masses."""
    with torch.no_grad():
        parts = [log_likelihood(bias, theta, bias.argument_of_density(d, theta), halos) for d, halos in data]
    return Likelihood(sum(p.counts for p in parts), sum(p.masses for p in parts))  # type: ignore[arg-type]


def rival(kind: Kind, like: NeuralBias, data: Data) -> tuple[LocalBias, torch.Tensor]:
    """A classical bias at its maximum likelihood on the same catalogues."""
    head = like.head
    model = LocalBias(kind, head.ln_threshold, head.mean_density, like.voxel, like.log_floor, head.sigma_floor)
    starts = 0.5 * np.random.default_rng(1).standard_normal((STARTS, model.parameters))
    starts[:, 1] += 1.5
    if kind == "neyrinck+":  # begin where the smaller model ends, which it contains
        starts[0] = np.append(rival("neyrinck", like, data)[1].numpy(), 0.0)
    return model, maximise(lambda theta: _sum(model, theta, data).total, starts).theta


def _sum(model: LocalBias, theta: torch.Tensor, data: Data) -> Likelihood:
    parts = [model.log_likelihood(theta, density, halos) for density, halos in data]
    return Likelihood(sum(p.counts for p in parts), sum(p.masses for p in parts))  # type: ignore[arg-type]


def likelihood_ratios(bias: NeuralBias, theta: torch.Tensor, data: Data) -> dict[str, dict[str, float]]:
    """ln L of the neural bias less that of each rival at its maximum: "counts" alone, and "total"."""
    ours = total_likelihood(bias, theta, data)
    table: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        theirs = _sum(*rival(kind, bias, data), data)
        table[kind] = {
            "counts": float(ours.counts - theirs.counts),
            "total": float(ours.total - theirs.total),
        }
    return table
