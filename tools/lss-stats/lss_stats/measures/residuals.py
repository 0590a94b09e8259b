"""Particle by particle: the mass of the halo it ends in, here and in the truth (as the halo-mass CNN is judged).

The residual is log10 M(here) - log10 M(truth) of particles that end in a halo in both. A catalogue that knew nothing
of the truth has the residuals of shuffled particles; the divergence between both distributions says how much is known.
"""

import logging

import numpy as np

from lss.errors import DataError
from lss.halos.lagrangian import particle_halo_mass
from lss.universe import Group, Universe
from lss_stats.divergence import kl_divergence
from lss_stats.measures.halo_mass import EDGES, by_true_mass, counts
from lss_stats.statistic import Figure, Groups, Statistic, Subject

log = logging.getLogger("lss.stats")

_MASS_BINS = 6


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
    lacking = [each.source for each in (universe, truth) if not each.halos.attrs.get("lattice", True)]
    if lacking:
        log.info("%s: the ids of its particles number no lattice: no residuals", lacking[0])
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
    divergence, error = kl_divergence(found - true, shuffled - true, EDGES)
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
        "residual": 0.5 * (EDGES[1:] + EDGES[:-1]),
        "count": counts(found - true),
        "count_shuffled": counts(shuffled - true),
    }
    return {
        "residuals/distribution": Group(distribution, attrs),
        "residuals/by_mass": Group(by_true_mass(found, true, _MASS_BINS)),
    }


def _labels(universe: Universe) -> np.ndarray:
    """Mass of the halo of each particle, Msun/h; 0 outside halos. (n^3,) float64."""
    try:
        return particle_halo_mass(universe.halos, universe.box.n).ravel().astype(np.float64)
    except DataError as error:
        raise DataError(f"{universe.source}: {error}") from None


def _of_universe(subject: Subject) -> Groups:
    return residuals(subject.universe, subject.truth.universe) if subject.truth is not None else {}


STATISTIC = Statistic(
    groups=("residuals",),
    of_universe=_of_universe,
    compares=True,
    units={"residual": "dex", "mass_true": "log10 Msun/h"},
    abscissae=frozenset({"residual"}),
    pictures=frozenset({"residuals/by_mass"}),
    figures={
        "residuals": Figure(
            "Halo masses particle by particle",
            "lss_stats.figures.halos:residuals",
            (
                "Left: masses of the halos in which particles of halos of a true mass are found, as violins with "
                "quartiles and median. Right: their ratio to the true mass, and the same for particles that are "
                "shuffled."
            ),
            (),
        )
    },
)
