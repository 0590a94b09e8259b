"""How good a reconstruction is: figures of one against its truth, and of many.

| figure | what |
|---|---|
| k80_FIELD | the k where r(k) with the truth falls through 0.8, painted as recorded values were (RECORDED) |
| k80_default_FIELD | the same, painted as lss-stats does by default |
| t10_FIELD, t12_FIELD | the k out to which T(k) stays within 10%, 12%; shells of fewer than 50 modes left out |
| q_error | median of abs(Q / Q_true - 1) over angles, k1 = 0.1, k2 = 1.0 h/Mpc, matter |
| n_20, n_130, with _true | halos of at least 20 and 130 particles |
| simulations, wall_s, cpu_s | what it took |
| k80_estimate, k80_halo_field | of the estimator alone, and of halo mass on the grid, with the initial field |
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from lss.config import Painting
from lss.grid.comparison import Comparison, falls_through, transfer_reach
from lss.grid.mesh import overdensity
from lss.grid.spectra import measure
from lss.halos.six_fields import NAMES, PAINTED, RECORDED, recovery, reference_bins, six_fields
from lss.learned import estimator
from lss.physics.random_field import linear_overdensity
from lss.physics.units import particle_mass
from lss.universe import Universe
from lss_stats.config import Statistics
from lss_stats.fields import FieldModes, Fields, without_window
from lss_stats.measures.bispectrum import against_angle

# Which field's T(k), and how far from 1: LULO section 5.2.
BANDS = {
    "t10_ic": ("ic", 0.1),
    "t10_matter": ("matter", 0.1),
    "t12_mw": ("mw", 0.12),
    "t12_count": ("count", 0.12),
    "t10_momentum": ("momentum", 0.1),
    "t10_velocity": ("velocity", 0.1),
}
RESOLVED = 130  # particles of a halo whose mass is trusted (LULO section 5.2.3)
TRIANGLE, ANGLES = (0.1, 1.0), 15  # h/Mpc; from 0 to pi
MEDIAN_ERROR = 1.2533  # standard error of a median over that of a mean, Gaussian

Figures = dict[str, float]


def figures(found: Universe, truth: Universe, recovered: Mapping[str, Comparison]) -> Figures:
    """All figures of one reconstruction; `recovered` is their `compare`."""
    by_default = {**recovered, **painted_by_default(found, truth)}
    histories = [found.group(path).attrs for path in ("recon", "recon/early") if found.has(path)]
    return {
        **reaches(recovered),
        **{f"k80_default_{name}": one.k80 for name, one in by_default.items()},
        "q_error": q_error(found, truth),
        **halo_numbers(found, truth),
        "simulations": float(histories[0]["simulations"]),
        "wall_s": float(sum(np.sum(history["seconds"]) for history in histories)),
        "cpu_s": float(found.group("bench").attrs["cpu_s"]),
    }


def compare(found: Universe, truth: Universe) -> dict[str, Comparison]:
    """r(k) and T(k) of the six fields, as far as both have them."""
    reference = reference_bins(truth)
    return recovery(six_fields(found, reference), six_fields(truth, reference), truth.box.size)


def painted_by_default(found: Universe, truth: Universe) -> dict[str, Comparison]:
    """The fields of `compare` that are painted, painted as lss-stats does by default."""
    reference = reference_bins(truth)
    ours, true = (six_fields(universe, reference, Painting(), PAINTED) for universe in (found, truth))
    return recovery(ours, true, truth.box.size)


def reaches(recovered: Mapping[str, Comparison]) -> Figures:
    """k80_FIELD and the reach of T(k)."""
    k80 = {f"k80_{name}": comparison.k80 for name, comparison in recovered.items()}
    bands = {band: recovered[name].transfer_reach(width) for band, (name, width) in BANDS.items() if name in recovered}
    return {**k80, **bands}


def reaches_together(recovered: Sequence[Mapping[str, Comparison]]) -> dict[str, float | None]:
    """The reach of T(k) of several reconstructions: sqrt(sum P / sum P_true), shell by shell.

    Ten boxes of 125 Mpc/h hold the modes of LULO's one of 250 Mpc/h; in a single one the first shells decide by chance.
    """
    found: dict[str, float | None] = {}
    for band, (name, width) in BANDS.items():
        of_field = [one[name] for one in recovered if name in one]
        found[band] = None
        if of_field:
            power = np.sum([one.power for one in of_field], axis=0)
            true = np.sum([one.power_other for one in of_field], axis=0)
            found[band] = transfer_reach(of_field[0].k, np.sqrt(power / true), of_field[0].n_modes, width)
    return found


def q_error(found: Universe, truth: Universe) -> float:
    """Median of abs(Q / Q_true - 1) of the matter over the angle of k1 and k2.

    NaN where the grid is too coarse, and for a reconstruction at rest, whose Q is a ratio of rounding errors.
    """
    n, size = truth.box.n, truth.box.size
    coarse, particles = sum(TRIANGLE) > np.pi * n / size, all(one.has("PartType1") for one in (found, truth))
    if coarse or not particles or not found.noise.value.any():
        return np.nan
    theta = np.linspace(0, np.pi, ANGLES)
    reduced = []
    for universe in (found, truth):
        modes = without_window(matter(universe))
        reduced.append(against_angle(modes, n, size, *TRIANGLE, theta).reduced)
    return float(np.median(np.abs(reduced[0] / reduced[1] - 1)))


def matter(universe: Universe) -> FieldModes:
    """The overdensity of the particles in Fourier space, painted as recorded values were."""
    config = Statistics(assignment=RECORDED.assignment, interlace=RECORDED.interlaced)
    return Fields(universe, config).modes("matter")


def halo_numbers(found: Universe, truth: Universe) -> Figures:
    """n_20 and n_130 of both, by mass: a catalogue whose masses were matched keeps its own numbers of particles.

    Every catalogue ends at its own smallest halo.
    """
    numbers: Figures = {}
    for suffix, universe in (("", found), ("_true", truth)):
        particle = particle_mass(universe.cosmology.omega_m, universe.box.size, universe.box.n**3)
        particles = np.rint(universe.halos.mass / particle)
        numbers |= {f"n_{least}{suffix}": float((particles >= least).sum()) for least in (20, RESOLVED)}
    return numbers


def without_a_loop(truth: Universe, checkpoint: str | None) -> Figures:
    """What there is before any simulation: the halo field itself, and the estimate if `checkpoint` is an estimator."""
    halos, box = truth.halos, truth.box
    fields = {"k80_halo_field": overdensity(halos.position, box.n, box.size, RECORDED.assignment, halos.mass)}
    if checkpoint is not None:
        network, columns = _estimator(checkpoint), (halos.position, halos.mass)
        fields["k80_estimate"] = network.estimate(*columns, box.n, box.size, halos.velocity)
    linear = linear_overdensity(truth.noise.value, truth.cosmology, box.size)
    spectra = measure([linear, *fields.values()], box.size)
    return {name: falls_through(spectra.k, spectra.correlation(0, i)) for i, name in enumerate(fields, start=1)}


@functools.cache
def _estimator(checkpoint: str) -> estimator.Estimator:
    return estimator.load(checkpoint)


# --- over truths -----------------------------------------------------------------------------------------------------


def median(rows: Sequence[Figures], name: str) -> float | None:
    """Over the truths, of those that have the figure; None if none has."""
    values = column(rows, name)
    return float(np.median(values)) if len(values) else None


def median_error(rows: Sequence[Figures], name: str) -> float | None:
    """Standard error of the median over the truths; None for fewer than two."""
    values = column(rows, name)
    return float(MEDIAN_ERROR * np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def column(rows: Sequence[Figures], name: str) -> np.ndarray:
    """A figure of every row that has it, NaN left out."""
    values = np.array([row[name] for row in rows if name in row], np.float64)
    return values[np.isfinite(values)]


def of_six(rows: Sequence[Figures], over_truths, kind: str = "k80") -> dict[str, float | None]:
    """`median` or `median_error` of the six k80 (or k80_default)."""
    return {name: over_truths(rows, f"{kind}_{name}") for name in NAMES}


def ratio_of_sums(rows: Sequence[Figures], name: str) -> float | None:
    """The halos of all reconstructions over those of all truths."""
    true = column(rows, f"{name}_true").sum()
    return float(column(rows, name).sum() / true) if true else None
