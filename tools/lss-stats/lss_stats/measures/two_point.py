"""Two-point correlation function of halos: pairs counted on a cell grid, against the expectation in a periodic box.

xi(r) = DD / RR - 1 with RR = N (N - 1) / 2 x (shell volume) / V, exact in a periodic box: no random catalogue.
"""

import numpy as np

from lss.errors import DataError
from lss.process.kernels import kernel
from lss.universe import Group, Universe
from lss_stats.config import Statistics
from lss_stats.statistic import Figure, Statistic


def two_point(universe: Universe, config: Statistics) -> Group:
    """xi(r) of the catalogue with Poisson errors of the pair counts.

    Columns: r (volume-weighted mean of the shell, Mpc/h), r_low, r_high, pairs, xi, error; up to half the box.
    Raises DataError if the smallest separation lies beyond.
    """
    (low, high), half = config.separations, universe.box.size / 2
    if low >= half:
        raise DataError(f"{universe.source}: [stats] separations begin at {low:g} Mpc/h, but half the box is {half:g}")
    edges = np.geomspace(low, min(high, half), config.separation_bins + 1)
    position = universe.halos.position
    pairs = pair_counts(position, universe.box.size, edges)
    expected = len(position) * (len(position) - 1) / 2 * 4 / 3 * np.pi * np.diff(edges**3) / universe.box.size**3
    data = {
        "r": 0.75 * np.diff(edges**4) / np.diff(edges**3),
        "r_low": edges[:-1],
        "r_high": edges[1:],
        "pairs": pairs,
        "xi": np.divide(pairs, expected, out=np.full(len(pairs), np.nan), where=expected > 0) - 1,
        "error": np.divide(np.sqrt(pairs), expected, out=np.full(len(pairs), np.nan), where=expected > 0),
    }
    attrs = {"halos": len(position), "source": universe.source}
    return Group(data, attrs)


def pair_counts(position: np.ndarray, box_size: float, edges: np.ndarray) -> np.ndarray:
    """Number of distinct pairs with edges[i] <= r < edges[i + 1] in a periodic box: (len(edges) - 1,) int64.

    position : (m, 3) in [0, box_size), Mpc/h; edges : ascending, at most half the box
    Cost: the pairs within 27 cells a little larger than the largest separation.
    """
    if edges[-1] > box_size / 2 * (1 + 1e-12):
        raise DataError(f"two-point function: r up to {edges[-1]:g} Mpc/h, but half the box is {box_size / 2:g}")
    side = max(1, int(box_size / edges[-1]))
    if side < 3:
        side = 1  # every cell would be its own neighbour's neighbour: all pairs, then
    side = min(side, 128)
    position = np.asarray(position, np.float64)
    cell = np.minimum((position * (side / box_size)).astype(np.int64), side - 1) % side
    number = (cell[:, 0] * side + cell[:, 1]) * side + cell[:, 2]
    order = np.argsort(number, kind="stable")
    first = np.searchsorted(number[order], np.arange(side**3 + 1))
    return _count_pairs(position[order], first, side, box_size, edges**2)


@kernel
def _count_pairs(position, first, side, box_size, squared):
    """Pairs of each cell with itself and with the 13 neighbours ahead of it."""
    counts = np.zeros(len(squared) - 1, np.int64)
    half = 0.5 * box_size
    steps = 1 if side > 1 else 0
    for x in range(side):
        for y in range(side):
            for z in range(side):
                here = (x * side + y) * side + z
                for dx in range(-steps, steps + 1):
                    for dy in range(-steps, steps + 1):
                        for dz in range(-steps, steps + 1):
                            ahead = dx * 9 + dy * 3 + dz
                            if ahead < 0:
                                continue
                            there = ((x + dx) % side * side + (y + dy) % side) * side + (z + dz) % side
                            for i in range(first[here], first[here + 1]):
                                start = i + 1 if ahead == 0 else first[there]
                                for j in range(start, first[there + 1]):
                                    r2 = 0.0
                                    for axis in range(3):
                                        d = abs(position[i, axis] - position[j, axis])
                                        if d > half:
                                            d = box_size - d
                                        r2 += d * d
                                    if r2 >= squared[-1] or r2 < squared[0]:
                                        continue
                                    counts[np.searchsorted(squared, r2, side="right") - 1] += 1
    return counts


STATISTIC = Statistic(
    groups=("two_point",),
    needs=("halos",),
    of_universe=lambda subject: {"two_point": two_point(subject.universe, subject.config)},
    units=dict.fromkeys(("r", "r_low", "r_high"), "Mpc/h"),
    abscissae=frozenset({"r", "r_low", "r_high"}),
    figures={
        "two-point": Figure(
            "Two-point correlation function of halos",
            "lss_stats.figures.halos:two_point",
            (
                "The correlation function of the halos times the square of their separation, with errors from the"
                " number of pairs."
            ),
            ("separations", "separation_bins"),
        )
    },
)
