"""Other people's catalogues: facts from the file or the user, units, parts, columns in an order of their own."""

import bz2
import gzip
import re

import h5py
import numpy as np
import pytest

from lss.config import validate
from lss.errors import ConfigError, DataError
from lss_halo import stage

BOX = 100.0
MPC, MASS = 3.085678e24, 1.989e43
GADGET, ROCKSTAR = {"format": "gadget4"}, {"format": "rockstar"}
NAMES = "ID PID M200c Vmax Vrms R200c Np X Y Z VX VY VZ"


def read(path, catalogue, mass_definition=None, **tables):
    halo = {"catalogue": catalogue} | ({"mass_definition": mass_definition} if mass_definition else {})
    return stage.read_foreign(path, validate(stage.Config, {"halo": halo, **tables}, "test.toml"))


def sample():
    """60 halos: position, velocity, mass by decreasing mass, number of particles."""
    rng = np.random.default_rng(3)
    mass = np.sort(10 ** rng.uniform(13.2, 15, 60))[::-1]
    return rng.random((60, 3)) * BOX, rng.normal(0, 200, (60, 3)), mass, np.rint(mass / 5e11).astype(int)


def groups(path, *, mass_unit=MASS, length_unit=MPC, empty=False, total=None):
    position, velocity, mass, count = sample()
    scale = MPC / length_unit
    with h5py.File(path, "w") as file:
        header = {"Redshift": 0.0, "Time": 1.0, "BoxSize": BOX * scale, "NumFiles": 1}
        file.create_group("Header").attrs.update(header | {"Ngroups_Total": 0 if empty else total or 60})
        units = {"UnitMass_in_g": mass_unit, "UnitLength_in_cm": length_unit, "UnitVelocity_in_cm_per_s": 1e5}
        file.create_group("Parameters").attrs.update(
            units | {"Omega0": 0.3175, "OmegaLambda": 0.6825, "HubbleParam": 0.6711}
        )
        group = file.create_group("Group")
        if not empty:
            group["GroupLen"], group["GroupVel"] = count, velocity
            group["GroupMass"], group["GroupPos"] = mass / 1e10 * MASS / mass_unit, position * scale
    return path


def rockstar(path, names=NAMES, *, position=None, om=0.3175, twice=None):
    """twice : the factor of the last column, where it has the name of an earlier one"""
    x, velocity, mass, count = sample()
    x = x if position is None else position
    radius = (3 * mass / (4 * np.pi * 200 * 2.77536627e11)) ** (1 / 3) * 1e3
    columns = dict(zip("xyz", x.T, strict=True)) | dict(zip(("vx", "vy", "vz"), velocity.T, strict=True))
    columns |= {"id": np.arange(60), "pid": -np.ones(60), "np": count, "r200c": radius, "rvir": radius}
    columns |= dict.fromkeys(("m200c", "mvir"), mass) | dict.fromkeys(("vmax", "vrms"), np.full(60, 300.0))
    columns["scale"] = np.ones(60)
    rows = np.stack([columns[name.partition("(")[0].lower()] for name in names.split()], axis=1)
    if twice:
        rows[:, -1] *= twice
    head = f"#{names}\n#a = 1.0\n#Om = {om:.6f}; Ol = {1 - om:.6f}; h = 0.671100\n#Box size: {BOX:.6f} Mpc/h\n"
    path.write_text(head + "\n".join(" ".join(f"{value:.8g}" for value in row) for row in rows) + "\n")
    return path


def test_group_masses_are_converted_by_their_own_unit(tmp_path):
    halos = read(groups(tmp_path / "a.hdf5", mass_unit=1.989e33), GADGET, "fof").halos
    np.testing.assert_allclose(halos.mass, sample()[2], rtol=1e-6)


@pytest.mark.parametrize("said", [{}, {"length_unit": "kpc/h"}])
def test_groups_in_kpc_are_read_whether_the_user_says_so_or_not(tmp_path, said):
    universe = read(groups(tmp_path / "a.hdf5", length_unit=MPC / 1e3), GADGET | said, "fof")
    assert universe.box.size == BOX
    np.testing.assert_allclose(universe.halos.position, sample()[0], atol=1e-5)


def test_a_unit_that_contradicts_the_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="UnitLength_in_cm is 1 Mpc/h"):
        read(groups(tmp_path / "a.hdf5"), GADGET | {"length_unit": "kpc/h"}, "fof")


def test_a_file_without_groups_is_an_empty_catalogue(tmp_path, caplog):
    universe = read(groups(tmp_path / "a.hdf5", empty=True), GADGET, "fof")
    assert len(universe.halos) == 0
    assert "the catalogue is empty" in caplog.text


