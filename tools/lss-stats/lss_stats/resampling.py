"""Errors by bootstrap over groups: universes, or halos, whose particles are not independent of each other."""

from collections.abc import Callable

import numpy as np


def grouped_error(
    groups: np.ndarray, statistic: Callable[[np.ndarray], float], resamplings: int = 200, seed: int = 1
) -> float:
    """The scatter of a statistic over samples whose groups are drawn with replacement.

    groups : (m,) the group of each row; statistic : row numbers (with repetitions) -> a number
    Source: Efron & Tibshirani 1993, chapter 8 (what is drawn is what is independent).
    """
    order = np.argsort(groups, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    random = np.random.default_rng(seed)
    drawn = [
        statistic(np.concatenate([rows[i] for i in random.integers(len(rows), size=len(rows))]))
        for _ in range(resamplings)
    ]
    return float(np.std(drawn, ddof=1))
