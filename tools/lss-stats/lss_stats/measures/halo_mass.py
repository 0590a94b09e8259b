"""How well halo masses are predicted from the initial conditions, particle by particle (Lucie-Smith et al. 2020).

`predicted` and `true` are log10 M [Msun/h] of the same particles; a residual is predicted - true. Residual
distributions are compared in bins of 0.1 dex from -3 to 3, fixed so that divergences of different work compare.
"""

import logging

import numpy as np

from lss.errors import DataError
from lss.halos.lagrangian import particle_halo_mass
from lss.universe import Group, Halos, Universe
from lss_stats.divergence import divergence_of_counts
from lss_stats.statistic import Figure, Groups, Measured, Statistic, Subject, Tables

log = logging.getLogger("lss.stats")

EDGES = np.linspace(-3, 3, 61)  # dex, of residuals
MASS_BINS = 8
FOUND_BINS = 40
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PLACES = ("inner", "middle", "outer")  # thirds of the particles of a halo by distance from its centre
THIRDS = ("light", "medium", "heavy")  # of the particles by the mass of their halo


def counts(residual: np.ndarray) -> np.ndarray:
    """Residuals in the fixed bins, (60,) int64; those outside go to the outermost."""
    return np.histogram(np.clip(residual, EDGES[0], EDGES[-1]), EDGES)[0]


def divergence(first: np.ndarray, second: np.ndarray) -> float:
    """D(first || second) of two samples of residuals in the fixed bins, nats."""
    return divergence_of_counts(counts(first), counts(second))


def sampling_floor(residual: np.ndarray, groups: np.ndarray, seed: int = 1) -> float:
    """The divergence between two random halves of the groups (halos) of one sample: what no model can be told from."""
    names = np.unique(groups)
    half = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    first = np.isin(groups, half)
    return divergence(residual[first], residual[~first])


def thirds(true: np.ndarray) -> np.ndarray:
    """0, 1, 2 for the third of the range of log mass that each particle's halo is in, (m,) int64."""
    edges = np.linspace(true.min(), true.max(), 4)[1:3]
    return np.searchsorted(edges, true, side="right")


def places(halos: Halos, position: np.ndarray, box_size: float) -> np.ndarray:
    """0, 1, 2 for the inner, middle and outer third of the particles of each halo; -1 for particles in none.

    position : (n^3, 3) Mpc/h, of the output that the halos are of
    Returns (n^3,) int64.
    """
    place = np.full(len(position), -1)
    if halos.members is None:
        raise DataError("the halos have no members: the places of particles in them are unknown")
    offset, index = halos.members.offset, halos.members.index
    for halo in range(len(halos)):
        members = index[offset[halo] : offset[halo + 1]]
        away = np.abs(position[members] - halos.position[halo])
        distance = np.linalg.norm(np.minimum(away, box_size - away), axis=1)
        rank = np.argsort(np.argsort(distance, kind="stable"), kind="stable")
        place[members] = 3 * rank // len(members)
    return place


def by_true_mass(predicted: np.ndarray, true: np.ndarray, bins: int = MASS_BINS) -> dict[str, np.ndarray]:
    """What a violin plot shows: the density of predictions in bins of true mass, with quantiles."""
    edges = np.linspace(true.min(), true.max() + 1e-6, bins + 1)
    axis = np.linspace(min(predicted.min(), edges[0]), max(predicted.max(), edges[-1]) + 1e-6, FOUND_BINS + 1)
    number = np.searchsorted(edges, true, side="right") - 1
    inside = [predicted[number == i] for i in range(bins)]
    density = np.array([np.histogram(values, axis)[0] for values in inside], np.float64)
    density /= np.maximum(density.sum(axis=1, keepdims=True), 1) * np.diff(axis)
    none = np.full(len(QUANTILES), np.nan)
    quantiles = np.array([np.quantile(values, QUANTILES) if len(values) else none for values in inside])
    return {
        "mass_true": 0.5 * (edges[1:] + edges[:-1]),
        "mass_low": edges[:-1],
        "mass_high": edges[1:],
        "particles": np.array([len(values) for values in inside]),
        "found": 0.5 * (axis[1:] + axis[:-1]),
        "density": density,
        **{f"q{round(100 * q):02d}": quantiles[:, i] for i, q in enumerate(QUANTILES)},
    }


