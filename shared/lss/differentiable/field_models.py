"""Random fields as functions of parameters: batches in torch, differentiable, thousands a second.

White noise is multiplied by the root of a spectrum in Fourier space. With d dimensions, k in h/Mpc and P in (Mpc/h)^d:

    power-law   P(k) = A k^-B, a Gaussian field
    normal      independent numbers N(mean, variance) in every voxel
    lognormal   delta = exp(G) / mean exp(G) - 1, where G is Gaussian with P_G = FT[ln(1 + xi)]
                (Coles & Jones 1991) and xi is the correlation function of linear theory [cosmology], averaged over
                voxels: P_voxel(k) = sum over aliases of P(|k|) prod_i sinc^2(k_i L / 2n)

A lognormal field in two dimensions is a sheet of the three-dimensional one, a voxel thick: its spectrum is the sum of
P_voxel over the wavenumbers across it. Two choices keep information finite. The mean of exp(G) is the field's own:
divided by that of the ensemble, the mean of ln(1 + delta) would be a function of the parameters without any scatter.
And voxel averages give P_G > 0, where a spectrum cut off at the grid's frequencies gives P_G that passes through zero:
modes beside the zero, free of noise, would tell the parameters as exactly as they lie close to it.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lss.config import Configuration, Cosmology, FieldModel, Settings, quantity, validate
from lss.errors import ConfigError
from lss.grid.fourier import squared_indices
from lss.inference import read_parameter, with_parameters
from lss.physics.linear_power import SIGMA8_RADIUS, tabulated_power, tophat, unnormalised_power
from lss.physics.spectrum_table import ANALYTIC

STEP_LN_K = 0.0135  # of the spectrum's knots: 15 of them in the narrowest acoustic oscillation
ALIASES = 1  # images of the spectrum summed on each side; the next would add 0.2% to the variance
_DEPENDS_ON = {
    "power-law": ("ic.amplitude", "ic.slope"),
    "normal": ("ic.mean", "ic.variance"),
    "lognormal": ("cosmology.omega_m", "cosmology.omega_b", "cosmology.h", "cosmology.n_s", "cosmology.sigma8"),
}


class _Config(Configuration):
    ic: FieldModel = quantity(FieldModel(), "the field")


@dataclass(frozen=True)
class Simulator:
    """Fields of given parameters and white noise.

    parameters : the keys that theta holds; shape : (n, n) or (n, n, n) of a field
    power : theta (b, p) -> P (b, n, [n,] n//2+1) of the Gaussian field on the modes of rfftn, float64, (Mpc/h)^d; it
        may be negative where no lognormal field has the spectrum asked for, and counts as zero there
    mean : theta (b, p) -> (b, 1) of fields that have one; None for overdensities, whose mean is zero
    """

    parameters: tuple[str, ...]
    shape: tuple[int, ...]
    box_size: float
    is_lognormal: bool
    power: Callable[[torch.Tensor], torch.Tensor]
    mean: Callable[[torch.Tensor], torch.Tensor] | None = None

    def fields(self, theta: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Overdensities.

        theta : (b, p), or (1, p) for all alike, which costs one spectrum instead of b; noise : (b, *shape) float32
        Returns (b, 1, *shape) float32, differentiable in theta. The noise's mean does not enter overdensities.
        Cost: docs/inference.md.
        """
        power = self.power(theta.double())
        scale = power.clamp(min=1e-30).sqrt() * (math.prod(self.shape) / self.box_size ** len(self.shape)) ** 0.5
        axes = tuple(range(1, 1 + len(self.shape)))
        modes = torch.fft.rfftn(noise, dim=axes) * (scale * self.free_modes).to(noise.dtype)
        field = torch.fft.irfftn(modes, s=self.shape, dim=axes)
        if self.is_lognormal:
            density = torch.exp(field)
            field = density / density.mean(dim=axes, keepdim=True) - 1
        if self.mean is not None:
            field = field + self.mean(theta.double()).view(-1, *(1 for _ in self.shape)).to(noise.dtype)
        return field[:, None]

    def noise(self, b: int, generator: torch.Generator) -> torch.Tensor:
        """White noise for b fields, (b, *shape) float32."""
        return torch.randn((b, *self.shape), generator=generator)

    def clipped(self, theta: torch.Tensor) -> float:
        """The share of modes whose power would be negative, and is zero instead."""
        return float((self.power(theta.double()) * self.free_modes < 0).double().mean())

    @property
    def free_modes(self) -> torch.Tensor:
        """1 for every mode of rfftn that noise fills, 0 for the mean of an overdensity: (n, [n,] n//2+1)."""
        kept = torch.ones((*self.shape[:-1], self.shape[-1] // 2 + 1), dtype=torch.float64)
        if self.mean is None:
            kept[(0,) * len(self.shape)] = 0
        return kept


def simulator(settings: Settings, parameters: Sequence[str]) -> Simulator:
    """The simulator of the field that [ic], [box] and [cosmology] describe, as a function of these keys of them.

    Raises ConfigError if the settings are not valid, or a parameter does not change the field.
    """
    config = _config(settings)
    model, n, size = config.ic, config.box.n, config.box.size
    if model.field == "linear":
        raise ConfigError(
            '[ic] field = "linear": only random fields ("power-law", "lognormal", "normal") are made in memory'
        )
    keys = _DEPENDS_ON[model.field]
    tabulated = model.field == "lognormal" and config.cosmology.transfer not in ANALYTIC
    for name in parameters:
        if name not in keys or (tabulated and name != "cosmology.sigma8"):
            others = "cosmology.sigma8 does" if tabulated else f"{', '.join(keys)} do"
            raise ConfigError(f"{name}: does not change a {model.field} field; {others}")
    base = [read_parameter(config.model_dump(), name, "configuration") for name in keys]
    columns = [keys.index(name) for name in parameters]

    def values(theta: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Every key the field depends on, (b, 1) each."""
        full = torch.tensor(base, dtype=torch.float64).repeat(len(theta), 1)
        return (full.index_copy(1, torch.tensor(columns), theta) if columns else full).split(1, dim=1)

    shape = (n,) * model.dimensions
    names = tuple(parameters)
    if model.field == "normal":
        white = torch.full((*shape[:-1], n // 2 + 1), (size / n) ** len(shape), dtype=torch.float64)
        ones = (-1,) + (1,) * len(shape)
        return Simulator(
            *(names, shape, size, False),
            power=lambda theta: values(theta)[1].view(ones) * white,
            mean=lambda theta: values(theta)[0],
        )
    is_lognormal = model.field == "lognormal"
    spectrum = _lognormal(shape, size, config.cosmology) if is_lognormal else _power_law(shape, size)
    return Simulator(names, shape, size, is_lognormal, lambda theta: spectrum(*values(theta)))


def allowed(settings: Settings, parameters: Sequence[str], theta: np.ndarray) -> np.ndarray:
    """Whether the configuration takes these values (b, p) of its keys, (b,); no field has a negative variance."""

    def takes(values: np.ndarray) -> bool:
        try:
            _config(with_parameters(settings, parameters, values.tolist()))
        except ConfigError:
            return False
        return True

    return np.array([takes(values) for values in theta], dtype=bool)


def _config(settings: Settings) -> _Config:
    known = {key: value for key, value in settings.get("ic", {}).items() if key in FieldModel.model_fields}
    return validate(_Config, {**settings, "ic": known}, "configuration")


def _power_law(shape: tuple[int, ...], size: float) -> Callable[..., torch.Tensor]:
    ln_k = torch.from_numpy(0.5 * np.log(np.maximum(squared_indices(shape), 1)) + math.log(2 * math.pi / size))

    def power(amplitude: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        ones = (-1,) + (1,) * len(shape)
        return amplitude.view(ones) * torch.exp(-slope.view(ones) * ln_k)

    return power


def _lognormal(shape: tuple[int, ...], size: float, cosmology: Cosmology) -> Callable[..., torch.Tensor]:
    k, needed = _knots(shape[0], size)
    of_voxels, distinct = _voxel_average(shape, size, k[needed])
    smoothing = torch.from_numpy(tophat(k * SIGMA8_RADIUS) ** 2 * k**3 * STEP_LN_K / (2 * np.pi**2))
    table = None if cosmology.transfer in ANALYTIC else torch.from_numpy(tabulated_power(cosmology)(k))
    axes = tuple(range(1, 1 + len(shape)))
    voxel = (size / shape[0]) ** len(shape)
    wavenumbers = torch.from_numpy(k)

    def power(
        omega_m: torch.Tensor, omega_b: torch.Tensor, h: torch.Tensor, n_s: torch.Tensor, sigma8: torch.Tensor
    ) -> torch.Tensor:
        linear = table
        if linear is None:
            linear = unnormalised_power(wavenumbers, cosmology.transfer, omega_m, omega_b, h, n_s)
        linear = linear * sigma8**2 / (linear * smoothing).sum(-1, keepdim=True)
        averaged = (linear[:, needed] @ of_voxels.T)[:, distinct]
        xi = torch.fft.irfftn(averaged, s=shape, dim=axes) / voxel
        return torch.fft.rfftn(torch.log1p(xi), dim=axes).real * voxel

    return power


def _knots(n: int, size: float) -> tuple[np.ndarray, slice]:
    """k, h/Mpc, evenly spaced in ln k over all that sigma8 asks for, and which of them the modes of a grid lie between.

    The images of a mode reach 2 ALIASES + 1 Nyquist frequencies along every axis.
    """
    smallest, largest = 2 * math.pi / size, math.sqrt(3) * (2 * ALIASES + 1) * math.pi * n / size
    low, high = min(1e-4, 0.9 * smallest), max(50.0, 1.1 * largest)
    knots = low * np.exp(STEP_LN_K * np.arange(math.ceil(math.log(high / low) / STEP_LN_K) + 1))
    first, last = np.searchsorted(knots, [smallest, largest])
    return knots, slice(max(0, int(first) - 3), int(last) + 3)


def _voxel_average(shape: tuple[int, ...], size: float, knots: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The spectrum averaged over voxels as a linear map of P at the knots (cubic interpolation between them).

    Returns the map (m, knots) float64 to modes that no symmetry of the cube relates, and which of them each mode is,
    (n, [n,] n//2+1) int64.
    """
    n, dimensions = shape[0], len(shape)
    corner = np.array(list(itertools.combinations_with_replacement(range(n // 2 + 1), dimensions)))
    across = [np.arange(-ALIASES, ALIASES + 1) * n] * dimensions
    if dimensions == 2:  # a sheet: every wavenumber across it
        corner = np.hstack([corner, np.zeros((len(corner), 1), dtype=corner.dtype)])
        across.append(np.arange(-(2 * ALIASES + 1) * n // 2, (2 * ALIASES + 1) * n // 2 + 1))
    result = np.zeros((len(corner), len(knots)))
    rows = np.arange(len(corner))
    for shift in itertools.product(*across):
        index = corner + np.array(shift)
        squared = (index**2).sum(1)
        weight = np.prod(np.sinc(index / n) ** 2, axis=1) * (squared > 0)
        place = np.log(np.sqrt(np.maximum(squared, 1)) * 2 * np.pi / size / knots[0]) / STEP_LN_K
        first = np.clip(np.floor(place).astype(np.int64), 1, len(knots) - 3)
        t = place - first
        lagrange = (
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        )
        for offset, coefficient in zip((-1, 0, 1, 2), lagrange, strict=True):
            result[rows, first + offset] += weight * coefficient
    if dimensions == 2:
        result /= size
    sizes = [np.minimum(np.arange(n), n - np.arange(n))] * (dimensions - 1) + [np.arange(n // 2 + 1)]
    modes = np.sort(np.stack(np.meshgrid(*sizes, indexing="ij"), axis=-1), axis=-1)
    digits = n ** np.arange(dimensions)[::-1]  # corners are in lexical order
    distinct = np.searchsorted(corner[:, :dimensions] @ digits, modes @ digits)
    return torch.from_numpy(result), torch.from_numpy(distinct)
