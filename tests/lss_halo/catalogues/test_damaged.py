"""Damaged files of other codes: read right, or refused in one line."""

import random

import h5py
import numpy as np
import pytest
from bench.interop import damaged, formats

from lss.config import merge, parse_assignment, validate
from lss.errors import LssError
from lss.files.universe_file import read_universe
from lss_halo import stage


def settings_of(words):
    """The tables that --set of a command line makes."""
    assignments = [word for word in (*formats.COMMON, *words) if word != "--set"]
    tables = {}
    for assignment in assignments:
        tables = merge(tables, parse_assignment(assignment))
    return tables


def read_or_refused(of, path):
    """What is said in a refusal, and the rows if there is none."""
    try:
        return "", rows_of(of, path)
    except LssError as error:
        return str(error), None


def rows_of(of, path):
    """The rows of a file, as they are compared: columns of halos, particles, or noise."""
    if of.group == "halos":
        halos = stage.read_foreign(path, validate(stage.Config, settings_of(of.words), "test")).halos
        return {name: halos.columns[name] for name in damaged.COLUMNS if name in halos.columns}
    universe = read_universe(path, length_unit=None if of.name.endswith(".hdf5") else "Mpc/h")
    if of.group == "noise":
        return {"noise": universe.noise.value.reshape(-1, 1)}
    return {"particles": universe.particles.position, "speeds": universe.particles.velocity}


@pytest.mark.parametrize("of", formats.FORMATS, ids=lambda f: f.name)
def test_damaged_files_are_read_right_or_refused_in_one_line(of, tmp_path):
    rows, draw, refused = formats.whole_rows(), random.Random(7), 0
    for number in range(60):
        path = tmp_path / f"{number}-{of.name}"
        of.write(path, rows)
        kind = of.damage(path, draw)
        said, found = read_or_refused(of, path)
        if found is None:
            refused += 1
            assert "\n" not in said, kind
            continue
        assert not damaged.is_wrong(found, rows), kind
    assert 10 < refused < 60


def test_a_coordinate_that_is_the_same_for_all_is_taken_for_missing(tmp_path):
    of, rows = formats.FORMATS[1], formats.whole_rows()
    for name, axis, value in (("position", 1, 12.0), ("velocity", 2, -99.0)):
        changed = {**rows, name: rows[name].copy()}
        changed[name][:, axis] = value
        of.write(tmp_path / "a.csv", changed)
        with pytest.raises(
            LssError, match=rf"all 40 halos have the {name} {value:g} along {'xyz'[axis]}; is it missing"
        ):
            stage.read_foreign(tmp_path / "a.csv", validate(stage.Config, settings_of(of.words), "test"))
    changed = {**rows, "velocity": 0 * rows["velocity"]}
    of.write(tmp_path / "a.csv", changed)
    assert not stage.read_foreign(
        tmp_path / "a.csv", validate(stage.Config, settings_of(of.words), "test")
    ).halos.velocity.any()


def test_digits_of_other_scripts_are_no_numbers(tmp_path):
    of = formats.FORMATS[1]
    of.write(tmp_path / "a.csv", formats.whole_rows())
    lines = (tmp_path / "a.csv").read_text().splitlines()
    lines[5] = ",".join([*lines[5].split(",")[:5], "٣", *lines[5].split(",")[6:]])
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(LssError, match="column vz holds something that is no number"):
        stage.read_foreign(tmp_path / "a.csv", validate(stage.Config, settings_of(of.words), "test"))


def test_velocities_of_a_type_without_negative_numbers_are_refused(tmp_path):
    of, rows = formats.FORMATS[2], formats.whole_rows()
    of.write(tmp_path / "a.hdf5", rows)
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        del file["velocity"]
        file["velocity"] = np.abs(rows["velocity"]).astype(np.uint16)
    with pytest.raises(LssError, match="velocity has type uint16, which holds no negative numbers"):
        stage.read_foreign(tmp_path / "a.hdf5", validate(stage.Config, settings_of(of.words), "test"))
