"""Particle by particle: the mass of the halo it ends in, here and in the truth (as the halo-mass CNN is judged).

The residual is log10 M(here) - log10 M(truth) of particles that end in a halo in both. A catalogue that knew nothing
of the truth has the residuals of shuffled particles; the divergence between both distributions says how much is known.
"""

import itertools
import logging

import numpy as np

from lss.errors import DataError
from lss.halos.lagrangian import particle_halo_mass
from lss.universe import Group, Universe
from lss_stats.statistic import Figure, Groups, Statistic, Subject

log = logging.getLogger("lss.stats")

_EDGES = np.linspace(-3, 3, 61)  # dex
_MASS_BINS = 6
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def residuals(universe: Universe, truth: Universe, seed: int = 1) -> dict[str, Group]:
    """Distribution of residuals, and the masses found in bins of true mass (what a violin plot shows).

    Returns "residuals/distribution": columns residual (bin centres, dex), count, count_shuffled, and kl_divergence
    (nats) with its error as attributes; "residuals/by_mass": mass_true, mass_low, mass_high (log10 Msun/h), particles,
    density (bins, b) over found, q05 ... q95. Nothing where a catalogue has no members, or no particle ends in a halo
    in both.
    Raises DataError for particles that differ in number, and as `particle_halo_mass`.
    """
    lacking = [each.source for each in (universe, truth) if not each.has("halos/members_offset")]
    if lacking:
        log.info("%s: no members of halos: no residuals", lacking[0])
        return {}
    here, there = _labels(universe), _labels(truth)
    if len(here) != len(there):
        raise DataError(f"{universe.source}: {len(here)} particles, but {truth.source} has {len(there)}")
    both = (here > 0) & (there > 0)
    if not both.any():
        log.info("%s: no particle ends in a halo here and in %s: no residuals", universe.source, truth.source)
        return {}
    found, true = np.log10(here[both]), np.log10(there[both])
    shuffled = np.random.default_rng(seed).permutation(found)
    divergence, error = kl_divergence(found - true, shuffled - true, _EDGES)
    attrs = {
        "kl_divergence": divergence,
        "kl_error": error,
        "particles": int(both.sum()),
        "share_in_halos_of_truth": float(both.sum() / max(1, (there > 0).sum())),
        "median": float(np.median(found - true)),
        "source": universe.source,
        "with_source": truth.source,
    }
    distribution = {
        "residual": 0.5 * (_EDGES[1:] + _EDGES[:-1]),
        "count": _counts(found - true),
        "count_shuffled": _counts(shuffled - true),
    }
    return {
        "residuals/distribution": Group(distribution, attrs),
        "residuals/by_mass": Group(_by_true_mass(found, true)),
    }


def _labels(universe: Universe) -> np.ndarray:
    """Mass of the halo of each particle, Msun/h; 0 outside halos. (n^3,) float64."""
    try:
        return particle_halo_mass(universe.halos, universe.box.n).ravel().astype(np.float64)
    except DataError as error:
        raise DataError(f"{universe.source}: {error}") from None


def _counts(residual: np.ndarray) -> np.ndarray:
    return np.histogram(np.clip(residual, _EDGES[0], _EDGES[-1]), _EDGES)[0]


def _by_true_mass(found: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    edges = np.linspace(true.min(), true.max() + 1e-6, _MASS_BINS + 1)
    inside = [(true >= low) & (true < high) for low, high in itertools.pairwise(edges)]
    axis = np.linspace(min(found.min(), edges[0]), max(found.max(), edges[-1]) + 1e-6, 41)
    density = np.array([np.histogram(found[chosen], axis)[0] for chosen in inside], np.float64)
    density /= np.maximum(density.sum(axis=1, keepdims=True), 1) * np.diff(axis)
    quantiles = np.array(
        [
            np.quantile(found[chosen], _QUANTILES) if chosen.any() else np.full(len(_QUANTILES), np.nan)
            for chosen in inside
        ]
    )
    return {
        "mass_true": 0.5 * (edges[1:] + edges[:-1]),
        "mass_low": edges[:-1],
        "mass_high": edges[1:],
        "particles": np.array([int(chosen.sum()) for chosen in inside]),
        "found": 0.5 * (axis[1:] + axis[:-1]),
        "density": density,
        **{f"q{round(100 * q):02d}": quantiles[:, i] for i, q in enumerate(_QUANTILES)},
    }


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
        _divergence(rng.multinomial(p.sum(), p / p.sum()), rng.multinomial(q.sum(), q / q.sum()))
        for _ in range(resamplings)
    ]
    return _divergence(p, q), float(np.std(drawn, ddof=1))


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    a, b = (p + 0.5) / (p + 0.5).sum(), (q + 0.5) / (q + 0.5).sum()
    return float((a * np.log(a / b)).sum())


def _of_universe(subject: Subject) -> Groups:
    return residuals(subject.universe, subject.truth.universe) if subject.truth is not None else {}


STATISTIC = Statistic(
    groups=("residuals",),
    of_universe=_of_universe,
    compares=True,
    units={"residual": "dex", "mass_true": "log10 Msun/h"},
    abscissae=frozenset({"mass_low", "mass_high"}),
    figures={"residuals": Figure("Halo masses particle by particle", "lss_stats.figures.halos:residuals")},
)
