"""Whether the scatter of an ensemble is the error of its mean.

For n samples x_i of a posterior and the truth x, shell by shell: sum |mean - x|^2 over (1 + 1/n) sum of the samples'
unbiased variance. Both sums run over modes and truths before they are divided. One says that the truth is like one more
sample; more, that the ensemble is overconfident.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.lulo.figures import Figures, matter
from lss.grid.comparison import compare_modes
from lss.grid.fourier import forward
from lss.grid.spectra import shell_limits, shell_sums, shells
from lss.halos.six_fields import RECORDED
from lss.physics.random_field import linear_overdensity
from lss.universe import Universe

WORST_TO = 0.5  # h/Mpc, to which the worst shell is sought


@dataclass(frozen=True)
class Errors:
    """One truth's sums over the modes of each shell: k in h/Mpc, squared error of the mean, variance of the samples."""

    k: np.ndarray
    squared_error: np.ndarray
    variance: np.ndarray
    samples: int


def errors(samples: Sequence[Universe], truth: Universe) -> Errors:
    """The initial fields of the samples against that of the truth."""
    n, size = truth.box.n, truth.box.size
    modes = [_initial(universe) for universe in samples]
    mean = np.mean(modes, axis=0)
    wrong = [mean - _initial(truth), *(one - mean for one in modes)]
    limits = shell_limits(n, size)
    sums = np.array([shell_sums(field[None], n, [(0, 0)], limits)[0] for field in wrong])
    k = shells(n, limits)[1] * 2 * np.pi / size
    return Errors(k, sums[0], sums[1:].sum(axis=0) / (len(samples) - 1), len(samples))


def ratios(found: Sequence[Errors]) -> list[list[float]]:
    """[k, ratio] of every shell, over all truths."""
    if not found:
        return []
    wrong = np.sum([one.squared_error for one in found], axis=0)
    expected = np.sum([(1 + 1 / one.samples) * one.variance for one in found], axis=0)
    return [[float(k), float(w / e)] for k, w, e in zip(found[0].k, wrong, expected, strict=True) if e > 0]


def worst(found: list[list[float]]) -> float | None:
    """The largest of ratio and 1 / ratio to k = 0.5 h/Mpc."""
    return max((max(ratio, 1 / ratio) for k, ratio in found if k <= WORST_TO), default=None)


def mean_figures(samples: Sequence[Universe], truth: Universe) -> Figures:
    """k80_mean_ic, k80_mean_matter: of the mean of the samples' initial fields, and of their matter."""
    size = truth.box.size
    means = {
        "ic": (np.mean([_initial(universe) for universe in samples], axis=0), _initial(truth), "none"),
        "matter": (
            np.mean([matter(one).modes[0] for one in samples], axis=0),
            matter(truth).modes[0],
            RECORDED.assignment,
        ),
    }
    return {
        f"k80_mean_{name}": compare_modes(mean[None], true[None], size, (window, window)).k80
        for name, (mean, true, window) in means.items()
    }


def _initial(universe: Universe) -> np.ndarray:
    return forward(linear_overdensity(universe.noise.value, universe.cosmology, universe.box.size))
