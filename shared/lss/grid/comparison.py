"""How alike two fields are, shell by shell, and out to which k: what lss-stats and the log of lss-recon quote."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lss.grid.spectra import Spectra, measure_modes

K80 = 0.8  # the level of r(k) at which LULO quotes how far a field is recovered
TRANSFER_BAND = 0.1  # the deviation of T(k) that LULO quotes
LEAST_MODES = 50  # shells with fewer say nothing about a band of T


@dataclass(frozen=True)
class Comparison:
    """Two fields on one grid: columns over shells; of vectors, means over the components (LULO section 5.2.2).

    k : mean |k| of a shell, h/Mpc; n_modes : modes in it; power, power_other, cross_power : P_aa, P_bb, P_ab;
    correlation : r = P_ab / sqrt(P_aa P_bb), averaged after dividing; transfer : T = sqrt(P_aa / P_bb), NaN where the
    other field has no power
    """

    k: np.ndarray
    n_modes: np.ndarray
    power: np.ndarray
    power_other: np.ndarray
    cross_power: np.ndarray
    correlation: np.ndarray
    transfer: np.ndarray

    @property
    def k80(self) -> float:
        """The k (h/Mpc) where r falls through 0.8; 0 when the first shell is below."""
        return falls_through(self.k, self.correlation)

    def transfer_reach(self, band: float = TRANSFER_BAND) -> float:
        """The k (h/Mpc) out to which T stays within `band` of 1."""
        return transfer_reach(self.k, self.transfer, self.n_modes, band)


def compare_spectra(spectra: Sequence[Spectra]) -> Comparison:
    """Field 0 held against field 1; one `Spectra` of the pair for each component."""
    power, other, cross = (np.mean([s.power[i, j] for s in spectra], axis=0) for i, j in [(0, 0), (1, 1), (0, 1)])
    transfer = np.sqrt(np.divide(power, other, out=np.full_like(other, np.nan), where=other > 0))
    correlation = np.mean([s.correlation(0, 1) for s in spectra], axis=0)
    return Comparison(spectra[0].k, spectra[0].n_modes, power, other, cross, correlation, transfer)


def compare_modes(modes: np.ndarray, other: np.ndarray, box_size: float, windows: tuple[str, str]) -> Comparison:
    """Two fields in Fourier space, component by component.

    modes, other : (c, n, n, n//2+1) complex64, plain rfftn of each component; box_size : Mpc/h; windows : the
    assignment that is still in each, to be divided out
    """
    n = modes.shape[1]
    return compare_spectra(
        [measure_modes(np.stack(pair), n, box_size, windows) for pair in zip(modes, other, strict=True)]
    )


def falls_through(k: np.ndarray, r: np.ndarray, level: float = K80) -> float:
    """The k (h/Mpc) of the first downward crossing of `level`, linear between shells.

    0 when the first shell is below already; the last k when r stays above throughout.
    """
    below = np.flatnonzero(~(np.asarray(r) >= level))
    if not len(below):
        return float(k[-1])
    i = below[0]
    if i == 0:
        return 0.0
    return float(k[i - 1] + (r[i - 1] - level) / (r[i - 1] - r[i]) * (k[i] - k[i - 1]))


def transfer_reach(k: np.ndarray, transfer: np.ndarray, n_modes: np.ndarray, band: float = TRANSFER_BAND) -> float:
    """The k (h/Mpc) out to which T stays within `band` of 1, shells of fewer than 50 modes left out; 0 if nowhere."""
    counted = n_modes >= LEAST_MODES
    k, deviation = k[counted], np.abs(transfer[counted] - 1)
    outside = np.flatnonzero(~(deviation <= band))
    if not len(outside):
        return float(k[-1]) if len(k) else 0.0
    return float(k[outside[0] - 1]) if outside[0] else 0.0
