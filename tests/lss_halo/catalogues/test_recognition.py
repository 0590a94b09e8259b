"""A catalogue is known by what stands in it, and may lie beside the particles that it is of."""

import gzip
from pathlib import Path

import h5py
import numpy as np
import pytest

from lss.config import Cosmology, validate
from lss.errors import ConfigError, DataError
from lss.universe import Group, Universe
from lss_halo import stage
from lss_halo.catalogues.recognition import recognised
from lss_halo.catalogues.text_table import read_text_table

AHF = Path(__file__).parents[2] / "data/gadget4-64-a.AHF_halos"
ROCKSTAR = "#ID DescID Mvir Vmax Vrms Rvir Rs Np X Y Z VX VY VZ\n"
HLIST = "#scale(0) id(1) desc_scale(2) mvir(10) rvir(11) rs(12) vrms(13) x(17) y(18) z(19)\n"


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("whatever.txt", AHF.read_text(), "ahf"),
        ("out_0.list", ROCKSTAR, "rockstar"),
        ("hlist_1.00000.list", HLIST, "rockstar"),
        ("halos.csv", "x,y,z,vx,vy,vz,m\n1,2,3,4,5,6,1e13\n", None),
        ("notes.txt", "dear diary\n", None),
    ],
)
def test_text_is_known_by_its_columns(tmp_path, name, text, format):
    path = tmp_path / name
    path.write_text(text)
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert [recognised(path), recognised(packed)] == [format, format]


def test_a_damaged_compressed_table_is_one_line(tmp_path):
    packed = bytearray(gzip.compress(AHF.read_bytes()))
    packed[40] ^= 0xFF
    (tmp_path / "halos.AHF_halos.gz").write_bytes(packed)
    assert recognised(tmp_path / "halos.AHF_halos.gz") in (None, "ahf")
    with pytest.raises(DataError, match=r"halos\.AHF_halos\.gz"):
        read_text_table(tmp_path / "halos.AHF_halos.gz")


def test_hdf5_is_known_by_its_groups(tmp_path):
    found = {}
    for name, groups in (("fof", ("Header", "Group")), ("snapshot", ("Header", "PartType1")), ("other", ("a",))):
        with h5py.File(tmp_path / name, "w") as file:
            for group in groups:
                file.create_group(group)
        found[name] = recognised(tmp_path / name)
    assert found == {"fof": "gadget4", "snapshot": None, "other": None}


def particles(redshift=0.0, box=125.0):
    """A universe with particles, as a snapshot gives one."""
    cosmology = {"omega_m": 0.3175, "unknown": ["omega_b", "h", "n_s", "sigma8", "transfer"]}
    settings = {"cosmology": cosmology, "box": {"size": box, "n": 4}}
    position = np.random.default_rng(1).random((64, 3), np.float32) * np.float32(box)
    group = Group({"position": position, "velocity": np.zeros_like(position)}, {"redshift": redshift})
    config = validate(stage.Config, settings | {"halo": {"mass_definition": "200c"}}, "snapshot")
    return Universe(Cosmology(**cosmology), config.box, settings, {"PartType1": group}, "snapshot.hdf5"), config


def test_a_catalogue_beside_its_snapshot_keeps_the_particles():
    universe, config = particles()
    out = stage.run(universe, config, catalogue=AHF)
    assert out.halos.finder == "ahf"
    assert out.halos.n_particles[0] == 918  # the first line of the file
    assert np.array_equal(out.particles.position, universe.particles.position)
    assert out.has("fields/halo_count")


def test_a_catalogue_of_another_box_than_its_snapshot_is_refused():
    universe, config = particles(box=31.25)
    with pytest.raises(Exception, match=r"lie outside|outside the box"):
        stage.run(universe, config, catalogue=AHF)


def test_a_catalogue_of_another_redshift_than_its_snapshot_is_refused(tmp_path):
    universe, config = particles(redshift=1.0)
    path = tmp_path / "ahf.z0.000.AHF_halos"
    path.write_text(AHF.read_text())
    with pytest.raises(ConfigError, match=r"the file says 0, but .*redshift = 1.*snapshot.hdf5"):
        stage.run(universe, config, catalogue=path)


def test_a_snapshot_is_no_catalogue(tmp_path):
    universe, config = particles()
    with h5py.File(tmp_path / "snapshot.hdf5", "w") as file:
        file.create_group("Header")
        file.create_group("PartType1")
    with pytest.raises(ConfigError, match="a universe or a snapshot"):
        stage.run(universe, config, catalogue=tmp_path / "snapshot.hdf5")
