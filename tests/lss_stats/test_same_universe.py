"""Universes that are compared or averaged say in the log where they are different ones."""

import dataclasses
import logging

import pytest

import lss
from lss.errors import DataError
from lss_stats.ensemble import measure_members
from lss_stats.measurements import measure
from lss_stats.same_universe import differences, facts_of
from lss_stats.stage import Config


@pytest.fixture(scope="module")
def universe():
    return lss.run("ic", box={"size": 50.0, "n": 8}, ic={"redshift": 9.0})


def another(universe, **changed):
    return dataclasses.replace(universe, cosmology=universe.cosmology.model_copy(update=changed), source="other.h5")


def test_a_truth_of_another_cosmology_and_redshift_is_named(universe, caplog):
    later = lss.run("ic", box={"size": 50.0, "n": 8}, ic={"redshift": 4.0})
    with caplog.at_level(logging.WARNING):
        measure(universe, Config().stats, another(later, h=0.7))
    assert " differ: h 0.6711, not 0.7; particles at z 9, not 4" in caplog.text


def test_what_one_does_not_say_is_no_difference(universe):
    foreign = another(universe, sigma8=0.5, unknown=("sigma8", "n_s"))
    assert differences(facts_of(universe), facts_of(foreign)) == ""


def test_the_rounding_of_a_header_is_no_difference(universe):
    assert differences(facts_of(universe), facts_of(another(universe, omega_m=0.31750001))) == ""


def test_halos_of_two_definitions_are_named():
    one, other = (
        lss.run("halo", lss.run("ic", box={"size": 50.0, "n": 8}), halo={"mass_definition": name})
        for name in ("fof", "200c")
    )
    assert differences(facts_of(one), facts_of(other)) == "halos of mass definition fof, not 200c"


def test_members_of_a_directory_that_differ_are_counted(universe, tmp_path, caplog):
    for number, omega_m in enumerate((0.3175, 0.3, 0.28)):
        lss.write(
            lss.run("ic", box={"size": 50.0, "n": 8}, cosmology={"omega_m": omega_m}), tmp_path / f"{number:06d}.h5"
        )
    paths = sorted(tmp_path.iterdir())
    with caplog.at_level(logging.WARNING):
        measure_members(paths, Config().stats)
    assert "2 universes differ from" in caplog.text
    assert "000001.h5: omega_m 0.3, not 0.3175" in caplog.text


def test_members_in_boxes_of_two_sizes_are_refused(tmp_path):
    for number, size in enumerate((50.0, 60.0)):
        lss.write(lss.run("ic", box={"size": size, "n": 8}), tmp_path / f"{number:06d}.h5")
    with pytest.raises(DataError, match=r"000001.h5: box of 60 Mpc/h, but .*000000.h5 has 50"):
        measure_members(sorted(tmp_path.iterdir()), Config().stats)