def test_fewer_groups_than_the_header_counts_are_refused(tmp_path):
    with pytest.raises(DataError, match="Ngroups_Total is 70, but GroupLen has 60 rows"):
        read(groups(tmp_path / "a.hdf5", total=70), GADGET, "fof")


def test_subhalos_that_cannot_be_told_from_hosts_are_warned_of(tmp_path, caplog):
    assert len(read(rockstar(tmp_path / "out_0.list", NAMES.replace(" PID", "")), ROCKSTAR).halos) == 60
    assert "no column PID: subhalos cannot be told from hosts" in caplog.text


def test_of_two_columns_of_one_name_rockstars_first_counts_and_is_named(tmp_path, caplog):
    halos = read(rockstar(tmp_path / "a.list", NAMES + " M200c", twice=1.3), ROCKSTAR).halos
    np.testing.assert_allclose(halos.mass, sample()[2], rtol=1e-6)
    assert "two columns named m200c: the first is taken" in caplog.text
    caplog.clear()
    read(rockstar(tmp_path / "a.list", NAMES + " M200c"), ROCKSTAR)
    assert "two columns" not in caplog.text


def test_other_columns_of_one_name_are_refused_unless_they_agree(tmp_path):
    with pytest.raises(DataError, match="two columns named x, which differ"):
        read(rockstar(tmp_path / "a.list", NAMES + " X", twice=0.5), ROCKSTAR)
    assert len(read(rockstar(tmp_path / "a.list", NAMES + " X"), ROCKSTAR).halos) == 60


def test_numbered_names_of_consistent_trees_are_read(tmp_path):
    names = "scale(0) ID(1) PID(5) Mvir(10) Rvir(11) Vrms(13) Vmax(16) X(17) Y(18) Z(19) VX(20) VY(21) VZ(22) M200c(23)"
    halos = read(rockstar(tmp_path / "hlist_1.00000.list", names), ROCKSTAR).halos
    np.testing.assert_allclose(halos.mass, sample()[2], rtol=1e-6)
    assert "n_particles" not in halos.columns


def test_a_halo_a_little_outside_is_wrapped(tmp_path, caplog):
    position = sample()[0]
    position[0, 0] = -0.001
    halos = read(rockstar(tmp_path / "a.list", position=position), ROCKSTAR).halos
    assert halos.position[0, 0] == pytest.approx(99.999, abs=1e-4)
    assert "1 lie outside the box by up to 0.001 Mpc/h; wrapped" in caplog.text


def test_facts_of_the_file_are_taken_and_the_rest_stays_unknown(tmp_path):
    universe = read(rockstar(tmp_path / "a.list", om=0.25), ROCKSTAR)
    assert (universe.box.size, universe.cosmology.omega_m, universe.halos.redshift) == (BOX, 0.25, 0.0)
    assert set(universe.cosmology.unknown) == {"omega_b", "n_s", "sigma8", "transfer"}
    assert "sigma8" not in universe.config["cosmology"]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"cosmology": {"omega_m": 0.3}}, r"the file says 0.3175, but \[cosmology\] omega_m = 0.3"),
        ({"cosmology": {"h": 0.7}}, r"the file says 0.6711, but \[cosmology\] h = 0.7"),
        ({"box": {"size": 125.0}}, r"the file says 100, but \[box\] size = 125"),
    ],
)
def test_what_the_file_says_must_be_what_the_user_says(tmp_path, tables, said):
    for path, catalogue in ((rockstar(tmp_path / "a.list"), ROCKSTAR), (groups(tmp_path / "a.hdf5"), GADGET)):
        with pytest.raises(ConfigError, match=said):
            read(path, catalogue, "200c" if catalogue is ROCKSTAR else "fof", **tables)


def test_what_nobody_says_is_asked_for(tmp_path):
    position, velocity, mass, _ = sample()
    rows = [",".join(map(str, [*x, *v, m])) for x, v, m in zip(position, velocity, mass, strict=True)]
    path = tmp_path / "a.csv"
    path.write_text("x,y,z,vx,vy,vz,m\n" + "\n".join(rows) + "\n", encoding="utf-8-sig")
    columns = {"position": ["x", "y", "z"], "velocity": ["vx", "vy", "vz"], "mass": "m"}
    catalogue = {"format": "csv", "length_unit": "Mpc/h", "columns": columns}
    missing = r"\[box\] size, \[halo.catalogue\] redshift, \[cosmology\] omega_m, \[halo\] mass_definition"
    with pytest.raises(ConfigError, match=missing):
        read(path, catalogue)
    said = {"box": {"size": BOX}, "cosmology": {"omega_m": 0.3}}
    assert len(read(path, catalogue | {"redshift": 0.0}, "200m", **said).halos) == 60
    for factor, unit in ((1e-10, "1e10 Msun/h"), (1e10, "taken for 1e10")):
        with pytest.raises(DataError, match=unit):
            read(path, catalogue | {"redshift": 0.0, "mass_unit": factor}, "200m", **said)


