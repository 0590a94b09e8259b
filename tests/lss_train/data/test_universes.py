import dataclasses

import h5py
import numpy as np
import pytest

from lss.errors import ConfigError, DataError
from lss.files.universe_file import write_universe
from lss_train.data.universes import read_training_set, surveyed, write_training_set


def test_an_exported_set_is_the_ensemble_it_was_made_of(pairs, tmp_path):
    universes = read_training_set([pairs])
    write_training_set(universes, tmp_path / "set.h5")
    exported = read_training_set([tmp_path / "set.h5"])
    assert exported.hash() == universes.hash()
    assert exported.settings == universes.settings
    assert exported.mass_definition == "fof"
    for i in range(len(universes)):
        assert np.array_equal(exported.noise(i), universes.noise(i))
        for mine, theirs in zip(exported.halos(i), universes.halos(i), strict=True):
            assert np.array_equal(mine, theirs)


def test_an_exported_set_is_read_alone(ensemble, tmp_path):
    write_training_set(read_training_set([ensemble]), tmp_path / "set.h5")
    for inputs in ([ensemble, tmp_path / "set.h5"], [tmp_path / "set.h5"] * 2):
        with pytest.raises(ConfigError, match=r"set\.h5: an exported set must be the only input; 2 were given"):
            read_training_set(inputs)


def test_an_exported_set_takes_twenty_six_bytes_a_halo(ensemble, tmp_path):
    universes = read_training_set([ensemble])
    write_training_set(universes, tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5") as file:
        stored = sum(dataset.dtype.itemsize * dataset.size for dataset in file["halos"].values())
    assert stored == 26 * len(universes.mass)


def test_redshifts_move_the_halos_of_a_set_once(ensemble):
    real = read_training_set([ensemble])
    moved = surveyed(real, {"redshift_space": "y"})
    shift = (moved.position - real.position) % real.box.size
    assert not shift[:, [0, 2]].any()
    size = real.box.size
    expected = real.velocity[:, 1].astype(np.float64) / 100  # at z = 0, km/s over 100 km/s per Mpc/h
    np.testing.assert_allclose(np.exp(2j * np.pi * shift[:, 1] / size), np.exp(2j * np.pi * expected / size), atol=0.02)
    assert moved.survey.line_of_sight == 1
    assert moved.hash() != real.hash()
    assert surveyed(real, {}) is real
    settings = real.settings | {"halo": real.settings["halo"] | {"survey": {"redshift_space": "y"}}}
    seen = dataclasses.replace(moved, settings=settings)
    assert np.array_equal(surveyed(seen, {"redshift_space": "y"}).position, moved.position)
    with pytest.raises(ConfigError, match='redshift_space = "z", but the universes are in redshift space along y'):
        surveyed(seen, {"redshift_space": "z"})
    with pytest.raises(ConfigError, match="a network is trained on whole boxes"):
        surveyed(real, {"mask": "mask.npy"})
    with pytest.raises(DataError, match="exported without velocities"):
        surveyed(dataclasses.replace(real, velocity=None), {"redshift_space": "z"})


def test_partners_belong_to_the_family_of_their_x_a(pairs):
    universes = read_training_set([pairs])
    assert [list(family) for family in universes.families()] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_universes_are_sorted_by_what_they_are_and_not_by_name(tmp_path, toy_universe):
    for name, index in (("a", 2), ("b", 0), ("c", 1)):
        write_universe(toy_universe(index), tmp_path / f"{name}.h5")
    universes = read_training_set([tmp_path])
    assert list(universes.index) == [0, 1, 2]
    assert [file.name for file in universes.files] == ["b.h5", "c.h5", "a.h5"]


def test_universes_that_do_not_belong_together_are_refused(tmp_path, toy_universe):
    write_universe(toy_universe(0), tmp_path / "a.h5")
    for other, message in (
        (toy_universe(1, mass_definition="200c"), "mass definition 200c differs from the other universes' fof"),
        (toy_universe(1, n=8), "box .* differs"),
        (toy_universe(0), "the same universe"),
        (toy_universe(1).without("halos"), "no /halos; run lss-halo first"),
    ):
        write_universe(other, tmp_path / "b.h5")
        with pytest.raises(DataError, match=message):
            read_training_set([tmp_path])


def test_noise_that_its_seed_does_not_give_cannot_be_exported(tmp_path, toy_universe):
    universe = toy_universe(0)
    noise = dataclasses.replace(universe.noise, value=universe.noise.value + np.float32(1e-3))
    halos = universe.halos
    write_universe(universe.with_noise(noise).with_halos(halos), tmp_path / "a.h5")
    with pytest.raises(DataError, match="not what its seed gives"):
        write_training_set(read_training_set([tmp_path]), tmp_path / "set.h5")
    assert not (tmp_path / "set.h5").exists()


@pytest.mark.parametrize("damage", ["truncated", "no halos", "wrong rows", "link", "not finite", "version"])
def test_a_damaged_set_is_refused_in_one_line(tmp_path, damage, write_ensemble, edited):
    path = tmp_path / "set.h5"
    write_training_set(read_training_set([write_ensemble(tmp_path / "e", 2)]), path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-2000])
    else:
        with edited(path) as file:
            if damage == "no halos":
                del file["halos/mass"]
            elif damage == "wrong rows":
                file["universes/offset"][-1] += 1
            elif damage == "link":
                del file["halos/mass"]
                file["halos/mass"] = h5py.ExternalLink("/etc/passwd", "/mass")
            elif damage == "version":
                file.attrs["format_version"] = "x"
            else:
                file["halos/position"][0, 0] = np.nan
    with pytest.raises(DataError) as raised:
        read_training_set([path])
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)
