"""Catalogues that were observed already, and what a mask takes from fields and volumes."""

import dataclasses

import numpy as np
import pytest
from tests.lss_halo.test_stage import configuration, universe

from lss.config import Box
from lss.errors import ConfigError, DataError
from lss.halos.six_fields import reference_bins, six_fields
from lss.halos.survey import Survey, in_redshift_space, seen_volume
from lss_halo import stage


def test_a_table_that_was_observed_already_is_left_as_it_is():
    found = stage.run(universe(), configuration(mass_definition="fof")).without("PartType1")
    survey = {"redshift_space": "z", "selection": [(1e10, 0.2), (1e17, 0.2)]}
    config = configuration(mass_definition="fof", survey=survey, catalogue={"observed": True})
    observed = stage.run(found, config).halos
    assert np.array_equal(observed.position, found.halos.position)
    assert observed.attrs["redshift_space"] == "z"
    thinned = stage.run(found, configuration(mass_definition="fof", survey=survey)).halos
    assert len(thinned) < len(observed) == len(found.halos)
    assert observed.attrs["survey"] == thinned.attrs["survey"]
    with pytest.raises(ConfigError, match=r"observed = true needs \[halo\.survey\]"):
        configuration(mass_definition="fof", catalogue={"observed": True})


def test_halos_are_moved_along_one_line_of_sight_only():
    halos = stage.run(universe(), configuration(mass_definition="fof")).halos
    moved = in_redshift_space(halos, Survey(redshift_space="x"), 0.3, 64.0)
    assert in_redshift_space(moved, Survey(redshift_space="x"), 0.3, 64.0) is moved
    with pytest.raises(DataError, match="in redshift space along x already, not along y"):
        in_redshift_space(moved, Survey(redshift_space="y"), 0.3, 64.0)


def test_a_mask_is_expected_in_the_halo_fields(tmp_path):
    made = universe()
    n, size = made.box.n, made.box.size
    halos = stage.run(made, configuration(mass_definition="fof")).halos
    draw = np.random.default_rng(1)
    place = draw.uniform(0, size, (40_000, 3)).astype(np.float32)
    mass = np.full(len(place), float(np.median(halos.mass)), np.float32)
    columns = {"position": place, "velocity": np.zeros_like(place), "mass": mass}
    random = made.with_halos(dataclasses.replace(halos, columns=columns, members=None)).without("PartType1")
    mask = np.full((n, n, n), 0.25, np.float32)
    mask[: n // 2] = 1.0
    np.save(tmp_path / "mask.npy", mask)
    survey = {"mask": str(tmp_path / "mask.npy")}
    seen = stage.run(random, configuration(mass_definition="fof", survey=survey))
    assert len(seen.halos) == pytest.approx(0.625 * len(place), rel=0.02)
    counts = six_fields(seen, reference_bins(seen), names=["count"])["count"].modes[0]
    without = six_fields(seen.without("fields/completeness"), reference_bins(seen), names=["count"])["count"].modes[0]
    # The mode along x of the mask: a dipole of the shares if nothing is expected, shot noise if the mask is.
    assert abs(counts[1, 0, 0]) < 0.1 * abs(without[1, 0, 0])


def test_abundances_are_of_the_volume_that_is_seen(tmp_path):
    mask = np.zeros((8, 8, 8), np.float32)
    mask[:2] = 1
    np.save(tmp_path / "mask.npy", mask)
    box = Box(size=100.0, n=8)
    assert seen_volume(Survey(mask=str(tmp_path / "mask.npy")), box) == pytest.approx(0.25e6)
    assert seen_volume(None, box) == seen_volume(Survey(), box) == 1e6
