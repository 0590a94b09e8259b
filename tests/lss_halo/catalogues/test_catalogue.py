"""Catalogues of other codes: what is read, and what is refused with one clear line."""

import json
import subprocess
import sys
import types
from pathlib import Path

import h5py
import numpy as np
import pytest

from lss.config import validate
from lss.errors import ConfigError, DataError
from lss.halos.survey import Survey, in_redshift_space
from lss_halo import stage
from lss_halo.catalogues import READERS, Reader
from lss_halo.catalogues.foreign import Foreign

AHF = Path(__file__).parents[2] / "data/gadget4-64-a.AHF_halos"  # the eight largest of Gadget-4 + AHF, 125 Mpc/h
PARTICLE_MASS = 6.5638e11
RHO_CRIT = 2.77536627e11


def configuration(catalogue, **tables):
    """What a user says of a catalogue whose file says nothing."""
    halo = {"catalogue": {"redshift": 0.0, **catalogue}, "mass_definition": "200c", **tables.pop("halo", {})}
    tables = {"box": {"size": 125.0}, "cosmology": {"omega_m": 0.3175}, **tables}
    return validate(stage.Config, {"halo": halo, **tables}, "test.toml")


def read(path, catalogue, **tables):
    return stage.read_foreign(path, configuration(catalogue, **tables)).halos


def edited(tmp_path, edit):
    """A copy of the AHF file with one line changed by `edit(fields, names) -> fields`; the third halo."""
    lines = AHF.read_text().splitlines()
    names = [name.partition("(")[0] for name in lines[0].lstrip("#").split()]
    lines[3] = "\t".join(edit(lines[3].split(), names))
    path = tmp_path / "edited.AHF_halos"
    path.write_text("\n".join(lines) + "\n")
    return path


def set_field(name, value):
    def edit(fields, names):
        fields[names.index(name)] = value
        return fields

    return edit


# --- AHF ------------------------------------------------------------------------------------------------------------


def test_ahf_catalogue_is_read_in_our_units():
    halos = read(AHF, {"format": "ahf"})
    assert halos.mass_definition == "200c"
    assert halos.finder == "ahf"
    assert halos.n_particles[0] == 918
    assert np.isclose(halos.mass[0], 918 * PARTICLE_MASS, rtol=1e-4)
    assert np.allclose(halos.position[0], [37.84837, 96.42878, 12.62302], atol=1e-4)
    assert np.allclose(halos.velocity[0], [383.1, -380.75, 33.89])
    assert np.allclose(halos.mass / (4 / 3 * np.pi * halos.columns["radius"] ** 3), 200 * RHO_CRIT, rtol=0.2)
    assert (np.diff(halos.mass) <= 0).all()


def test_subhalos_are_left_out_unless_asked_for(tmp_path):
    path = edited(tmp_path, set_field("hostHalo", "0"))
    assert len(read(path, {"format": "ahf"})) == 7
    assert len(read(path, {"format": "ahf", "subhalos": True})) == 8


def test_halos_of_few_particles_are_left_out():
    assert len(read(AHF, {"format": "ahf", "min_particles": 600})) < 8


def test_an_empty_catalogue_is_allowed_and_said_aloud(tmp_path, caplog):
    path = tmp_path / "empty.AHF_halos"
    path.write_text(AHF.read_text().splitlines()[0] + "\n")
    halos = read(path, {"format": "ahf"})
    assert len(halos) == 0
    assert "the catalogue is empty" in caplog.text


def test_members_come_from_the_particles_file_as_lattice_indices(tmp_path):
    n = read(AHF, {"format": "ahf"}).n_particles
    lines, first = [str(len(n))], 1
    for number, count in enumerate(n):
        lines += [f"{count} {number}", *(f"{i}\t1" for i in range(first + count - 1, first - 1, -1))]
        first += count
    path = tmp_path / "p.AHF_particles"
    path.write_text("\n".join(lines) + "\n")
    members = read(AHF, {"format": "ahf", "members": str(path)}).members
    assert np.array_equal(np.diff(members.offset), n)
    assert np.array_equal(members.index, np.arange(n.sum()))
    path.write_text("\n".join(lines[:-5]) + "\n")
    with pytest.raises(DataError, match="truncated"):
        read(AHF, {"format": "ahf", "members": str(path)})


# --- what is refused ------------------------------------------------------------------------------------------------


