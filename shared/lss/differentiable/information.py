"""What data can say about parameters: exact Fisher matrices, F_ab = <d_a ln L  d_b ln L>.

    of a Gaussian field          F_ab = 1/2 sum over modes of  d_a ln P  d_b ln P  = 1/2 Tr C^-1 C_a C^-1 C_b
    of a lognormal field         the same with P_G: ln(1 + delta), less its mean, is a one-to-one function of delta
                                 without parameters in it, and the Gaussian field G itself
    of binned spectra            F_ab = d_a mu  C^-1  d_b mu, mu and C from simulations
    of n normal numbers          diag(n / variance, n / (2 variance^2)) in (mean, variance)

Every mode of a real field counts once as a real number: n^2 - 1 of them in a plane, the mean left out. (Counting the
modes of one quadrant, or giving |delta_k|^2 one degree of freedom, loses a factor 2 to 4.) Overdensities have mean zero
for all parameters; a field with a mean that depends on them has the term  d_a mean  d_b mean  V / P(0)  besides.

Tegmark, Taylor & Heavens 1997 (ApJ 480, 22), Eq. 15. Checked against dense covariance matrices, and against the
scatter of numerical scores of simulated fields, in tests/lss/test_information.py.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from lss.differentiable.field_models import Simulator
from lss.errors import DataError
from lss.grid.fourier import mode_counts, squared_indices
from lss.inference import hartlap_factor

Array = NDArray[np.float64]


def field_information(simulate: Simulator, theta: ArrayLike) -> Array:
    """Fisher matrix of all that a field tells, (p, p).

    theta : (p,)
    Modes whose power is clipped to zero tell nothing here.
    """
    point = torch.tensor(np.asarray(theta, dtype=np.float64))

    def power(t: torch.Tensor) -> torch.Tensor:
        return simulate.power(t[None])[0]

    value = power(point)
    weight = torch.from_numpy(mode_counts(simulate.shape)) * (value > 0) * simulate.free_modes
    slopes = [
        torch.func.jvp(power, (point,), (direction,))[1] / value.clamp(min=1e-300)
        for direction in torch.eye(len(point), dtype=torch.float64)
    ]
    fisher = np.array([[0.5 * float((weight * a * b).sum()) for b in slopes] for a in slopes])
    if simulate.mean is None:
        return fisher
    of_mean = torch.func.jacfwd(lambda t: simulate.mean(t[None])[0, 0])(point).numpy()  # type: ignore[misc]
    return fisher + np.outer(of_mean, of_mean) * simulate.box_size ** len(simulate.shape) / float(value.flatten()[0])


def power_spectrum_information(
    simulate: Simulator,
    theta: ArrayLike,
    step: Sequence[float],
    n_simulations: int = 4000,
    bins: int = 24,
    seed: int = 1,
    batch: int = 250,
) -> Array:
    """Fisher matrix of the field's power spectrum in bins of k, by simulations, (p, p).

    theta, step : (p,) parameters and the steps, each way, of derivatives between fields of the same noise
    bins : logarithmic in k up to the corner of the Fourier cube
    Corrected for the inverse of a covariance that is itself an estimate (Hartlap et al. 2007); relative error of
    det F^(1/2) about sqrt(2 / n_simulations) from the covariance.
    Raises DataError when there are fewer simulations than bins.
    """
    point = np.asarray(theta, dtype=np.float64)
    if n_simulations < 4 * bins:
        raise DataError(f"{n_simulations} simulations for {bins} bins: at least {4 * bins} are needed")
    generator = torch.Generator().manual_seed(seed)
    spectra, slopes = [], []
    for start in range(0, n_simulations, batch):
        noise = simulate.noise(min(batch, n_simulations - start), generator)
        spectra.append(binned_power(simulate.fields(_row(point), noise), simulate.box_size, bins))
        shifted = [
            [
                binned_power(simulate.fields(_row(point + sign * change), noise), simulate.box_size, bins).sum(0)
                for sign in (1, -1)
            ]
            for change in np.diag(step)
        ]
        slopes.append(np.array([(above - below) / (2 * h) for (above, below), h in zip(shifted, step, strict=True)]))
    data = np.concatenate(spectra)
    covariance = np.cov(data.T)
    derivative = np.sum(slopes, axis=0) / n_simulations
    return hartlap_factor(n_simulations, data.shape[1]) * derivative @ np.linalg.solve(covariance, derivative.T)


def binned_power(fields: torch.Tensor, box_size: float, bins: int) -> Array:
    """Power spectra of fields in logarithmic bins of k from 2 pi / L to the corner of the Fourier cube.

    fields : (b, 1, n, n[, n]); Returns (b, at most `bins`: empty ones are left out) float64, (Mpc/h)^d.
    """
    shape = tuple(fields.shape[2:])
    axes = tuple(range(2, fields.ndim))
    n, d = shape[0], len(shape)
    weight = mode_counts(shape).ravel()
    weight[0] = 0  # the mean is no power
    ln_k = 0.5 * np.log(np.maximum(squared_indices(shape).ravel(), 1))
    place = np.minimum((ln_k / (math.log(math.sqrt(d) * n / 2) + 1e-9) * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, weight, minlength=bins)
    mean = np.zeros((bins, len(place)))
    mean[place, np.arange(len(place))] = weight
    mean = mean[counts > 0] / counts[counts > 0, None] * (box_size / n**2) ** d
    power = torch.fft.rfftn(fields[:, 0], dim=tuple(a - 1 for a in axes)).abs() ** 2
    return (power.flatten(1).double() @ torch.from_numpy(mean.T)).numpy()


def _row(theta: Array) -> torch.Tensor:
    return torch.tensor(theta[None], dtype=torch.float64)
