"""Halo mass functions: counted, with Poisson errors, and as fitted to simulations.

| model | mass definition | paper |
|---|---|---|
| tinker08 | spherical overdensities | Tinker et al. 2008 |
| sheth99 | friends of friends | Sheth & Tormen 1999 |
| press74 | friends of friends | Press & Schechter 1974 |

dn/dlnM = f(sigma) (rho_m / M) dln(1/sigma)/dlnM; f from colossus, sigma(M) from our own linear spectrum.
"""

import functools
import logging
import re

import numpy as np

from lss.config import Cosmology
from lss.errors import DataError, Unknown
from lss.physics.cosmology import RHO_CRIT, growth_factor
from lss.physics.linear_power import sigma_r
from lss.universe import Group, Universe
from lss_stats.config import Statistics
from lss_stats.fields import lattice_particle_mass
from lss_stats.statistic import Figure, Statistic, numbers_of_halos

log = logging.getLogger("lss.stats")

MODELS = ("tinker08", "sheth99", "press74")
_BIN_POINTS = 10  # at which a model is averaged over a bin: across it, it falls more steeply than a line
_SIGMA_POINTS = 48  # sigma(M) is interpolated between these, to 1e-4


def mass_function(universe: Universe, config: Statistics) -> Group:
    """Counts of halos in logarithmic mass bins with Poisson errors, and the models' prediction for the same bins.

    Columns: mass (geometric centre, Msun/h), mass_low, mass_high, count, density (dn/dlnM, (h/Mpc)^3), error, and one
    per model that is calibrated for this mass definition, averaged over the bin as the counts are.
    Raises DataError for a catalogue whose masses are missing or not positive.
    """
    halos = universe.halos
    if len(halos) and not (halos.mass > 0).all():
        raise DataError(f"{universe.source}: /halos: {int((~(halos.mass > 0)).sum())} masses are not positive")
    edges = np.geomspace(*config.mass_range, config.mass_bins + 1)
    count = np.histogram(halos.mass, edges)[0]
    volume, width = universe.box.size**3, np.diff(np.log(edges))
    data = {
        "mass": np.sqrt(edges[1:] * edges[:-1]),
        "mass_low": edges[:-1],
        "mass_high": edges[1:],
        "count": count,
        "density": count / (volume * width),
        "error": np.sqrt(count) / (volume * width),
    }
    points = np.geomspace(*config.mass_range, 2 * _BIN_POINTS * config.mass_bins + 1)[1::2]
    for model in _models(universe):
        expected = predicted(points, universe.cosmology, halos.redshift, model, halos.mass_definition)
        if expected is not None:
            data[model] = expected.reshape(-1, _BIN_POINTS).mean(axis=1)
    attrs = {
        "mass_definition": halos.mass_definition,
        "finder": halos.finder,
        "redshift": halos.redshift,
        "halos": len(halos),
        "resolved_mass": config.resolved * lattice_particle_mass(universe),
        "source": universe.source,
    }
    return Group(data, attrs)


def _models(universe: Universe) -> tuple[str, ...]:
    """The models that the cosmology allows: none where the linear spectrum is not known, and the log says so."""
    try:
        universe.cosmology.need("omega_b", "h", "n_s", "sigma8")
    except Unknown as error:
        log.info("%s: no model of the mass function: %s", universe.source, error)
        return ()
    return MODELS


def predicted(
    mass: np.ndarray, cosmology: Cosmology, redshift: float, model: str, mass_definition: str
) -> np.ndarray | None:
    """dn/dlnM of a model in (h/Mpc)^3 at masses in Msun/h; None where it is not calibrated for the definition.

    Source: checked against the values of Tinker et al. 2008, Table 2, and colossus' own massFunction.
    """
    spherical = re.fullmatch(r"\d+[cm]|vir", mass_definition) is not None
    if spherical != (model == "tinker08"):
        return None
    from colossus.cosmology import cosmology as background
    from colossus.lss import mass_function as fits

    flat = {"flat": True, "H0": 100 * cosmology.h, "Om0": cosmology.omega_m, "Ob0": cosmology.omega_b}
    background.setCosmology("lss", sigma8=cosmology.sigma8, ns=cosmology.n_s, relspecies=False, persistence="", **flat)
    density = cosmology.omega_m * RHO_CRIT
    log_mass, log_sigma = _sigma_table(cosmology, float(mass.min()), float(mass.max()))
    slope = np.interp(np.log(mass), log_mass, np.gradient(log_sigma, log_mass))
    growth = float(growth_factor(1 / (1 + redshift), cosmology.omega_m))
    sigma = growth * np.exp(np.interp(np.log(mass), log_mass, log_sigma))
    f = fits.massFunction(sigma, redshift, q_in="sigma", q_out="f", mdef=mass_definition, model=model)
    return np.asarray(f) * density / mass * -slope


@functools.lru_cache(maxsize=16)
def _sigma_table(cosmology: Cosmology, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """ln M (Msun/h) and ln sigma(M) at z = 0, a little beyond the masses asked for."""
    mass = np.geomspace(low / 1.2, high * 1.2, _SIGMA_POINTS)
    radius = (3 * mass / (4 * np.pi * cosmology.omega_m * RHO_CRIT)) ** (1 / 3)
    return np.log(mass), np.log([sigma_r(r, cosmology) for r in radius])


STATISTIC = Statistic(
    groups=("mass_function",),
    needs=("halos",),
    of_universe=lambda subject: {"mass_function": mass_function(subject.universe, subject.config)},
    units={
        **dict.fromkeys(("mass", "mass_low", "mass_high"), "Msun/h"),
        **dict.fromkeys(("density", "error", *MODELS), "(h/Mpc)^3"),
    },
    abscissae=frozenset({"mass", "mass_low", "mass_high"}),
    shared=frozenset(MODELS),
    figures={
        "mass-function": Figure(
            "Halo mass function (LULO Fig. 7)",
            "lss_stats.figures.halos:mass_function",
            (
                "Halos per volume and logarithm of mass, with Poisson errors; lines: models for this definition "
                "of mass, averaged over each bin. Below, the square root of the ratio to the truth, or to the "
                "first model without one. Grey: too few particles to be resolved. Orange: mean and 1, 2 and 3 "
                "standard deviations of the ensemble, where there is one."
            ),
            ("mass_range", "mass_bins", "resolved"),
        ),
        "ensemble-mass-function": Figure(
            "Halo mass function of every member (LULO Fig. 11)",
            "lss_stats.figures.ensemble:mass_functions",
            (
                "Mean and 1, 2 and 3 standard deviations over the members, the first member as points. Below, "
                "with truths: the square root of the ratio to its truth of every member."
            ),
            ("mass_range", "mass_bins", "resolved"),
        ),
    },
    tables=numbers_of_halos("mass_function", "in the catalogue"),
)
