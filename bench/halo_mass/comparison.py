"""The numbers that models are compared by, with errors by bootstrap over universes."""

import numpy as np

from lss_stats.measures.halo_mass import THIRDS, divergence, sampling_floor, thirds
from lss_stats.resampling import grouped_error

Pair = list[float]  # value, error


def correlation(predicted: np.ndarray, true: np.ndarray, groups: np.ndarray) -> Pair:
    """Pearson's r of log masses."""
    return _with_error(lambda rows: _r(predicted[rows], true[rows]), groups)


def gain(better: np.ndarray, worse: np.ndarray, true: np.ndarray, groups: np.ndarray) -> Pair:
    """The difference of the correlations of two models, resampled together."""
    return _with_error(lambda rows: _r(better[rows], true[rows]) - _r(worse[rows], true[rows]), groups)


def divergence_of(first: np.ndarray, second: np.ndarray, true: np.ndarray, groups: np.ndarray) -> Pair:
    """K-L divergence between the residuals of two models."""
    one, other = first - true, second - true
    return _with_error(lambda rows: divergence(one[rows], other[rows]), groups)


def divergence_in_thirds(first: np.ndarray, second: np.ndarray, true: np.ndarray) -> list[float]:
    """The same in each third of the mass range, lightest first."""
    third = thirds(true)
    parts = [third == number for number in range(len(THIRDS))]
    return [round(divergence(first[rows] - true[rows], second[rows] - true[rows]), 4) for rows in parts]


def rms(predicted: np.ndarray, true: np.ndarray) -> float:
    """Of the residuals, dex."""
    return round(float(np.sqrt(np.mean((predicted - true) ** 2))), 4)


def floor(predicted: np.ndarray, true: np.ndarray, halos: np.ndarray) -> Pair:
    """The divergence of two halves of the halos, mean and scatter of ten ways to halve them."""
    found = [sampling_floor(predicted - true, halos, seed) for seed in range(10)]
    return [round(float(np.mean(found)), 4), round(float(np.std(found, ddof=1)), 4)]


def _with_error(statistic, groups: np.ndarray) -> Pair:
    return [round(statistic(np.arange(len(groups))), 4), round(grouped_error(groups, statistic), 4)]


def _r(predicted: np.ndarray, true: np.ndarray) -> float:
    return float(np.corrcoef(predicted, true)[0, 1])
