"""Every figure by name; each is left out where its statistics were not measured."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from matplotlib.figure import Figure

from lss_stats.figures import bispectrum as figure_bispectrum
from lss_stats.figures import ensemble as figure_ensemble
from lss_stats.figures import fields as figure_fields
from lss_stats.figures import halos as figure_halos
from lss_stats.figures import posterior as figure_posterior
from lss_stats.figures import spectra as figure_spectra
from lss_stats.figures import style
from lss_stats.figures.overview import overview
from lss_stats.figures.shown import Shown

log = logging.getLogger("lss.stats")

# name -> (what a reader is told, how it is drawn)
FIGURES: dict[str, tuple[str, Callable[[Shown], Figure | None]]] = {
    "slices": ("Slices of the fields (LULO Fig. 4)", figure_fields.slices),
    "random-field": ("Random field and its spectrum", figure_fields.random_field),
    "spectra": ("Power, transfer function and cross-correlation (LULO Fig. 5)", figure_spectra.fields),
    "velocity-spectra": ("Momentum and Lagrangian velocity (LULO Fig. 6)", figure_spectra.velocities),
    "mass-function": ("Halo mass function (LULO Fig. 7)", figure_halos.mass_function),
    "halo-velocities": ("Velocity dispersions and speeds of halos (LULO Fig. 8)", figure_halos.velocities),
    "bispectrum-angle": ("Reduced bispectra against angle (LULO Fig. 9, left)", figure_bispectrum.against_angle),
    "bispectrum-equilateral": ("Reduced bispectra, equilateral (LULO Fig. 9, right)", figure_bispectrum.equilateral),
    "ensemble-spectra": (
        "Transfer function and cross-correlation of every member (LULO Fig. 10)",
        figure_ensemble.spectra,
    ),
    "ensemble-mass-function": ("Halo mass function of every member (LULO Fig. 11)", figure_ensemble.mass_functions),
    "multipoles": ("Multipoles in redshift space", figure_spectra.multipoles),
    "wedges": ("Power across and along the line of sight", figure_spectra.wedges),
    "two-point": ("Two-point correlation function of halos", figure_halos.two_point),
    "residuals": ("Halo masses particle by particle", figure_halos.residuals),
    "posterior": ("Posteriors of the parameters, and Fisher matrices", figure_posterior.corner),
    "estimates": ("Parameters estimated from learned summaries", figure_posterior.estimates),
    "coverage": ("Coverage of the posteriors: ranks and TARP", figure_posterior.coverage),
}


def drawn(shown: Shown) -> Iterator[tuple[str, str, Figure]]:
    """Name, caption and figure of everything that can be drawn."""
    for name, (caption, draw) in FIGURES.items():
        figure = draw(shown)
        if figure is not None:
            yield name, caption, figure


def save_overview(shown: Shown, path: Path) -> None:
    """The one figure that shows the universe together; of an ensemble, its spectra; of parameters, their posterior."""
    with style.styled():
        if shown.members:
            figure = (
                figure_ensemble.spectra(shown) or figure_posterior.coverage(shown) or figure_posterior.estimates(shown)
            )
        else:
            figure = figure_posterior.corner(shown) or figure_fields.random_field(shown) or overview(shown)
        if figure is None:
            log.warning("%s: no figure shows what was measured; it was not written", path)
        else:
            style.save(figure, path)


def save_all(shown: Shown, folder: Path, suffixes: tuple[str, ...] = (".png", ".pdf")) -> list[Path]:
    """Every figure, as PNG and PDF, into a folder."""
    written = []
    with style.styled():
        for name, _, figure in drawn(shown):
            written += style.save(figure, *(folder / f"{name}{suffix}" for suffix in suffixes))
    return written
