"""The neural bias: how many halos of which mass a density field has.

    x = ln(rho / mean + floor)                           the floor: a few percent of LPT's voxels are exactly empty
    y = b + sum_f w_f (S_f(x) - mean_f) / std_f          S_f: shell features of a multipole kernel
    psi = softplus(y)                                    the neural physical engine
    n(ln M | psi) = sum_i alpha_i N(ln M; mu_i, sigma_i)  `lss.nets.mixture_density`

and for a catalogue {ln M_j} in voxels of volume V the Poisson point process

    ln L = sum_j ln n(ln M_j | psi_j) - V sum_voxels Lambda(psi)          Lambda: the integral of n above the threshold

In the "paper" coordinates features are sums over shells, not standardised, and the prior is N(0, 10^2) on every
parameter; in "scaled" ones N(0, 2^2). With scatter = "com-poisson" the counts of a voxel of intensity a = V Lambda are
P(N) = a^N / (N!)^nu / Z(a, nu), narrower than Poisson for nu > 1, wider for nu < 1, and ln nu is one more parameter.
Source: Charnock et al. 2020, sections 2-3; Shmueli et al. 2005 (Conway-Maxwell-Poisson).
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import softplus

from lss.errors import DataError
from lss.learned.tabulated import Table, nodes, tabulate
from lss.nets.mixture_density import Coordinates, Mixture, MixtureDensity
from lss.nets.multipole_kernels import correlate, feature_count, multipole_basis, shell_features

Scatter = Literal["poisson", "com-poisson"]
PRIOR_WIDTH = {"paper": 10.0, "scaled": 2.0}
MOST_IN_VOXEL = 80  # terms of Z(a, nu)
NODES = 768  # of a table over y


@dataclass(frozen=True)
class Catalogue:
    """Halos above the threshold as the likelihood sees them.

    voxel : (m,) int64, flat index of the nearest grid point; ln_mass : (m,) float64, ln(Msun/h)
    exposure : (n^3,) share of the halos that are seen in each voxel; None: all
    """

    voxel: torch.Tensor
    ln_mass: torch.Tensor
    exposure: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.voxel)

    def counts(self, voxels: int) -> torch.Tensor:
        """Halos per voxel, (voxels,) int64."""
        return torch.bincount(self.voxel, minlength=voxels)


def catalogue(
    position: NDArray[Any],
    mass: NDArray[Any],
    n: int,
    box_size: float,
    threshold: float,
    exposure: NDArray[Any] | None = None,
    *,
    particle_mass: float = 0.0,
    seed: int = 0,
) -> Catalogue:
    """The halos of at least `threshold` in voxels centred on the points of an n-grid.

    position : (m, 3) Mpc/h; mass : (m,) Msun/h; exposure : (n, n, n) in [0, 1]
    particle_mass : Msun/h; masses that are whole numbers of particles are spread over one particle, uniformly, by a
        stream of `seed`: the likelihood of a density has no bound at discrete masses
    Raises DataError if no halo is above the threshold, or one lies outside the box or where nothing is seen.
    """
    position, mass = np.asarray(position, np.float64), np.asarray(mass, np.float64)
    if not np.isfinite(position).all() or not np.isfinite(mass).all():
        raise DataError("the catalogue's positions and masses are not all finite")
    outside = ((position < 0) | (position > box_size)).any(axis=1)
    if outside.any():
        raise DataError(f"{outside.sum()} of {len(mass)} halos lie outside the box of {box_size:g} Mpc/h")
    mass = mass + particle_mass * np.random.default_rng(seed).random(len(mass))
    chosen = mass >= threshold
    if not chosen.any():
        largest = f"; the largest has {mass.max():.4g}" if len(mass) else ""
        raise DataError(f"no halo of {len(mass)} is above the threshold of {threshold:.4g} Msun/h{largest}")
    cell = np.rint(position[chosen] * (n / box_size)).astype(np.int64) % n
    voxel = (cell[:, 0] * n + cell[:, 1]) * n + cell[:, 2]
    seen = None
    if exposure is not None:
        seen = torch.from_numpy(np.asarray(exposure, np.float64).reshape(-1))
        hidden = int((seen[voxel] <= 0).sum())
        if hidden:
            raise DataError(f"{hidden} of {len(voxel)} halos lie where the mask is zero")
    return Catalogue(torch.from_numpy(voxel), torch.from_numpy(np.log(mass[chosen])), seen)


@dataclass(frozen=True)
class NeuralBias:
    """The model without its parameters theta.

    head : the mixture; voxel : side of the voxels it was made for, Mpc/h; size, l_max : of the kernel
    feature_mean, feature_std : of the features of ln(rho + floor), zeros and ones in the paper's coordinates
    """

    head: MixtureDensity
    voxel: float
    feature_mean: tuple[float, ...]
    feature_std: tuple[float, ...]
    size: int = 3
    l_max: int = 0
    log_floor: float = 0.05
    scatter: Scatter = "poisson"
    prior_width: float = 2.0

    @property
    def features(self) -> int:
        return len(self.feature_mean)

    @property
    def parameters(self) -> int:
        """Length of theta: 17 for a 3^3 kernel with l = 0 and two Gaussians."""
        return self.features + 1 + self.head.parameters + (self.scatter == "com-poisson")

    def names(self) -> list[str]:
        """The parameters' names in the order of theta."""
        engine = [f"w_psi{i}" for i in range(self.features)] + ["b_psi"]
        return engine + self.head.names() + (["ln_nu"] if self.scatter == "com-poisson" else [])

    def log_prior(self, theta: torch.Tensor) -> torch.Tensor:
        """ln of the prior N(0, prior_width^2), without its constant."""
        return -0.5 * ((theta / self.prior_width) ** 2).sum()

    def log_density_field(self, density: torch.Tensor) -> torch.Tensor:
        """x of rho / mean, (n, n, n)."""
        return torch.log(density + self.log_floor)

    def standardised(self, density: torch.Tensor) -> torch.Tensor:
        """The features of rho / mean (n, n, n), (features, n^3)."""
        raw = shell_features(self.log_density_field(density), self.size, self.l_max).view(self.features, -1)
        return (raw - raw.new_tensor(self.feature_mean)[:, None]) / raw.new_tensor(self.feature_std)[:, None]

    def argument(self, features: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        """y of standardised features (features, m), (m,)."""
        return theta[: self.features] @ features + theta[self.features]

    def argument_of_density(self, density: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        """y of rho / mean, (n^3,): for l = 0 one convolution."""
        if self.l_max:
            return self.argument(self.standardised(density), theta)
        weights = theta[: self.features] / theta.new_tensor(self.feature_std)
        shift = theta[self.features] - (weights * weights.new_tensor(self.feature_mean)).sum()
        shells = torch.from_numpy(multipole_basis(self.size, 0)[1][:, 0]).to(theta)
        cells = shells.sum(dim=(1, 2, 3))
        stencil = torch.einsum("r,rxyz->xyz", weights / cells, shells).to(density.dtype)
        return correlate(self.log_density_field(density), stencil).view(-1) + shift.to(density.dtype)

    def mixture(self, y: torch.Tensor, theta: torch.Tensor) -> Mixture:
        """The mass distribution at y."""
        start = self.features + 1
        return self.head(softplus(y), theta[start : start + self.head.parameters])

    def nu(self, theta: torch.Tensor) -> torch.Tensor | None:
        """The width of the counts, None for Poisson."""
        return torch.exp(theta[-1]) if self.scatter == "com-poisson" else None

    def range_of(self, y: torch.Tensor) -> tuple[float, float]:
        """The interval of y that a table has to cover."""
        low, high = float(y.min()), float(y.max())
        margin = 0.02 * (high - low) + 1e-3
        return low - margin, high + margin

    def expected(self, y: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        """Expected halos per voxel at y, without exposure."""
        intensity = self.mixture(y, theta).above(self.head.ln_threshold) * self.voxel**3
        nu = self.nu(theta)
        return intensity if nu is None else com_poisson_mean(intensity, nu)


def unfitted(
    density: torch.Tensor | None,
    threshold: float,
    mean_density: float,
    voxel: float,
    *,
    gaussians: int = 2,
    size: int = 3,
    l_max: int = 0,
    coordinates: Coordinates = "scaled",
    scatter: Scatter = "poisson",
    log_floor: float = 0.05,
    sigma_floor: float = 0.05,
    prior_width: float | None = None,
) -> NeuralBias:
    """The model for fields like `density`, whose features are standardised in the scaled coordinates.

    density : (n, n, n) rho / mean; mean_density : of halos above the threshold, (Mpc/h)^-3; voxel : Mpc/h
    """
    count = feature_count(size, l_max)
    head = MixtureDensity(gaussians, math.log(threshold), mean_density, sigma_floor, coordinates)
    bias = NeuralBias(
        head,
        voxel,
        (0.0,) * count,
        (1.0,) * count,
        size,
        l_max,
        log_floor,
        scatter,
        prior_width or PRIOR_WIDTH[coordinates],
    )
    if coordinates == "paper":  # sums over shells: a mean over r cells is a sum divided by r
        cells = [np.count_nonzero(shell[0]) for shell in multipole_basis(size, 0)[1]]
        std = [1 / number for number in cells] + [1.0] * (count - len(cells))
        return replace(bias, feature_std=tuple(std))
    if density is None:
        raise ValueError("the scaled coordinates need a density field")
    raw = bias.standardised(density.double())
    return replace(
        bias,
        feature_mean=tuple(float(v) for v in raw.mean(dim=1)),
        feature_std=tuple(float(v) for v in raw.std(dim=1)),
    )


@dataclass(frozen=True)
class Likelihood:
    """ln L = sum_j halos - voxels, in its two parts: counts, and masses given the counts (normalised)."""

    counts: torch.Tensor
    masses: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        return self.counts + self.masses


def log_likelihood(
    bias: NeuralBias, theta: torch.Tensor, y: torch.Tensor, halos: Catalogue, table_nodes: int = NODES
) -> Likelihood:
    """ln L of a catalogue at y (n^3,) float64, differentiable by theta and y; constants of the counts left out.

    table_nodes : voxels' terms from a table of y with so many nodes; 0: each voxel for itself
    """
    if table_nodes:
        low, high = bias.range_of(y.detach())
        grid = nodes(low, high, table_nodes).to(y.device)
        values = _voxel_term(bias, theta, grid)[None]
        table = tabulate(values, low, (high - low) / (table_nodes - 1))
        per_voxel = table(y)
    else:
        per_voxel = _voxel_term(bias, theta, y)
    if halos.exposure is not None:
        per_voxel = per_voxel * halos.exposure
    at = bias.mixture(y[halos.voxel], theta)
    log_expected = at.log_above(bias.head.ln_threshold)
    per_halo = log_expected + 3 * math.log(bias.voxel)
    counts = per_halo.sum() - per_voxel.sum() + _constant(bias, theta, halos, len(y))
    masses = (at.log_density(halos.ln_mass) - log_expected).sum()
    return Likelihood(counts, masses)


@dataclass(frozen=True)
class FixedBias:
    """ln L of a catalogue as a function of the density alone, from tables made once.

    voxels : the voxels' term of y; halos : ln n(ln M_j | y) of each halo; constant : what does not depend on y
    """

    bias: NeuralBias
    theta: torch.Tensor
    catalogue: Catalogue
    voxels: Table
    halos: Table
    rows: torch.Tensor
    constant: float

    def __call__(self, density: torch.Tensor) -> torch.Tensor:
        """ln L of rho / mean (n, n, n), a float64 number."""
        y = self.bias.argument_of_density(density, self.theta)
        per_voxel = self.voxels(y)
        if self.catalogue.exposure is not None:
            per_voxel = per_voxel * self.catalogue.exposure.to(y)
        per_halo = self.halos(y[self.catalogue.voxel], self.rows)
        return per_halo.sum(dtype=torch.float64) - per_voxel.sum(dtype=torch.float64) + self.constant


def fixed_bias(
    bias: NeuralBias,
    theta: torch.Tensor,
    halos: Catalogue,
    voxels: int,
    dtype: torch.dtype = torch.float32,
    table_nodes: int = NODES,
) -> FixedBias:
    """The likelihood of the phases at these parameters.

    theta : (parameters,) float64. The tables reach over every y that densities between 0 and 1000 times the mean give.
    """
    x = [math.log(bias.log_floor), math.log(1000 + bias.log_floor)]
    mean, std = np.array(bias.feature_mean), np.array(bias.feature_std)
    ends = np.array([(value - mean) / std for value in x]) * theta[: bias.features].numpy()
    low = float(np.maximum(ends.min(axis=0).sum(), -30) + theta[bias.features])
    high = float(np.minimum(ends.max(axis=0).sum(), 30) + theta[bias.features])
    grid, step = nodes(low, high, table_nodes), (high - low) / (table_nodes - 1)
    with torch.no_grad():
        voxel_values = _voxel_term(bias, theta, grid)[None]
        at = bias.mixture(grid[:, None], theta)
        halo_values = at.log_density(halos.ln_mass).T + math.log(bias.voxel**3)
        constant = float(_constant(bias, theta, halos, voxels))
        device, rows = halos.voxel.device, torch.arange(len(halos), device=halos.voxel.device)
        tables = []
        for values in (voxel_values, halo_values.contiguous()):
            made = tabulate(values, low, step)
            tables.append(replace(made, values=made.values.to(device, dtype), slopes=made.slopes.to(device, dtype)))
    return FixedBias(bias, theta, halos, tables[0], tables[1], rows, constant)


def _voxel_term(bias: NeuralBias, theta: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """What a fully seen voxel takes from ln L: a = V Lambda(y), or ln Z(a, nu)."""
    intensity = bias.mixture(y, theta).above(bias.head.ln_threshold) * bias.voxel**3
    nu = bias.nu(theta)
    return intensity if nu is None else com_poisson_log_normaliser(intensity, nu)


def _constant(bias: NeuralBias, theta: torch.Tensor, halos: Catalogue, voxels: int) -> torch.Tensor:
    """-(nu - 1) sum ln N! (Poisson: zero, the N! being left out of every ln L), and the halos' exposure."""
    constant = theta.new_zeros(())
    nu = bias.nu(theta)
    if nu is not None:
        if halos.exposure is not None and bool(((halos.exposure != 0) & (halos.exposure != 1)).any()):
            raise DataError("com-poisson counts need a mask of zeros and ones")
        constant = constant - (nu - 1) * torch.lgamma(halos.counts(voxels).double() + 1).sum()
    if halos.exposure is not None:
        constant = constant + torch.log(halos.exposure[halos.voxel]).sum()
    return constant


def com_poisson_log_normaliser(intensity: torch.Tensor, nu: torch.Tensor) -> torch.Tensor:
    """ln Z = ln sum_N a^N / (N!)^nu, N up to MOST_IN_VOXEL."""
    number = torch.arange(MOST_IN_VOXEL + 1, dtype=intensity.dtype, device=intensity.device)
    terms = number * torch.log(intensity)[..., None] - nu * torch.lgamma(number + 1)
    return torch.logsumexp(terms, dim=-1)


def com_poisson_mean(intensity: torch.Tensor, nu: torch.Tensor) -> torch.Tensor:
    """The mean of P(N) = a^N / (N!)^nu / Z."""
    number = torch.arange(MOST_IN_VOXEL + 1, dtype=intensity.dtype, device=intensity.device)
    terms = number * torch.log(intensity)[..., None] - nu * torch.lgamma(number + 1)
    return (torch.softmax(terms, dim=-1) * number).sum(dim=-1)