def residual_table(predicted: np.ndarray, true: np.ndarray, place: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Histograms of the residuals: of all, of each third of the mass range, and of each place in the halo of these."""
    residual, third = predicted - true, thirds(true)
    table = {"residual": 0.5 * (EDGES[1:] + EDGES[:-1]), "count": counts(residual)}
    for number, name in enumerate(THIRDS):
        table[f"count_{name}"] = counts(residual[third == number])
        for where, words in enumerate(PLACES) if place is not None else ():
            table[f"count_{name}_{words}"] = counts(residual[(third == number) & (place == where)])
    return table


def _of_universe(subject: Subject) -> Groups:
    """The statistic of a universe that holds predictions, against its own halos or those of the truth."""
    universe = subject.universe
    reference = subject.truth.universe if subject.truth is not None else universe
    group = universe.group("fields/predicted_halo_mass")
    if not reference.has("halos/members_offset"):
        log.info("%s: no members of halos: no check of the predicted halo masses", reference.source)
        return {}
    mass = group.data["value"].ravel()
    truth = particle_halo_mass(reference.halos, reference.box.n).ravel()
    if mass.size != truth.size:
        raise DataError(f"{universe.source}: {mass.size} particles, but {reference.source} has {truth.size}")
    low, high = (float(group.attrs[name]) for name in ("mass_low", "mass_high"))
    used = (truth >= low) & (truth <= high) & (mass > 0)
    if np.count_nonzero(used) < 2:
        log.info("%s: no particle with a prediction ends in a halo of %g to %g Msun/h", reference.source, low, high)
        return {}
    predicted, true = np.log10(mass[used].astype(np.float64)), np.log10(truth[used].astype(np.float64))
    attrs = {
        "r": float(np.corrcoef(predicted, true)[0, 1]),
        "rms_dex": float(np.sqrt(np.mean((predicted - true) ** 2))),
        "particles": int(used.sum()),
        "network": str(group.attrs.get("network", "")),
    }
    return {
        "halo_mass/by_mass": Group(by_true_mass(predicted, true), attrs),
        "halo_mass/residuals": Group(residual_table(predicted, true, _places(reference, used)), attrs),
    }


def _places(universe: Universe, used: np.ndarray) -> np.ndarray | None:
    """Where in their halo the particles lie; None without particles."""
    if not universe.has("PartType1"):
        return None
    return places(universe.halos, universe.particles.position, universe.box.size)[used]


def _tables(measured: Measured) -> Tables:
    """The words of the summary."""
    if "halo_mass/by_mass" not in measured.own:
        return {}
    attrs = measured.own["halo_mass/by_mass"].attrs
    row = (str(attrs["particles"]), f"{attrs['r']:.3f}", f"{attrs['rms_dex']:.3f}")
    return {"Halo masses predicted from the initial conditions": [("particles", "r", "rms [dex]"), row]}


STATISTIC = Statistic(
    groups=("halo_mass",),
    needs=("fields/predicted_halo_mass",),
    of_universe=_of_universe,
    compares=True,
    tables=_tables,
    units={"residual": "dex", "mass_true": "log10 Msun/h", "found": "log10 Msun/h"},
    abscissae=frozenset({"residual"}),
    pictures=frozenset({"halo_mass/by_mass"}),
    figures={
        "halo_mass": Figure(
            "Halo masses predicted from the initial conditions",
            "lss_stats.figures.halo_mass:figure",
            (
                "Top: predicted mass of the particles of each bin of true mass, as violins with quartiles and "
                "median; dashed: equal. Below: predicted over true mass in thirds of the true masses, of all "
                "particles and by their place in the halo."
            ),
            (),
        )
    },
)