def test_another_mass_definition_is_refused_and_named():
    with pytest.raises(ConfigError, match=r'200 times the critical density.*"200m" means 64'):
        read(AHF, {"format": "ahf"}, halo={"mass_definition": "200m"})
    with pytest.raises(ConfigError, match=r'spheres of 200 times the critical density.*"fof"'):
        read(AHF, {"format": "ahf"}, halo={"mass_definition": "fof"})


def test_halos_outside_the_box_are_counted_and_the_unit_guessed(tmp_path):
    with pytest.raises(DataError, match=r"8 of 8 lie outside the box of 125 Mpc/h.*are they in kpc/h"):
        read(AHF, {"format": "ahf", "length_unit": "Mpc/h"})
    with pytest.raises(DataError, match=r"1 of 8 lie outside.*is this the size of their box"):
        read(edited(tmp_path, set_field("Xc", "126000.0")), {"format": "ahf"})


def test_values_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(DataError, match="velocity of 1 of 8 halos is not finite"):
        read(edited(tmp_path, set_field("VYc", "nan")), {"format": "ahf"})
    with pytest.raises(DataError, match="mass of 1 of 8 halos is not positive"):
        read(edited(tmp_path, set_field("Mvir", "-1e13")), {"format": "ahf"})


def test_files_that_are_no_catalogue_are_refused(tmp_path):
    binary = tmp_path / "halos"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="not a text table"):
        read(binary, {"format": "ahf"})
    binary.write_text("1 2 3\n4 5 6\n")
    with pytest.raises(DataError, match="no header of column names"):
        read(binary, {"format": "ahf"})
    binary.write_text("#a b c\n4 5 6\n")
    with pytest.raises(DataError, match="no column Xc"):
        read(binary, {"format": "ahf"})
    binary.write_text("\n".join(AHF.read_text().splitlines())[:-200])
    with pytest.raises(DataError, match="truncated"):
        read(binary, {"format": "ahf"})
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "nothing", {"format": "ahf"})
    with pytest.raises(DataError, match="not an HDF5 file"):
        read(AHF, {"format": "gadget4"})


@pytest.mark.parametrize(
    ("catalogue", "message"),
    [
        ({"format": "fof"}, "expected one of ahf, rockstar"),
        ({"format": "csv"}, "needs length_unit"),
        ({"format": "rockstar", "length_unit": "kpc/h"}, "has its lengths in Mpc/h"),
        ({"format": "ahf", "columns": {"mass": "M"}}, "takes no columns; formats that do: csv, hdf5"),
        ({"format": "csv", "length_unit": "Mpc/h", "columns": {"masss": "M"}}, "'position', 'velocity'"),
        ({"format": "gadget4", "members": "x"}, "takes no members; formats that do: ahf"),
        ({"format": "ahf", "mass_unit": 1e10}, "takes no mass_unit; formats that do: csv, hdf5"),
        ({"format": "gadget4", "subhalos": True}, "takes no subhalos; formats that do: ahf, rockstar"),
        ({"format": "ahf", "match": "abundance"}, "needs the checkpoint"),
        ({"format": "csv", "length_unit": "Mpc/h", "mass_units": 1.0}, "did you mean 'mass_unit'"),
    ],
)
def test_keys_that_do_not_fit_the_format_are_refused(catalogue, message):
    with pytest.raises(ConfigError, match=message):
        configuration(catalogue)


# --- other formats --------------------------------------------------------------------------------------------------


def sample(count=30):
    rng = np.random.default_rng(1)
    n = np.sort(rng.integers(25, 900, count))[::-1]
    mass = n * PARTICLE_MASS
    radius = (3 * mass / (4 * np.pi * 200 * RHO_CRIT)) ** (1 / 3)
    return n, mass, radius, rng.random((count, 3)) * 120, rng.normal(0, 300, (count, 3))


def write_rockstar(path, parents=None):
    n, mass, radius, position, velocity = sample()
    names = "#ID DescID Mvir Vmax Vrms Rvir Rs Np X Y Z VX VY VZ M200b M200c" + (" PID" if parents else "")
    lines = [names, "#a = 0.666667", "#Box size: 125.000000 Mpc/h", "#Units: Masses in Msun / h"]
    for i in range(len(n)):
        row = [
            i,
            -1,
            1.2 * mass[i],
            300,
            400,
            1e3 * radius[i],
            50,
            n[i],
            *position[i],
            *velocity[i],
            1.3 * mass[i],
            mass[i],
        ]
        lines.append(" ".join(str(value) for value in row + ([parents[i]] if parents else [])))
    path.write_text("\n".join(lines) + "\n")


