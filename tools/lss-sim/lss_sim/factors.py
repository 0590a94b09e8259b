"""The sequence of steps; how one is taken is in `lss.physics.integration_factors`."""

from itertools import pairwise

import numpy as np

from lss.physics.integration_factors import Factors

__all__ = ["Factors", "step_edges"]


def step_edges(start: float, outputs: list[float], steps: int, late: float) -> np.ndarray:
    """Scale factors of the edges of all steps, uniform in log a + late sqrt(a) between outputs.

    start : first scale factor; outputs : those of the outputs, increasing, each an edge; steps : in all, if there were
    only the last output (each interval takes its share, rounded up); late : 0 for steps of one length in log a, which
    are otherwise (1 + late / 2) / (1 + late sqrt(a) / 2) times as long at a as at a = 1
    """
    marks = np.array([start, *(a for a in outputs if a > start)])
    log_a = np.linspace(np.log(start), np.log(marks[-1]), 100_001)
    clock = log_a + late * np.exp(log_a / 2)
    at_marks = np.interp(np.log(marks), log_a, clock)
    edges = [start]
    for (t0, t1), mark in zip(pairwise(at_marks), marks[1:], strict=True):
        count = int(np.ceil(steps * (t1 - t0) / (at_marks[-1] - at_marks[0]) - 1e-6))
        edges.extend(np.exp(np.interp(np.linspace(t0, t1, count + 1)[1:-1], clock, log_a)))
        edges.append(mark)
    return np.array(edges)
