"""A flipped bit is found: in every dataset, in every attribute, in states and in checkpoints."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lss.config import Box, Configuration
from lss.errors import DataError
from lss.files import guard
from lss.files.digest import digest
from lss.files.integrity import checksum
from lss.files.restart import Restart
from lss.files.universe_file import read_universe, write_universe
from lss.universe import Field, Group, Halos, Particles, Universe, WhiteNoise


@pytest.fixture
def universe() -> Universe:
    rng, n = np.random.default_rng(1), 4
    blank = Universe.create(Configuration(box=Box(size=20.0, n=n)))
    position = rng.uniform(0, 20, (n**3, 3)).astype(np.float32)
    columns = {"position": position[:5], "velocity": position[:5], "mass": np.full(5, 1e13, np.float32)}
    universe = blank.with_noise(WhiteNoise(rng.standard_normal((n, n, n)).astype(np.float32), 1))
    universe = universe.with_particles([Particles(position, position, 0.0)])
    universe = universe.with_halos(Halos(columns, "fof", "test", 0.0))
    return universe.with_field("matter", Field(np.ones((n, n, n), np.float32), "cic", False, False, 0.0))


def _places(path: Path) -> list[tuple[str, str]]:
    """(object, "") for each dataset, (object, attribute) for each attribute."""
    found: list[tuple[str, str]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append((name, ""))
        found.extend((name, attribute) for attribute in item.attrs)

    with h5py.File(path) as file:
        visit("/", file)
        file.visititems(visit)
    return found


def _flip(array: np.ndarray, bit: int) -> np.ndarray:
    raw = bytearray(array.tobytes())
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    return np.frombuffer(bytes(raw), array.dtype).reshape(array.shape)


def _damage(path: Path, place: str, attribute: str, rng: np.random.Generator) -> None:
    """Flip one bit of a dataset or an attribute where it lies."""
    with h5py.File(path, "r+") as file:
        item = file[place]
        if not attribute:
            item[...] = _flip(item[()], int(rng.integers(8 * item.nbytes)))
        elif isinstance(value := item.attrs[attribute], str):
            letter = int(rng.integers(len(value)))
            changed = chr(ord(value[letter]) ^ 1)
            item.attrs.modify(attribute, value[:letter] + changed + value[letter + 1 :])
        else:
            value = np.asarray(value)
            item.attrs.modify(attribute, _flip(value, int(rng.integers(8 * value.nbytes))))


def test_one_flipped_bit_is_found_in_every_dataset_and_attribute(
    universe: Universe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(guard, "_inspect_apart", lambda *_: None)  # sixty processes that have nothing to find
    path, rng = tmp_path / "u.h5", np.random.default_rng(2)
    write_universe(universe, path)
    whole, places = path.read_bytes(), _places(path)
    assert len(places) > 60
    for place, attribute in places:
        path.write_bytes(whole)
        _damage(path, place, attribute, rng)
        with pytest.raises(DataError, match="checksum"):
            read_universe(path)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u1", "?", "S7"])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (513, 3), (3000,)])
def test_the_checksum_sees_each_bit_the_type_and_the_shape(dtype: str, shape: tuple[int, ...]):
    array = np.random.default_rng(3).integers(0, 2, shape).astype(dtype)
    assert checksum(array) == checksum(array.copy(order="F"))
    assert checksum(array) != checksum(array.reshape(*array.shape, 1))
    bits = 8 * array.nbytes
    for bit in range(0, bits, max(1, bits // 50)):
        assert checksum(_flip(array, bit)) != checksum(array)


def test_blocks_that_change_places_are_found():
    array = np.arange(4096.0)
    assert checksum(np.roll(array, 512)) != checksum(array)


def test_a_dataset_that_is_gone_is_found(universe: Universe, tmp_path: Path):
    write_universe(universe, tmp_path / "u.h5")
    with h5py.File(tmp_path / "u.h5", "r+") as file:
        del file["halos/velocity"]
    with pytest.raises(DataError, match="damaged: its attributes"):
        read_universe(tmp_path / "u.h5")


def test_a_file_without_checksums_is_read_and_the_digest_does_not_know_of_them(universe: Universe, tmp_path: Path):
    path = tmp_path / "u.h5"
    write_universe(universe, path)
    with h5py.File(path, "r+") as file:
        for place, attribute in [found for found in _all(file) if found[1] == "checksum"]:
            del file[place].attrs[attribute]
    assert digest(read_universe(path)) == digest(universe)


def _all(file: h5py.File) -> list[tuple[str, str]]:
    names = ["/"]
    file.visit(names.append)
    return [(name, attribute) for name in names for attribute in file[name].attrs]


def test_a_damaged_state_counts_as_none_and_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    restart, path = Restart(tmp_path, resume=True), tmp_path / "loop.h5"
    restart.save("loop", Group({"x": np.arange(1000.0)}, {"step": 3}))
    whole = path.read_bytes()
    for place, attribute in (("data/x", ""), ("attrs", "step")):
        path.write_bytes(whole)
        _damage(path, place, attribute, np.random.default_rng(4))
        assert restart.load("loop") is None
        assert "loop.h5" in caplog.text
        assert "done again" in caplog.text
        caplog.clear()
    path.write_bytes(whole)
    assert restart.load("loop") is not None