def test_rockstar_catalogue_gives_the_masses_of_the_definition(tmp_path):
    path = tmp_path / "out_0.list"
    write_rockstar(path)
    n, mass, _, position, velocity = sample()
    halos = read(path, {"format": "rockstar", "redshift": 0.5})
    assert np.allclose(halos.mass, mass, rtol=1e-6)
    assert np.allclose(halos.position, position, atol=1e-4)
    assert np.allclose(halos.velocity, velocity, atol=1e-3)
    assert np.array_equal(halos.n_particles, n)
    more = read(path, {"format": "rockstar", "redshift": 0.5}, halo={"mass_definition": "200m"})
    assert np.allclose(more.mass, 1.3 * mass, rtol=1e-6)
    with pytest.raises(ConfigError, match=r'mass_definition = "500c", but for 200c, 200m, vir'):
        read(path, {"format": "rockstar", "redshift": 0.5}, halo={"mass_definition": "500c"})


def test_rockstar_halos_that_do_not_reach_the_density_are_left_out_and_wrong_masses_refused(tmp_path):
    path = tmp_path / "out_0.list"
    for mass, kept in (("0", 29), ("nan", None), ("-1e13", None)):
        write_rockstar(path)
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines[:-1], " ".join([*lines[-1].split()[:-1], mass])]))
        if kept:
            assert len(read(path, {"format": "rockstar", "redshift": 0.5})) == kept
            assert len(read(path, {"format": "rockstar", "redshift": 0.5}, halo={"mass_definition": "200m"})) == 30
            continue
        with pytest.raises(DataError, match="mass of 1 of 30 halos is not"):
            read(path, {"format": "rockstar", "redshift": 0.5})


@pytest.mark.parametrize("comment", ["#a = one", "#a =", "#a = nan", "#Box size: -125 Mpc/h"])
def test_a_damaged_comment_of_rockstar_is_named(tmp_path, comment):
    path = tmp_path / "out_0.list"
    write_rockstar(path)
    name = comment[:4]
    lines = [comment if line.startswith(name) else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=rf"out_0\.list: {comment}: expected a positive number"):
        read(path, {"format": "rockstar", "redshift": 0.5})


def test_rockstar_subhalos_have_a_parent(tmp_path):
    path = tmp_path / "out_0.list"
    write_rockstar(path, parents=[0 if i % 3 == 2 else -1 for i in range(30)])
    assert len(read(path, {"format": "rockstar", "redshift": 0.5})) == 20
    assert len(read(path, {"format": "rockstar", "redshift": 0.5, "subhalos": True})) == 30


def test_a_box_or_redshift_of_another_run_is_refused(tmp_path):
    path = tmp_path / "out_0.list"
    write_rockstar(path)
    with pytest.raises(ConfigError, match=r"the file says 0\.499999, but \[halo.catalogue\] redshift = 0"):
        read(path, {"format": "rockstar"})
    with pytest.raises(ConfigError, match=r"the file says 125, but \[box\] size = 250"):
        read(path, {"format": "rockstar", "redshift": 0.5}, box={"size": 250.0})


def write_gadget(path, scale_factor=0.5):
    n, mass, radius, position, velocity = sample()
    with h5py.File(path, "w") as file:
        header = {"BoxSize": 125.0, "Redshift": 1 / scale_factor - 1, "NumFiles": 1}
        file.create_group("Header").attrs.update(header)
        units = {"UnitLength_in_cm": 3.085678e24, "UnitMass_in_g": 1.989e43, "UnitVelocity_in_cm_per_s": 1e5}
        file.create_group("Parameters").attrs.update(units | {"Omega0": 0.3175, "HubbleParam": 0.6711})
        file["Group/GroupLen"] = n.astype(np.int32)
        file["Group/GroupMass"] = (mass / 1e10).astype(np.float32)
        file["Group/GroupPos"] = position.astype(np.float32)
        file["Group/GroupVel"] = (velocity * scale_factor).astype(np.float32)
        file["Group/Group_M_Crit200"] = np.where(np.arange(30) == 29, 0, 0.8 * mass / 1e10).astype(np.float32)
        file["Group/Group_R_Crit200"] = (radius * 0.8 ** (1 / 3)).astype(np.float32)
    return n, mass, position, velocity


