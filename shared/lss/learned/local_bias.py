"""Classical biases: a rate that depends on the density of the voxel alone, and a mass distribution.

    "power-law"   lambda = N (1 + d)^a
    "neyrinck"    lambda = N (1 + d)^a exp(-A (1 + d)^-e)                       (Neyrinck et al. 2014, Eq. 3)
    "neyrinck+"   the same, and means of ln M that are linear in ln(1 + d)

Masses follow two Gaussians in ln M, cut at the threshold; but for "neyrinck+" they do not depend on density. These are
what a neural bias is compared with, by maximum likelihoods of the same catalogue.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.functional import softplus

from lss.learned.neural_bias import Catalogue, Likelihood
from lss.nets.mixture_density import HALF

Kind = Literal["power-law", "neyrinck", "neyrinck+"]
KINDS: tuple[Kind, ...] = ("power-law", "neyrinck", "neyrinck+")
RATE: dict[Kind, int] = {"power-law": 2, "neyrinck": 4, "neyrinck+": 4}
MASSES = 5  # share of the first Gaussian, two means, two widths


@dataclass(frozen=True)
class LocalBias:
    """kind : which; ln_threshold : ln(Msun/h); mean_density : (Mpc/h)^-3; voxel : Mpc/h; log_floor : added to rho"""

    kind: Kind
    ln_threshold: float
    mean_density: float
    voxel: float
    log_floor: float = 0.05
    sigma_floor: float = 0.05

    @property
    def parameters(self) -> int:
        return RATE[self.kind] + MASSES + (self.kind == "neyrinck+")

    def log_rate(self, x: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        """ln lambda per voxel at x = ln(rho + floor)."""
        rate = math.log(self.mean_density * self.voxel**3) + theta[0] + theta[1] * x
        return rate if self.kind == "power-law" else rate - torch.exp(theta[2] - softplus(theta[3]) * x)

    def log_mass_density(self, ln_mass: torch.Tensor, x: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        """ln p(ln M) above the threshold, normalised, at x."""
        m = theta[RATE[self.kind] :]
        move = m[5] * x if self.kind == "neyrinck+" else torch.zeros_like(x)
        log_share = torch.stack([torch.nn.functional.logsigmoid(m[0]), torch.nn.functional.logsigmoid(-m[0])])
        mu = torch.stack([self.ln_threshold + m[1] + move, self.ln_threshold + m[1] + softplus(m[2]) + move])
        sigma = self.sigma_floor + softplus(m[3:5] + HALF)
        z = (ln_mass - mu) / sigma[:, None]
        terms = log_share[:, None] - 0.5 * z**2 - torch.log(sigma[:, None]) - 0.5 * math.log(2 * math.pi)
        above = torch.special.log_ndtr((mu - self.ln_threshold) / sigma[:, None])
        return torch.logsumexp(terms, dim=0) - torch.logsumexp(log_share[:, None] + above, dim=0)

    def log_likelihood(self, theta: torch.Tensor, density: torch.Tensor, halos: Catalogue) -> Likelihood:
        """ln L of a catalogue, with the constants of `lss.learned.neural_bias`; density : (n, n, n) rho / mean"""
        x = torch.log(density + self.log_floor).view(-1)
        seen = 1.0 if halos.exposure is None else halos.exposure
        log_rate = self.log_rate(x, theta)
        counts = log_rate[halos.voxel].sum() - (torch.exp(log_rate) * seen).sum()
        if halos.exposure is not None:
            counts = counts + torch.log(halos.exposure[halos.voxel]).sum()
        return Likelihood(counts, self.log_mass_density(halos.ln_mass, x[halos.voxel], theta).sum())
