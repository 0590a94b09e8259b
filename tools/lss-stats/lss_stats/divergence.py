"""Kullback-Leibler divergence between two samples, with bootstrap errors."""

import numpy as np


def kl_divergence(
    first: np.ndarray, second: np.ndarray, edges: np.ndarray, resamplings: int = 200, seed: int = 1
) -> tuple[float, float]:
    """D(p || q) = sum p ln(p / q) of two histograms in nats, and its standard error by bootstrap.

    first, second : samples, any number; edges : of the bins; values outside go to the outermost bins. Half a count in
    every bin keeps empty ones finite (Jeffreys' prior). The error is the scatter over resampled counts.
    Source: Lucie-Smith et al. 2020, section 4 (residual distributions compared so).
    """
    p, q = (np.histogram(np.clip(x, edges[0], edges[-1]), edges)[0] for x in (first, second))
    rng = np.random.default_rng(seed)
    drawn = [
        divergence_of_counts(rng.multinomial(p.sum(), p / p.sum()), rng.multinomial(q.sum(), q / q.sum()))
        for _ in range(resamplings)
    ]
    return divergence_of_counts(p, q), float(np.std(drawn, ddof=1))


def divergence_of_counts(p: np.ndarray, q: np.ndarray) -> float:
    """D(p || q) of two histograms, (bins,) counts, with half a count more in every bin."""
    a, b = (p + 0.5) / (p + 0.5).sum(), (q + 0.5) / (q + 0.5).sum()
    return float((a * np.log(a / b)).sum())