def test_gadget_groups_are_read_as_friends_of_friends_or_spheres(tmp_path):
    path = tmp_path / "fof_subhalo_tab_000.hdf5"
    n, mass, position, _ = write_gadget(path, scale_factor=1.0)
    groups = read(path, {"format": "gadget4"}, halo={"mass_definition": "fof"})
    assert np.array_equal(groups.n_particles, n)
    assert np.allclose(groups.mass, mass, rtol=1e-5)
    assert np.allclose(groups.position, position, atol=1e-4)
    spheres = read(path, {"format": "gadget4"})
    assert len(spheres) == 29 - int((np.rint(0.8 * n[:29]) < 20).sum())
    assert np.allclose(spheres.mass, 0.8 * mass[: len(spheres)], rtol=1e-5)
    with pytest.raises(DataError, match="no dataset Group/Group_M_TopHat200"):
        read(path, {"format": "gadget4"}, halo={"mass_definition": "vir"})


def test_velocities_of_gadget_groups_are_made_peculiar(tmp_path):
    path = tmp_path / "fof_subhalo_tab_000.hdf5"
    velocity = write_gadget(path, scale_factor=0.5)[3]
    groups = read(path, {"format": "gadget4", "redshift": 1.0}, halo={"mass_definition": "fof"})
    assert np.allclose(groups.velocity, velocity, atol=1e-3)


def test_csv_catalogue_is_read_through_its_map(tmp_path):
    n, mass, _, position, velocity = sample()
    path = tmp_path / "halos.csv"
    rows = [f"{x},{y},{z},{u},{v},{w},{k}" for (x, y, z), (u, v, w), k in zip(1e3 * position, velocity, n, strict=True)]
    path.write_text("x,y,z,vx,vy,vz,np\n" + "\n".join(rows) + "\n")
    catalogue = {
        "format": "csv",
        "length_unit": "kpc/h",
        "mass_unit": PARTICLE_MASS,
        "columns": {"position": ["x", "y", "z"], "velocity": ["vx", "vy", "vz"], "mass": "np", "n_particles": "np"},
    }
    halos = read(path, catalogue)
    assert np.allclose(halos.mass, mass, rtol=1e-6)
    assert np.allclose(halos.position, position, atol=1e-4)
    with pytest.raises(DataError, match="no column m; columns are x, y, z"):
        read(path, {**catalogue, "columns": {**catalogue["columns"], "mass": "m"}})
    with pytest.raises(ConfigError, match="columns: no mass"):
        read(path, {**catalogue, "columns": {"position": ["x", "y", "z"], "velocity": ["vx", "vy", "vz"]}})


def test_rows_with_named_columns_are_read_by_table_and_column(tmp_path):
    n, mass, _, position, velocity = sample()
    path = tmp_path / "hlist.h5"
    rows = np.zeros(
        len(n), [("Np", "<i8"), ("pos", "<f4", (3,)), ("vx", "<f8"), ("vy", "<f8"), ("vz", "<f8"), ("name", "S4")]
    )
    rows["Np"], rows["pos"] = n, position
    rows["vx"], rows["vy"], rows["vz"] = velocity.T
    with h5py.File(path, "w") as file:
        file["z0/halos"] = rows
    columns = {"position": "z0/halos/pos", "velocity": [f"z0/halos/v{axis}" for axis in "xyz"], "mass": "z0/halos/Np"}
    catalogue = {"format": "hdf5", "length_unit": "Mpc/h", "mass_unit": PARTICLE_MASS, "columns": columns}
    halos = read(path, catalogue)
    assert np.allclose(halos.mass, mass, rtol=1e-6)
    assert np.allclose(halos.position, position, atol=1e-4)
    assert np.allclose(halos.velocity, velocity, atol=1e-3)
    with pytest.raises(DataError, match="z0/halos: no column M; columns are Np, pos, vx"):
        read(path, {**catalogue, "columns": {**columns, "mass": "z0/halos/M"}})
    with pytest.raises(DataError, match="column name has type"):
        read(path, {**catalogue, "columns": {**columns, "mass": "z0/halos/name"}})


