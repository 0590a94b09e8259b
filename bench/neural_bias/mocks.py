"""Catalogues drawn from the model itself: there the posterior is exact, its errors as large as its widths."""

from typing import Any

import numpy as np

from bench.neural_bias.boxes import CHECKPOINT, mock
from bench.neural_bias.chains import Wanted, correlation, follow, shells
from lss.learned import fitted_bias
from lss_recon.sampling.chain import Chain
from lss_recon.sampling.diagnostics import r_hat

MOCKS, CHAINS = 3, 1
K_LOW, K_HIGH = 0.1, 0.4


def sample(number: int, chain: int = 0) -> Chain:
    """Chain of mock `number`; the first is the judge's too, and longer."""
    wanted = Wanted(draws=1000 if number else 2000, fields=128)
    return follow(f"mock-{number}", mock(number), wanted, chain, fitted_bias.load(CHECKPOINT).theta)


def measured() -> dict[str, Any]:
    """mock_variance_worst: of error power over posterior variance, all mocks together, per shell of k = .1-.4."""
    ratios, correlations, hats = [], [], []
    for number in range(MOCKS):
        of, chains = mock(number), [sample(number, c) for c in range(CHAINS)]
        summed = sum(c.summed for c in chains)
        mean = sum(c.sums[0] for c in chains) / summed
        variance = np.maximum(sum(c.sums[1] for c in chains) / summed - mean**2, 0)
        k, error = shells(of.truth - mean, of.truth - mean)
        width = shells(np.sqrt(variance), np.sqrt(variance))[1]
        ratios.append([error, width])
        correlations.append(correlation(mean, of.truth))
        draws = np.array([c.measured for c in chains])
        hats.append(float(np.max(r_hat(draws[..., np.r_[0, 9 : draws.shape[2]]]))))
    together = np.array(ratios).sum(axis=0)
    ratio = together[0] / together[1]
    within = (k > K_LOW - 1e-9) & (k < K_HIGH)
    return {
        "mock_variance_worst": float(np.max(np.maximum(ratio, 1 / ratio)[within])),
        "k": k.tolist(),
        "ratio": ratio.tolist(),
        "each": [(np.array(e) / np.array(w)).tolist() for e, w in ratios],
        "r_mean": np.mean(correlations, axis=0).tolist(),
        "r_hat": hats,
    }
