"""How well one field agrees with another that it is a model of: four ratios, of sums over modes.

    power_ratio     P_m / P_h
    inverse_r2      P_m P_h / P_mh^2: 1 / r^2, which no change of amplitude alters
    error           E = P_(m - h) / P_h, which amplitude and phases both enter
    uncorrelated    (P_m - P_mh^2 / P_h) / P_h: the part of the model that the truth does not have
                    (Wu, Munoz & Eisenstein 2023, Eq. 3.1)

P_m / P_h alone is a poor judge: it scatters with the truth's own stochastic part, and a poor field can have it right.
"""

from dataclasses import dataclass

import numpy as np

from lss.grid.spectra import Spectra, measure

BANDS = (0.0, 0.15, 0.3, 0.5)
"""Edges in h/Mpc of the bands that figures are given in."""


@dataclass(frozen=True)
class Agreement:
    """The four ratios in each shell or band; k : mean |k|, h/Mpc; n_modes : modes in each."""

    k: np.ndarray
    n_modes: np.ndarray
    power_ratio: np.ndarray
    inverse_r2: np.ndarray
    error: np.ndarray
    uncorrelated: np.ndarray


def agreement(
    model: np.ndarray, truth: np.ndarray, box_size: float, edges: np.ndarray | None = None, window: str = "cic"
) -> Agreement:
    """The ratios of two overdensities on one grid, painted alike.

    model, truth : (n, n, n) float32; box_size : Mpc/h; edges : of the bands, h/Mpc (default: shells of 2 pi / L)
    """
    return agreement_of(measure([model, truth], box_size, [window, window], edges))


def agreement_of(spectra: Spectra) -> Agreement:
    """The ratios of field 0, the model, to field 1, the truth."""
    model, truth, cross = spectra.power[0, 0], spectra.power[1, 1], spectra.power[0, 1]
    return Agreement(
        spectra.k,
        spectra.n_modes,
        _over(model, truth),
        _over(model * truth, cross**2),
        _over(model + truth - 2 * cross, truth),
        _over(model - _over(cross**2, truth), truth),
    )


def bands(box_size: float, edges: tuple[float, ...] = BANDS) -> np.ndarray:
    """Edges that leave out the mode k = 0."""
    return np.array([max(edges[0], np.pi / box_size), *edges[1:]])


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)