def test_a_catalogue_without_velocities_says_so_and_what_needs_them_is_refused(tmp_path):
    _, mass, _, position, _ = sample()
    path = tmp_path / "halos.csv"
    rows = [f"{x},{y},{z},{m}" for (x, y, z), m in zip(position, mass, strict=True)]
    path.write_text("x,y,z,M\n" + "\n".join(rows) + "\n")
    columns = {"position": ["x", "y", "z"], "mass": "M"}
    catalogue = {"format": "csv", "length_unit": "Mpc/h", "columns": columns}
    halos = read(path, catalogue)
    assert halos.known_velocity is None
    assert np.allclose(halos.position, position, atol=1e-4)
    with pytest.raises(DataError, match="no velocities"):
        in_redshift_space(halos, Survey(redshift_space="z"), 0.3, 125.0)


def test_a_table_that_no_code_is_known_by_asks_for_its_format(tmp_path):
    path = tmp_path / "halos.csv"
    path.write_text("x,y,z,M\n1,2,3,1e13\n")
    with pytest.raises(ConfigError, match=r"halos.csv: holds m, x, y, z, which no known code writes: set"):
        read(path, {})


def test_hdf5_catalogue_with_the_origin_in_the_middle(tmp_path):
    n, mass, _, position, velocity = sample()
    path = tmp_path / "halo_info.h5"
    with h5py.File(path, "w") as file:
        file["halos/N"], file["halos/x_L2com"], file["halos/v_L2com"] = n, position - 62.5, velocity
    names = {"position": "halos/x_L2com", "velocity": "halos/v_L2com", "mass": "halos/N", "n_particles": "halos/N"}
    catalogue = {
        "format": "hdf5",
        "length_unit": "Mpc/h",
        "mass_unit": PARTICLE_MASS,
        "centred": True,
        "columns": names,
    }
    halos = read(path, catalogue)
    assert np.allclose(halos.position, position, atol=1e-4)
    assert np.allclose(halos.mass, mass, rtol=1e-6)


def test_links_out_of_an_hdf5_catalogue_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "elsewhere.h5", "w") as file:
        file["N"] = np.arange(3)
    path = tmp_path / "halos.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros((3, 3))
        file["N"] = h5py.ExternalLink("elsewhere.h5", "N")
    catalogue = {"format": "hdf5", "length_unit": "Mpc/h", "columns": {"position": "x", "velocity": "x", "mass": "N"}}
    with pytest.raises(DataError, match="N is a link"):
        read(path, catalogue)


# --- a further reader -----------------------------------------------------------------------------------------------


def test_a_reader_is_one_module_and_one_line(tmp_path, monkeypatch):
    def read_toy(path, catalogue, config):
        position, mass = np.array([[1.0, 2.0, 3.0]]), np.array([float(path.read_text())])
        return Foreign({"position": position, "velocity": np.zeros((1, 3)), "mass": mass})

    module = types.ModuleType("toy_reader")
    module.read = read_toy
    monkeypatch.setitem(sys.modules, "toy_reader", module)
    monkeypatch.setitem(READERS, "toy", Reader("toy_reader", "one halo", "Mpc/h"))
    (tmp_path / "halo.toy").write_text("3e14")
    halos = read(tmp_path / "halo.toy", {"format": "toy"})
    assert (halos.finder, halos.mass.tolist()) == ("toy", [np.float32(3e14)])
    with pytest.raises(ConfigError, match="takes no members"):
        configuration({"format": "toy", "members": "x"})
    assert "toy" in json.dumps(stage.Config.model_json_schema())


def test_a_reader_is_imported_only_when_it_is_used():
    code = "import sys, lss_halo.stage; print([n for n in sys.modules if n in sys.argv[1:]])"
    modules = sorted({reader.module for reader in READERS.values()})
    done = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_format_is_described_in_the_manual():
    page = (Path(__file__).parents[3] / "docs/halos.md").read_text()
    assert all(f"`{name}`" in page for name in READERS)


# --- runs in several files, and what lies beside a catalogue ---------------------------------------------------------


def test_the_log_beside_an_ahf_catalogue_says_box_and_matter_density(tmp_path):
    path = tmp_path / "ahf.z0.000.AHF_halos"
    path.write_bytes(AHF.read_bytes())
    (tmp_path / "ahf.log").write_text("\tsimu.omega0          :  0.3175\n\tsimu.boxsize         :  125\n")
    halo = {"mass_definition": "200c"}
    found = stage.read_foreign(path, validate(stage.Config, {"halo": halo}, "test.toml"))
    assert found.box.size == 125
    assert found.cosmology.omega_m == 0.3175
    with pytest.raises(ConfigError, match=r"the file says 125, but \[box\] size = 100"):
        read(path, {}, box={"size": 100.0})
    (tmp_path / "ahf.log").write_text("simu.boxsize : nan\n")
    with pytest.raises(DataError, match=r"ahf.log: simu.boxsize = nan: expected a positive number"):
        read(path, {})


