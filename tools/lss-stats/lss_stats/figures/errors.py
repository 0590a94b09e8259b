"""Standard deviations of what is measured of a Gaussian field, from the numbers of modes: what bands in figures show.

A shell with N modes, both of each pair of opposite ones counted, has N independent real numbers.
"""

from typing import Any

import numpy as np

from lss.universe import Group


def of_power(group: Group, column: str = "power") -> np.ndarray:
    """P sqrt(2 / N). Of vectors, whose components share their modes, that of one component."""
    return np.abs(group.data[column]) * np.sqrt(2 / group.data["n_modes"])


def of_multipole(group: Group, order: int) -> np.ndarray:
    """P_0 sqrt(2 (2 l + 1) / N): of a field whose power depends little on direction."""
    return np.abs(group.data["monopole"]) * np.sqrt(2 * (2 * order + 1) / group.data["n_modes"])


def of_correlation(group: Group) -> np.ndarray:
    """(1 - r^2) / sqrt(N)."""
    return (1 - np.clip(group.data["correlation"], -1, 1) ** 2) / np.sqrt(group.data["n_modes"])


def of_transfer(group: Group) -> np.ndarray:
    """T sqrt((1 - r^2) / N): the scatter that two fields share drops out of their ratio."""
    spread = (1 - np.clip(group.data["correlation"], -1, 1) ** 2) / group.data["n_modes"]
    return group.data["transfer"] * np.sqrt(spread)


def of_reduced_bispectrum(group: Group, spectrum: Group) -> np.ndarray:
    """Of Q = B / (P1 P2 + P2 P3 + P3 P1), where var B = s V P1 P2 P3 / N.

    N counts triangles of wave vectors; s is 6 with three sides alike, 2 with two, else 1. spectrum : P(k) of the field
    Source: Scoccimarro 2000, Eq. A16.
    """
    sides = np.stack([group.data[name] for name in ("k1", "k2", "k3")])
    k = spectrum.data["k"]
    shell = k[1] - k[0]
    p1, p2, p3 = np.exp(np.interp(np.log(sides), np.log(k), np.log(np.maximum(spectrum.data["power"], 1e-30))))
    alike = sum((abs(sides[i] - sides[j]) < shell / 2).astype(int) for i, j in ((0, 1), (1, 2), (2, 0)))
    symmetry = np.choose(alike, [1, 2, 6, 6])
    volume = (2 * np.pi / shell) ** 3
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(symmetry * volume * p1 * p2 * p3 / group.data["n_triangles"]) / (p1 * p2 + p2 * p3 + p3 * p1)


def draw(axis: Any, x: np.ndarray, value: np.ndarray, error: np.ndarray, colour: str) -> None:
    """One standard deviation each way, as a pale band."""
    low = value - error
    if axis.get_yscale() == "log":
        low = np.maximum(low, 1e-3 * np.abs(value))
    axis.fill_between(x, low, value + error, color=colour, alpha=0.2, lw=0)