def test_groups_in_several_files_are_read_together(tmp_path):
    path = groups(tmp_path / "fof_subhalo_tab_004.hdf5")
    with h5py.File(path) as whole:
        for number, rows in enumerate((slice(0, 45), slice(45, 60))):
            with h5py.File(tmp_path / f"fof_subhalo_tab_004.{number}.hdf5", "w") as part:
                for group in ("Header", "Parameters"):
                    part.create_group(group).attrs.update(dict(whole[group].attrs) | {"NumFiles": 2})
                for name, data in whole["Group"].items():
                    part[f"Group/{name}"] = data[rows]
    together = read(tmp_path / "fof_subhalo_tab_004.0.hdf5", GADGET, "fof").halos
    np.testing.assert_array_equal(together.mass, read(path, GADGET, "fof").halos.mass)
    (tmp_path / "fof_subhalo_tab_004.1.hdf5").unlink()
    with pytest.raises(DataError, match="is missing"):
        read(tmp_path / "fof_subhalo_tab_004.0.hdf5", GADGET, "fof")


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2"])
def test_tables_of_any_separator_with_quotes_words_and_compression_are_read(tmp_path, separator, suffix):
    position, velocity, mass, _ = sample()
    names = ["x", "y", "z", "name", "vx", "vy", "vz", "m"]
    rows = [separator.join(f'"{name}"' for name in names)]
    for x, v, m in zip(position, velocity, mass, strict=True):
        rows.append(separator.join(map(str, [*x, "halo", *v, m])))
    path = tmp_path / f"halos.csv{suffix}"
    with {"": open, ".gz": gzip.open, ".bz2": bz2.open}[suffix](path, "wt", encoding="utf-8-sig") as file:
        file.write("\n".join(rows) + "\n")
    columns = {"position": ["x", "y", "z"], "velocity": ["vx", "vy", "vz"], "mass": "m"}
    catalogue = {"format": "csv", "length_unit": "Mpc/h", "columns": columns, "redshift": 0.0}
    halos = read(path, catalogue, "200c", box={"size": BOX}, cosmology={"omega_m": 0.3}).halos
    np.testing.assert_allclose(halos.mass, mass, rtol=1e-6)
    np.testing.assert_allclose(halos.position, position, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Np", "-1", "the n_particles of 1 of 60 halos is not positive"),
        ("Np", "nan", "n_particles of 1 of 60 halos is not finite"),
        ("PID", "nan", "pid of 1 of 60 halos is not finite"),
    ],
)
def test_values_that_choose_halos_must_be_possible(tmp_path, name, value, said):
    path = rockstar(tmp_path / "out_0.list")
    lines = path.read_text().splitlines(keepends=True)
    words = lines[-1].split()
    words[NAMES.split().index(name)] = value
    path.write_text("".join([*lines[:-1], " ".join(words) + "\n"]))
    with pytest.raises(DataError, match=re.escape(said)):
        read(path, ROCKSTAR)


def test_a_table_cut_off_within_a_number_and_a_row_commented_out_are_warned_of(tmp_path, caplog):
    path = rockstar(tmp_path / "out_0.list")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:-2], "#" + lines[-2], lines[-1].rstrip("\n")]))
    assert len(read(path, ROCKSTAR).halos) == 59
    assert "the last line has no end of line: is the file cut off?" in caplog.text
    assert "1 lines after the first row begin with '#' and are left out" in caplog.text


def test_every_group_of_friends_has_a_mass_and_a_row_in_every_column(tmp_path):
    with h5py.File(groups(tmp_path / "a.hdf5"), "r+") as file:
        file["Group/GroupMass"][3] = 0
    with pytest.raises(DataError, match="the mass of 1 of 60 halos is not positive"):
        read(tmp_path / "a.hdf5", GADGET, "fof")
    with h5py.File(groups(tmp_path / "a.hdf5"), "r+") as file:
        del file["Group/GroupVel"]
        file["Group/GroupVel"] = np.zeros((70, 3))
    with pytest.raises(DataError, match="the columns differ in length"):
        read(tmp_path / "a.hdf5", GADGET, "fof")
