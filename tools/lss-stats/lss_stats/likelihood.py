"""Whether the truth is distributed as a halo-mass network's likelihood says (Lucie-Smith et al. 2020, Fig. 5)."""

import numpy as np

from lss.universe import Group

SLICES = (-0.75, -0.25, 0.25, 0.75)  # centres, of the network's output y
WIDTH = 0.2
BINS = 20


def likelihood_slices(y: np.ndarray, d: np.ndarray, gamma: float) -> list[tuple[float, Group]]:
    """The distribution of the rescaled truth in slices of the network's output, beside p(d | y, gamma).

    y, d : (m,); gamma : the learned scale
    Returns the centre of each slice with columns d (bin centres), density and likelihood, and the number of particles.
    """
    import torch

    from lss.nets.truncated_cauchy import negative_log_likelihood

    edges = np.linspace(-1, 1, BINS + 1)
    centre = 0.5 * (edges[1:] + edges[:-1])
    slices = []
    for middle in SLICES:
        inside = np.abs(y - middle) < WIDTH / 2
        count = np.histogram(np.clip(d[inside], -1, 1), edges)[0]
        scale = torch.tensor(gamma, dtype=torch.float64)
        nll = negative_log_likelihood(torch.tensor(middle, dtype=torch.float64), torch.from_numpy(centre), scale)
        columns = {
            "d": centre,
            "density": count / max(count.sum(), 1) / (edges[1] - edges[0]),
            "likelihood": np.exp(-nll.numpy()),
        }
        slices.append((middle, Group(columns, {"particles": int(inside.sum())})))
    return slices


def likelihood_distance(y: np.ndarray, d: np.ndarray, gamma: float) -> float:
    """Kolmogorov's distance between uniform numbers and the cumulative likelihood at the truth: 0 if the likelihood is
    right. y beyond the walls counts as on them."""
    y = np.clip(y, -1, 1)
    low, high = np.arctan((-1 - y) / gamma), np.arctan((1 - y) / gamma)
    rank = np.sort((np.arctan((np.clip(d, -1, 1) - y) / gamma) - low) / (high - low))
    steps = np.arange(len(rank) + 1) / len(rank)
    return float(max(np.abs(rank - steps[1:]).max(), np.abs(rank - steps[:-1]).max()))
