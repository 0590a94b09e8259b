"""White noise of MUSIC and GRAFIC: written here number by number, as their sources describe it."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lss.errors import DataError
from lss.files.universe_file import read_universe

N = 8
SAID = ["--set", "box.size=50.0", *(word for key in ("omega_m=0.3", "omega_b=0.05", "h=0.7", "n_s=0.96", "sigma8=0.8")
        for word in ("--set", f"cosmology.{key}"))]  # fmt: skip


def noise() -> np.ndarray:
    value = np.random.default_rng(3).standard_normal((N, N, N)).astype(np.float32)
    value[1, 2, 3] = 5.0
    return value


def grafic(path: Path, value: np.ndarray, order: str = "<", kind: str = "f") -> Path:
    """The records of GRAFIC: a slab for every z, x fastest, each number with the other sign."""
    n, width = len(value), struct.calcsize(f"<{kind}")
    data = struct.pack(f"{order}6i", 16, n, n, n, 4711, 16)
    for z in range(n):
        data += struct.pack(f"{order}i", n * n * width)
        data += b"".join(struct.pack(f"{order}{kind}", -value[x, y, z]) for y in range(n) for x in range(n))
        data += struct.pack(f"{order}i", n * n * width)
    path.write_bytes(data)
    return path


def lss_ic(*words: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lss-ic"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("order", "kind"), [("<", "f"), ("<", "d"), (">", "f"), (">", "d")])
def test_records_are_read_in_either_byte_order_and_precision(tmp_path: Path, order: str, kind: str) -> None:
    universe = read_universe(grafic(tmp_path / "noise.dat", noise(), order, kind))
    np.testing.assert_array_equal(universe.noise.value, noise())
    assert universe.noise.value.dtype == np.float32


@pytest.mark.parametrize("kind", ["f", "d"])
def test_what_music_keeps_for_itself_is_read_as_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "wnoise_0003.bin"
    numbers = [noise()[x, y, z] for x in range(N) for y in range(N) for z in range(N)]
    path.write_bytes(struct.pack("<3i", N, N, N) + struct.pack(f"<{N**3}{kind}", *numbers))
    np.testing.assert_array_equal(read_universe(path).noise.value, noise())


def test_particles_gather_where_the_numbers_of_the_file_are_lowest(tmp_path: Path) -> None:
    path = grafic(tmp_path / "noise.dat", noise())
    assert lss_ic(path, "-o", tmp_path / "ic.h5", "--set", "ic.redshift=20", *SAID).returncode == 0
    position = read_universe(tmp_path / "ic.h5").particles.position.reshape(N, N, N, 3)
    cell = 50.0 / N
    for axis in range(3):  # the neighbours on both sides of (1, 2, 3) come closer
        before, after = [1, 2, 3], [1, 2, 3]
        before[axis], after[axis] = before[axis] - 1, after[axis] + 1
        apart = position[(*after, axis)] - position[(*before, axis)]
        assert (apart + 25.0) % 50.0 - 25.0 < 2 * cell


def test_our_own_noise_through_the_file_gives_the_same_particles(tmp_path: Path) -> None:
    words = ["--set", "box.n=8", "--set", "ic.seed=5", *SAID]
    assert lss_ic("-o", tmp_path / "seed.h5", *words).returncode == 0
    drawn = read_universe(tmp_path / "seed.h5")
    path = grafic(tmp_path / "noise.dat", drawn.noise.value)
    assert lss_ic(path, "-o", tmp_path / "file.h5", *SAID).returncode == 0
    found = read_universe(tmp_path / "file.h5")
    np.testing.assert_array_equal(found.particles.position, drawn.particles.position)
    np.testing.assert_array_equal(found.particles.velocity, drawn.particles.velocity)


def test_box_and_cosmology_have_to_be_said(tmp_path: Path) -> None:
    path = grafic(tmp_path / "noise.dat", noise())
    done = lss_ic(path, "-o", tmp_path / "ic.h5")
    assert done.returncode == 2
    assert "the file does not say, and so you must: [cosmology] omega_m, [box] size" in done.stderr
    assert not (tmp_path / "ic.h5").exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-100], "truncated"),
        (lambda data: data + b"1234", "truncated"),
        (lambda data: data[:24] + b"\x01" + data[25:], "damaged"),
        (lambda data: data[:4] + struct.pack("<i", 6) + data[8:], "expected a cube"),
        (lambda data: data[:40] + struct.pack("<f", np.nan) + data[44:], "1 values are not finite"),
        (lambda data: data[:40] + struct.pack("<f", 1e30) + data[44:], "white noise has 1"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, damage, words: str) -> None:
    path = grafic(tmp_path / "noise.dat", noise())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=words):
        read_universe(path)


def test_a_density_field_is_not_taken_for_white_noise(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is it a field"):
        read_universe(grafic(tmp_path / "delta.dat", 0.01 * noise()))
