"""The posterior of phases and bias given a halo catalogue: what a chain moves through.

    ln p(h, theta) = ln L(catalogue | density(h), theta) - |h|^2 / 2 - |theta|^2 / (2 w^2)

h are the Hartley coefficients of the white noise (`lss.differentiable.lpt`), theta the parameters of the neural bias.
Either may be given; what is left is a conditional posterior. The bias moves in coordinates y with theta = factor y, the
factor from the curvature at a fit, where one is known; both together move as x = (h, y).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lss.differentiable.forward import Forward
from lss.learned.neural_bias import Catalogue, NeuralBias, fixed_bias, log_likelihood
from lss_recon.sampling.log_density import LogDensity, with_gradient


@dataclass(frozen=True)
class Target:
    """forward : phases to density; bias, factor : the model, and (p, p) float64 coordinates of theta; halos : the data;
    dtype : of the phases' arithmetic"""

    forward: Forward
    bias: NeuralBias
    halos: Catalogue
    factor: torch.Tensor
    dtype: torch.dtype = torch.float32

    @property
    def n(self) -> int:
        return self.forward.n

    def density(self, h: torch.Tensor) -> torch.Tensor:
        """rho / mean (n, n, n) of Hartley coefficients (n^3,)."""
        return self.forward(h.view(self.n, self.n, self.n))

    def phases(self, theta: torch.Tensor) -> LogDensity:
        """ln p(h | theta, catalogue), h : (n^3,)."""
        likelihood = fixed_bias(self.bias, theta, self.halos, self.n**3, self.dtype)
        return with_gradient(lambda h: likelihood(self.density(h)) - 0.5 * torch.sum(h**2, dtype=torch.float64))

    def parameters(self, density: torch.Tensor) -> LogDensity:
        """ln p(y | density, catalogue), theta = factor y."""
        features = self.bias.standardised(density.double())

        return with_gradient(lambda y: self._of_bias(features, self.factor @ y))

    def _of_bias(self, features: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        """ln L + ln p(theta) at standardised features of a density."""
        at = self.bias.argument(features, theta)
        return log_likelihood(self.bias, theta, at, self.halos).total + self.bias.log_prior(theta)

    def both(self) -> LogDensity:
        """ln p(x | catalogue), x = (h, y) : (n^3 + p,)."""

        def log_density(x: torch.Tensor) -> torch.Tensor:
            h, theta = self.apart(x)
            features = self.bias.standardised(self.density(h).double())
            return self._of_bias(features, theta) - 0.5 * torch.sum(h**2, dtype=torch.float64)

        return with_gradient(log_density)

    def joined(self, h: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        """x = (h, y)."""
        return torch.cat([h.to(self.dtype), torch.linalg.solve(self.factor, theta).to(self.dtype)])

    def apart(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """h (n^3,) and theta (p,) of x."""
        return x[: self.n**3], self.factor @ x[self.n**3 :].double()

    def log_likelihood(self, density: torch.Tensor, theta: torch.Tensor) -> float:
        """ln L of the catalogue."""
        with torch.no_grad():
            at = self.bias.argument_of_density(density.double(), theta)
            return float(log_likelihood(self.bias, theta, at, self.halos).total)


def draw_of_prior(bias: NeuralBias, draw: np.random.Generator) -> torch.Tensor:
    """Parameters (p,) from the prior, of a model with more halos where there is more matter.

    Half of the prior has halos in voids. A chain that begins there turns the universe inside out, and stays: to linear
    order the mirrored phases explain the halos as well, and the way back leads through phases that explain nothing.
    """
    while True:
        theta = torch.from_numpy(draw.standard_normal(bias.parameters) * bias.prior_width)
        sparse, dense = abundances(bias, theta, (0.3, 3.0), (1.0,))
        if dense > sparse:
            return theta


def abundances(
    bias: NeuralBias, theta: torch.Tensor, patches: tuple[float, ...], mass_factors: tuple[float, ...]
) -> NDArray[np.float64]:
    """n(> M | patch) of uniform patches, (Mpc/h)^-3, patch by patch; M in units of the threshold."""
    rows = []
    with torch.no_grad():
        for patch in patches:
            uniform = torch.full((3, 3, 3), patch, dtype=torch.float64)
            mixture = bias.mixture(bias.argument_of_density(uniform, theta)[:1], theta)
            rows += [float(mixture.above(bias.head.ln_threshold + np.log(m))[0]) for m in mass_factors]
    return np.array(rows)


@dataclass(frozen=True)
class Monitors:
    """What tells whether chains agree; weights that only trade places with each other do not.

    low : (m,) flat indices of the modes below LOW; shell : (n^3,) shell of each mode; patches : rho / mean at which
    the halos above masses (Msun/h) are counted
    """

    low: NDArray[np.int64]
    shell: NDArray[np.int64]
    k: NDArray[np.float64]
    patches: tuple[float, ...] = (0.3, 1.0, 3.0, 8.0)
    mass_factors: tuple[float, ...] = (1.0, 5.0)

    def names(self) -> list[str]:
        """Names of the numbers of `measure`."""
        halos = [f"n(>{m:g} M_th | {p:g})" for p in self.patches for m in self.mass_factors]
        power = [f"P({k:.3f})" for k in self.k]
        return ["ln L", *halos, *power, *(f"h[{i}]" for i in self.low)]

    def measure(self, target: Target, h: torch.Tensor, theta: torch.Tensor) -> NDArray[np.float64]:
        """The numbers at a state: ln L, n(> M | patch) in (Mpc/h)^-3, mean h^2 per shell (1: the prior), low modes."""
        log_likelihood = target.log_likelihood(target.density(h), theta)
        values = h.double().numpy()
        number = np.bincount(self.shell)[1:]
        power = np.bincount(self.shell, values**2)[1:] / number
        halos = abundances(target.bias, theta, self.patches, self.mass_factors)
        return np.concatenate([[log_likelihood], halos, power, values[self.low]])


LOW = 2.6  # fundamentals: 80 modes, k < 0.13 h/Mpc in 125 Mpc/h


def monitors(n: int, box_size: float) -> Monitors:
    """Monitors of a grid: modes below LOW fundamentals, shells of one fundamental's width to the Nyquist frequency."""
    k = np.fft.fftfreq(n, 1 / n)
    index = np.sqrt(k[:, None, None] ** 2 + k[None, :, None] ** 2 + k[None, None, :] ** 2).ravel()
    fundamental = 2 * np.pi / box_size
    low = np.flatnonzero((index > 0) & (index < LOW))
    shell = np.rint(index).astype(np.int64)
    shell[shell > n // 2] = 0  # corners, and the mean: no shell
    return Monitors(low, shell, fundamental * np.arange(1.0, n // 2 + 1, dtype=np.float64))


def scale_groups(n: int, parameters: int = 0) -> torch.Tensor:
    """Coordinates that share a width: shells of |k| to the corner; then each parameter has its own."""
    k = np.fft.fftfreq(n, 1 / n)
    index = np.sqrt(k[:, None, None] ** 2 + k[None, :, None] ** 2 + k[None, None, :] ** 2).ravel()
    shell = np.rint(index).astype(np.int64)
    return torch.from_numpy(np.concatenate([shell, shell.max() + 1 + np.arange(parameters)]))
