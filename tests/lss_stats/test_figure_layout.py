"""Figures are laid out by what there is: no empty panels, nothing beyond Nyquist, names as they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lss import stages
from lss_stats.config import Statistics
from lss_stats.ensemble import of_members
from lss_stats.figures import catalogue, ensemble, halos, overview, spectra, style
from lss_stats.figures.shown import Shown
from lss_stats.measurements import measure
from lss_stats.run import _labels


@pytest.fixture(autouse=True)
def _closed():
    with style.styled():
        yield
    plt.close("all")


def panels(figure):
    return [axis for axis in figure.axes if axis.get_visible() and axis.get_label() != "<colorbar>"]


@pytest.mark.parametrize("dropped", [(), ("halos", "fields"), ("ic",), ("PartType1", "ic")])
def test_no_panel_is_empty(universe, dropped):
    for path in dropped:
        universe = universe.without(path)
    shown = Shown(measure(universe, Statistics()).own)
    for draw in (overview.overview, spectra.fields, halos.mass_function):
        figure = draw(shown)
        for axis in panels(figure) if figure is not None else ():
            assert axis.has_data(), (draw.__name__, axis.get_title())


def test_an_empty_catalogue_is_left_out_of_every_figure(universe, tmp_path):
    empty = stages.run("halo", universe, {**universe.config, "halo": {"min_particles": 100_000}})
    assert len(empty.halos) == 0
    shown = Shown(measure(empty, Statistics(measure=["all"])).own)
    drawn = {name: figure for name, _, figure in catalogue.draw_all(shown)} | {"overview": overview.overview(shown)}
    assert not {"mass-function", "halo-velocities", "two-point"} & drawn.keys()
    for name, figure in drawn.items():
        figure.savefig(tmp_path / f"{name}.png")
        titles = " ".join(axis.get_title() for axis in figure.axes)
        assert "halos" not in titles, name
        for axis in panels(figure):
            assert axis.has_data(), (name, axis.get_title())


def test_fields_that_the_truth_lacks_have_no_panels_of_comparison(universe, truth):
    measured = measure(universe, Statistics(), truth.without("halos").without("fields"))
    shown = panels(spectra.fields(Shown(measured.own, measured.truth)))
    assert len(shown) == 4 + 2 * 2  # P of four fields; T and r of the initial field and the matter
    for axis in shown:
        assert axis.lines


def test_universe_and_truth_have_the_names_that_they_are_given(universe, truth):
    assert _labels("LULO, Gadget-4", "universe") == ("LULO", "Gadget-4")
    assert _labels(None, "universe") == ("universe", "truth")
    measured = measure(universe, Statistics(), truth)
    shown = Shown(measured.own, measured.truth, label="LULO", truth_label="Gadget-4")
    for draw in (spectra.fields, halos.mass_function, overview.overview):
        legends = [axis.get_legend() for axis in draw(shown).axes if axis.get_legend() is not None]
        words = " ".join(text.get_text() for legend in legends for text in legend.get_texts())
        assert "Gadget-4" in words
        assert "truth" not in words


def test_an_ensemble_at_a_glance_has_spectra_and_mass_functions(universe, truth):
    members = [measure(universe, Statistics(), truth), measure(truth, Statistics(), universe)]
    shown = Shown({}, band=of_members(members), members=members)
    axes = panels(ensemble.overview(shown))
    labels = {axis.get_ylabel() for axis in axes}
    assert {"$T(k)$", "$r(k)$", r"d$n$/dln$M$ [($h$/Mpc)$^3$]"} <= labels
    for axis in axes:
        assert axis.has_data(), axis.get_title()


def test_every_figure_says_what_is_seen_and_which_keys_made_it():
    for name, figure in catalogue.figures().items():
        assert len(figure.seen) > 40, name
        assert set(figure.settings) <= set(Statistics.model_fields), name


def test_wedges_end_at_the_nyquist_frequency(universe):
    group = measure(universe, Statistics(measure=["wedges"])).own["wedges/matter"]
    k = np.hypot(group.data["k_perp"][None, :], group.data["k_par"][:, None])
    shown = np.isfinite(spectra._inside_nyquist(group))
    assert shown.any()
    assert not shown[k > group.attrs["nyquist"]].any()


def test_every_comparison_has_a_band(universe, truth):
    measured = measure(universe, Statistics(), truth)
    figure = spectra.fields(Shown(measured.own, measured.truth))
    assert all(len(axis.collections) >= 1 for axis in panels(figure))