def test_the_files_of_a_parallel_ahf_run_are_one_catalogue(tmp_path):
    lines = AHF.read_text().splitlines(keepends=True)
    for number, rows in ((0, lines[1:4]), (1, []), (2, lines[4:])):
        (tmp_path / f"ahf.{number:04}.z0.000.AHF_halos").write_text("".join([lines[0], *rows]))
    whole, parts = read(AHF, {"format": "ahf"}), read(tmp_path / "ahf.0001.z0.000.AHF_halos", {})
    assert np.array_equal(parts.mass, whole.mass)
    assert np.array_equal(parts.position, whole.position)
    (tmp_path / "ahf.0001.z0.000.AHF_halos").unlink()
    with pytest.raises(DataError, match=r"one of several files, and ahf.0001.z0.000.AHF_halos is missing"):
        read(tmp_path / "ahf.0000.z0.000.AHF_halos", {})


def test_the_chunks_of_a_rockstar_run_are_one_catalogue(tmp_path):
    write_rockstar(tmp_path / "whole.ascii")
    lines = (tmp_path / "whole.ascii").read_text().splitlines(keepends=True)
    head = [line for line in lines if line.startswith("#")]
    rows = lines[len(head) :]
    for number, part in ((0, rows[:2]), (1, rows[2:])):
        (tmp_path / f"halos_3.{number}.ascii").write_text("".join(head + part))
    at = {"redshift": 0.5}
    whole, chunks = read(tmp_path / "whole.ascii", at), read(tmp_path / "halos_3.1.ascii", at)
    assert np.array_equal(chunks.mass, whole.mass)
    (tmp_path / "halos_3.0.ascii").write_text("#id num_p\n")
    with pytest.raises(DataError, match=r"halos_3.1.ascii: columns .*, unlike halos_3.0.ascii of the same run"):
        read(tmp_path / "halos_3.1.ascii", {"format": "rockstar"})


def test_a_curved_universe_in_the_log_of_ahf_is_refused(tmp_path):
    path = tmp_path / "ahf.z0.000.AHF_halos"
    path.write_text(AHF.read_text())
    log = tmp_path / "ahf.log"
    log.write_text("simu.omega0 : 0.3175\nsimu.lambda0 : 0.6825\nsimu.boxsize : 125\n")
    assert len(read(path, {"format": "ahf"})) == 8
    log.write_text("simu.omega0 : 0.3175\nsimu.lambda0 : 0\n")
    with pytest.raises(DataError, match=r"ahf.log: simu.omega0 \+ simu.lambda0 is 0.3175, not 1; only flat"):
        read(path, {"format": "ahf"})


def test_the_table_that_abacusutils_unpacks_is_read_as_it_stands(tmp_path):
    """Vectors are columns of the table, coordinates run from -L/2 to L/2, masses are numbers of particles."""
    draw, count = np.random.default_rng(1), 60
    table = np.zeros(count, [("N", "u4"), ("x_L2com", "f4", (3,)), ("v_L2com", "f4", (3,))])
    table["N"] = np.sort(draw.integers(100, 3000, count))[::-1]
    table["x_L2com"], table["v_L2com"] = draw.uniform(-62.5, 62.5, (count, 3)), draw.normal(0, 300, (count, 3))
    with h5py.File(tmp_path / "halos.hdf5", "w") as file:
        file["halos"] = table
    names = {"position": "x_L2com", "velocity": "v_L2com", "mass": "N", "n_particles": "N"}
    columns = {ours: f"halos/{theirs}" for ours, theirs in names.items()}
    described = {"format": "hdf5", "length_unit": "Mpc/h", "mass_unit": 2.1e9, "centred": True, "columns": columns}
    halos = read(tmp_path / "halos.hdf5", described)
    np.testing.assert_allclose(halos.position, table["x_L2com"] + 62.5, atol=1e-5)
    np.testing.assert_allclose(halos.velocity, table["v_L2com"])
    np.testing.assert_allclose(halos.mass, table["N"] * 2.1e9, rtol=1e-6)
