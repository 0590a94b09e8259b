"""A mixture of Gaussians in ln M whose parameters depend on one number: the head of the neural bias.

    n(ln M | psi) = sum_i alpha_i(psi) N(ln M; mu_i(psi), sigma_i(psi))          halos per (Mpc/h)^3 and ln M

so that alpha_i is a number density and the integral above a threshold is

    Lambda(psi) = sum_i alpha_i / 2 erfc[(ln M_th - mu_i) / (sqrt(2) sigma_i)]

(The paper's Eq. 16 counts per M, with exp(sigma^2 / 2) and sigma^2 in erfc: the same models, alpha_i scaled by
exp(mu_i + sigma_i^2 / 2), and mu_i moved by sigma_i^2.)

The 6 parameters of a Gaussian (a weight and a shift each) enter in one of two coordinates:

    "paper"   alpha = softplus(w psi + b + ln 1e-3), mu_0 = w psi + b + ln M_th, mu_i = mu_(i-1) + max(0, w psi + b),
              sigma = softplus(w psi + b + ln 1e3): Eqs. 10-15 to the letter
    "scaled"  alpha = nbar softplus(w psi + b), mu_0 as above, mu_i = mu_(i-1) + softplus(w psi + b),
              sigma = floor + softplus(w psi + b + softplus^-1(1/2)): parameters of order one, no flat directions
Source: Charnock et al. 2020, section 3.2; Bishop 1994.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.functional import softplus

Coordinates = Literal["paper", "scaled"]

PER_GAUSSIAN = 6  # weight and shift of alpha, mu and sigma
HALF = math.log(math.expm1(0.5))
"""softplus^-1(1/2): widths of half a unit of ln M at w psi + b = 0."""


@dataclass(frozen=True)
class Mixture:
    """alpha, mu, sigma : (gaussians, ...): amplitudes in (Mpc/h)^-3, means and widths in ln(Msun/h)."""

    alpha: torch.Tensor
    mu: torch.Tensor
    sigma: torch.Tensor

    def log_density(self, ln_mass: torch.Tensor) -> torch.Tensor:
        """ln n(ln M); ln_mass broadcasts against the shape of a component."""
        z = (ln_mass - self.mu) / self.sigma
        terms = torch.log(self.alpha) - 0.5 * z**2 - torch.log(self.sigma) - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(terms, dim=0)

    def above(self, ln_threshold: float) -> torch.Tensor:
        """Lambda: halos above the threshold, (Mpc/h)^-3."""
        z = (ln_threshold - self.mu) / (math.sqrt(2) * self.sigma)
        return (0.5 * self.alpha * torch.erfc(z)).sum(dim=0)

    def log_above(self, ln_threshold: float) -> torch.Tensor:
        """ln Lambda, finite where Lambda is too small for a number: far from the data, where chains may start."""
        z = (self.mu - ln_threshold) / self.sigma
        return torch.logsumexp(torch.log(self.alpha) + torch.special.log_ndtr(z), dim=0)


@dataclass(frozen=True)
class MixtureDensity:
    """The head: parameters and psi to a mixture.

    gaussians : how many; ln_threshold : ln(M_th / (Msun/h)); mean_density : nbar, (Mpc/h)^-3; sigma_floor : least
    width in ln M of the scaled coordinates, without which the likelihood of discrete masses has no bound
    """

    gaussians: int
    ln_threshold: float
    mean_density: float
    sigma_floor: float = 0.05
    coordinates: Coordinates = "scaled"

    @property
    def parameters(self) -> int:
        """How many numbers theta holds: 12 for two Gaussians."""
        return PER_GAUSSIAN * self.gaussians

    def names(self) -> list[str]:
        """Names of the parameters in their order."""
        kinds = [f"{part}_{kind}" for kind in ("alpha", "mu", "sigma") for part in ("w", "b")]
        return [f"{kind}{i}" for i in range(self.gaussians) for kind in kinds]

    def __call__(self, psi: torch.Tensor, theta: torch.Tensor) -> Mixture:
        """The mixture at psi (any shape) for theta (6 x gaussians,)."""
        literal = self.coordinates == "paper"
        rows = theta.view(self.gaussians, 3, 2)
        linear = [[row[part, 0] * psi + row[part, 1] for part in range(3)] for row in rows]
        alpha = torch.stack([softplus(a + math.log(1e-3)) if literal else softplus(a) for a, _, _ in linear])
        mu = [linear[0][1] + self.ln_threshold]
        for _, step, _ in linear[1:]:
            mu.append(mu[-1] + (torch.relu(step) if literal else softplus(step)))
        shift = math.log(1e3) if literal else HALF
        sigma = torch.stack([softplus(s + shift) for _, _, s in linear])
        if not literal:
            alpha, sigma = alpha * self.mean_density, sigma + self.sigma_floor
        return Mixture(alpha, torch.stack(mu), sigma)
