"""The universe file: round trips, Gadget's layout, and everything that is refused."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from lss.config import Box, Configuration
from lss.errors import DataError
from lss.files.universe_file import ensemble_members, read_universe, write_universe
from lss.physics.cosmology import RHO_CRIT
from lss.universe import Field, Group, Halos, Members, Particles, Universe, WhiteNoise

CONFIG = Configuration(box=Box(size=50.0, n=4))


def a_universe(redshift=0.5):
    rng = np.random.default_rng(1)
    position = rng.uniform(0, 50, (64, 3)).astype(np.float32)
    velocity = rng.normal(0, 300, (64, 3)).astype(np.float32)
    halos = Halos(
        {
            "position": position[:3],
            "velocity": velocity[:3],
            "mass": np.array([3e13, 2e13, 1e13], np.float32),
            "n_particles": np.array([3, 2, 1], np.int32),
        },
        "fof",
        "lss-halo",
        redshift,
        Members(np.array([0, 3, 5, 6]), np.arange(6)),
    )
    noise = WhiteNoise(rng.normal(size=(4, 4, 4)).astype(np.float32), seed=7, index=2, partner=1, phase=0.3)
    universe = Universe.create(CONFIG).with_noise(noise)
    universe = universe.with_particles([Particles(position, velocity, redshift), Particles(position, velocity, 2.0)])
    universe = universe.with_halos(halos).with_field("matter", Field(noise.value, "cic", smoothing=2.0))
    return universe.with_group("mine/below", Group({"x": np.arange(3)}, {"a": 1.5, "b": "word"}, {"x": "km/s"}))


def test_everything_survives_the_round_trip(tmp_path):
    universe = a_universe()
    write_universe(universe, tmp_path / "u.h5")
    back = read_universe(tmp_path / "u.h5")
    assert back.box == CONFIG.box
    assert back.cosmology == CONFIG.cosmology
    assert back.config == universe.config
    assert np.array_equal(back.noise.value, universe.noise.value)
    assert (back.noise.seed, back.noise.index, back.noise.partner, back.noise.phase) == (7, 2, 1, 0.3)
    assert np.array_equal(back.particles.position, universe.particles.position)
    assert np.allclose(back.particles.velocity, universe.particles.velocity, rtol=3e-7)
    assert [p.redshift for p in back.snapshots] == [2.0, 0.5]
    assert back.halos.mass_definition == "fof"
    assert np.array_equal(back.halos.members.index, np.arange(6))
    assert back.field("matter").smoothing == 2.0
    group = back.group("mine/below")
    assert (group.attrs["a"], group.attrs["b"], group.units["x"]) == (1.5, "word", "km/s")


def test_particles_are_gadgets_own(tmp_path):
    universe = a_universe(redshift=1.0)
    write_universe(universe, tmp_path / "u.h5")
    with h5py.File(tmp_path / "u.h5") as file:
        velocity = file["PartType1/Velocities"][()]
        assert np.allclose(velocity * np.sqrt(0.5), universe.particles.velocity, rtol=1e-6)
        assert np.array_equal(file["PartType1/ParticleIDs"][()], np.arange(1, 65))
        header = dict(file["Header"].attrs)
        assert header["MassTable"][1] * 64 == pytest.approx(RHO_CRIT * 0.3175 * 50**3 / 1e10)
        assert header["Time"] == 0.5
        assert header["NumPart_Total"][1] == 64
        assert file["Parameters"].attrs["HubbleParam"] == CONFIG.cosmology.h


def test_a_plain_gadget_snapshot_is_read_and_put_in_lagrangian_order(tmp_path, edited):
    universe = a_universe(redshift=1.0)
    write_universe(universe, tmp_path / "u.h5")
    order = np.random.default_rng(2).permutation(64)
    with edited(tmp_path / "u.h5") as file:
        for name in ("ic", "halos", "fields", "mine", "snapshots"):
            del file[name]
        file.attrs.clear()
        file["PartType1"].attrs.clear()
        for name in ("Coordinates", "Velocities", "ParticleIDs"):
            file["PartType1"][name][...] = file["PartType1"][name][()][order]
    back = read_universe(tmp_path / "u.h5")
    assert back.config["box"] == {"size": 50.0, "n": 4}
    unknown = ["omega_b", "n_s", "sigma8", "transfer"]
    assert back.config["cosmology"] == {"omega_m": 0.3175, "h": 0.6711, "unknown": unknown}
    assert np.array_equal(back.particles.position, universe.particles.position)
    assert back.particles.redshift == 1.0


def break_nan(file):
    file["PartType1/Coordinates"][3, 1] = np.nan


def break_outside(file):
    file["PartType1/Coordinates"][3] = 51.0


def break_ids(file):
    file["PartType1/ParticleIDs"][3] = 1


def break_shape(file):
    del file["ic/white_noise"]
    file["ic"].create_dataset("white_noise", data=np.zeros((8, 8, 8), np.float32))


def break_external_link(file):
    file["fields/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/x")


def break_bomb(file):
    file.create_dataset("fields/bomb", shape=(4096, 4096, 4096), dtype="f4", chunks=(64, 64, 64))


def break_type(file):
    file.create_dataset("fields/words", data=["a"], dtype=h5py.string_dtype())


def break_config(file):
    file.attrs["config"] = "[box\n"


def break_version(file):
    file.attrs["format_version"] = 99


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (break_nan, "not finite"),
        (break_outside, "outside the box"),
        (break_ids, "occur twice"),
        (break_shape, r"\[box\] n = 4"),
        (break_external_link, "link"),
        (break_bomb, "claims"),
        (break_type, "type"),
        (break_config, "embedded configuration"),
        (break_version, "version 99"),
    ],
)
def test_harm_is_named_in_one_line_with_the_file(tmp_path, harm, said, edited):
    path = tmp_path / "u.h5"
    write_universe(a_universe(), path)
    with edited(path) as file:
        harm(file)
    with pytest.raises(DataError, match=said) as error:
        read_universe(path).noise  # noqa: B018
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"# halos\n1 2 3\n", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_hdf5_is_refused(tmp_path, content):
    path = tmp_path / "u.h5"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"u\.h5"):
        read_universe(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "u.h5"
    write_universe(a_universe(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="damaged"):
        read_universe(path)


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("position", np.zeros((3, 2)), r"/halos/position is float64 of shape \(3, 2\); expected numbers \(m, 3\)"),
        ("mass", np.array([b"1e13"] * 3), r"/halos/mass is \|S4 of shape \(3,\); expected numbers \(m\)"),
        ("mass", np.ones(2), "the columns of /halos differ in length"),
        ("mass", np.float64(1e13).reshape(()), "the columns of /halos differ in length"),
    ],
)
def test_columns_of_a_catalogue_must_be_such(tmp_path, name, column, said, edited):
    path = tmp_path / "u.h5"
    write_universe(a_universe(), path)
    with edited(path) as file:
        del file["halos"][name]
        file["halos"][name] = column
    with pytest.raises(DataError, match=said):
        read_universe(path).halos  # noqa: B018


def test_a_redshift_in_words_is_refused(tmp_path, edited):
    path = tmp_path / "u.h5"
    write_universe(a_universe(), path)
    with edited(path) as file:
        file["halos"].attrs["redshift"] = "today"
    with pytest.raises(DataError, match="redshift = 'today': expected a number"):
        read_universe(path).halos  # noqa: B018


def test_missing_groups_say_which_tool_makes_them(tmp_path):
    universe = Universe.create(CONFIG)
    with pytest.raises(DataError, match="run lss-halo first"):
        universe.halos  # noqa: B018
    with pytest.raises(DataError, match="run lss-ic first"):
        universe.noise  # noqa: B018


def test_replacing_a_group_removes_what_came_from_it():
    universe = a_universe()
    again = universe.with_particles([universe.particles])
    assert not again.has("halos")
    assert not again.has("fields")
    assert not again.has("snapshots")
    assert again.has("ic")
    assert again.has("mine/below")
    assert universe.has("halos"), "the first universe is untouched"
    assert universe.with_halos(universe.halos).has("fields/matter")
    assert not universe.with_noise(universe.noise).has("PartType1")


READER = "import sys; from lss.files.universe_file import read_universe; print(read_universe(sys.argv[1]).noise.seed)"


@pytest.mark.parametrize("locking", [None, "FALSE"])
def test_an_open_writer_elsewhere_does_not_block_reading(tmp_path, monkeypatch, locking):
    write_universe(a_universe(), tmp_path / "u.h5")
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    if locking:
        monkeypatch.setenv("HDF5_USE_FILE_LOCKING", locking)
    with h5py.File(tmp_path / "u.h5", "r+"):
        done = subprocess.run([sys.executable, "-c", READER, tmp_path / "u.h5"], capture_output=True, text=True)
    assert done.stdout == "7\n", done.stderr


def test_a_lock_that_the_user_insists_on_is_named(tmp_path, monkeypatch):
    write_universe(a_universe(), tmp_path / "u.h5")
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "TRUE")
    with h5py.File(tmp_path / "u.h5", "r+", locking=True):
        done = subprocess.run([sys.executable, "-c", READER, tmp_path / "u.h5"], capture_output=True, text=True)
    assert "locked by a program that is writing to it" in done.stderr


def test_a_file_may_be_replaced_under_an_open_reader(tmp_path):
    write_universe(a_universe(redshift=0.5), tmp_path / "u.h5")
    with h5py.File(tmp_path / "u.h5", "r") as old:
        write_universe(a_universe(redshift=1.0), tmp_path / "u.h5")
        assert old["PartType1"].attrs["Redshift"] == 0.5
    assert read_universe(tmp_path / "u.h5").particles.redshift == 1.0


def test_only_the_groups_asked_for_are_read(tmp_path):
    write_universe(a_universe(), tmp_path / "u.h5")
    back = read_universe(tmp_path / "u.h5", groups=["ic", "halos"])
    assert sorted(back.groups) == ["halos", "ic"]


def test_members_of_a_directory_are_sorted_and_temporaries_left_out(tmp_path):
    for name in ("000002.h5", "000001.h5", ".000003.h5.99.tmp", "notes.txt"):
        (tmp_path / name).touch()
    assert [p.name for p in ensemble_members(tmp_path)] == ["000001.h5", "000002.h5"]
    with pytest.raises(DataError, match="no universe"):
        ensemble_members(tmp_path / "..")
    with pytest.raises(DataError, match=r"notes.txt: not a directory"):
        ensemble_members(tmp_path / "notes.txt")
