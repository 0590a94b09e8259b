"""Snapshots of Gadget-1 and 2, written here as the user guide describes them: both formats, either byte order."""

import struct

import numpy as np
import pytest

from lss.errors import DataError
from lss.files.universe_file import read_universe
from lss.physics.units import GADGET_MASS, particle_mass

N, BOX, OMEGA_M, A = 4, 50000.0, 0.3, 0.5
MASS = particle_mass(OMEGA_M, BOX / 1e3, N**3) / GADGET_MASS


def arrays(seed=1):
    draw = np.random.default_rng(seed)
    return draw.random((N**3, 3)) * BOX, draw.normal(0, 300, (N**3, 3)), np.arange(1, N**3 + 1)


def block(order, data, name=None):
    length = struct.pack(f"{order}I", len(data))
    label = b"" if name is None else struct.pack(f"{order}I4sII", 8, name.ljust(4).encode(), len(data) + 8, 8)
    return label + length + data + length


def snapshot(
    path, *, order="<", named=False, kind="f4", id_kind="u4", gas=0, listed=False, rows=None, total=None, files=1
):
    """A snapshot (or a part of one); gas : particles of type 0 before the dark matter; listed : masses in a block."""
    position, velocity, ids = arrays() if rows is None else rows
    dark = len(ids)
    counts = [gas, dark, 0, 0, 0, 0]
    table = [0.0] * 6 if listed else [MASS if gas else 0.0, MASS, 0, 0, 0, 0]
    whole = counts if total is None else [0, total, 0, 0, 0, 0]
    header = struct.pack(f"{order}6i6ddd2i6I2idddd2i6Ii", *counts, *table, A, 1 / A - 1, 0, 0, *whole, 0, files, BOX,
                         OMEGA_M, 1 - OMEGA_M, 0.7, 0, 0, *[0] * 6, 0)  # fmt: skip
    pad = np.zeros((gas, 3))
    blocks = [
        ("HEAD", header.ljust(256, b"\0")),
        ("POS", np.r_[pad, position].astype(f"{order}{kind}").tobytes()),
        ("VEL", np.r_[pad, velocity].astype(f"{order}{kind}").tobytes()),
        ("ID", np.r_[np.arange(1000, 1000 + gas), ids].astype(f"{order}{id_kind}").tobytes()),
    ]
    if listed:
        blocks.append(("MASS", np.full(gas + dark, MASS, f"{order}{kind}").tobytes()))
    path.write_bytes(b"".join(block(order, data, name if named else None) for name, data in blocks))
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(("kind", "id_kind"), [("f4", "u4"), ("f8", "u8")])
def test_both_formats_and_byte_orders_give_the_particles(tmp_path, order, named, kind, id_kind):
    path = snapshot(tmp_path / "snap_000", order=order, named=named, kind=kind, id_kind=id_kind)
    universe = read_universe(path, length_unit="kpc/h")
    position, velocity, _ = arrays()
    assert (universe.box.size, universe.box.n, universe.cosmology.omega_m) == (50.0, N, OMEGA_M)
    assert universe.particles.redshift == 1 / A - 1
    np.testing.assert_allclose(universe.particles.position, position / 1e3, rtol=1e-6)
    np.testing.assert_allclose(universe.particles.velocity, velocity * np.sqrt(A), rtol=1e-6)  # u = v / sqrt(a)


def test_dark_matter_is_found_behind_gas_and_masses_may_be_listed(tmp_path):
    mixed = read_universe(snapshot(tmp_path / "mixed", gas=7, named=True), length_unit="kpc/h")
    listed = read_universe(snapshot(tmp_path / "listed", listed=True), length_unit="kpc/h")
    assert np.array_equal(mixed.particles.position, listed.particles.position)


def test_files_of_several_are_read_together(tmp_path):
    position, velocity, ids = arrays()
    for number, part in enumerate((slice(0, 20), slice(20, None))):
        rows = position[part], velocity[part], ids[part]
        snapshot(tmp_path / f"snap_000.{number}", rows=rows, total=N**3, files=2)
    whole = read_universe(snapshot(tmp_path / "whole"), length_unit="kpc/h")
    for number in (0, 1):
        universe = read_universe(tmp_path / f"snap_000.{number}", length_unit="kpc/h")
        assert np.array_equal(universe.particles.position, whole.particles.position)
    (tmp_path / "snap_000.1").unlink()
    with pytest.raises(DataError, match=r"snap_000\.1 is missing"):
        read_universe(tmp_path / "snap_000.0", length_unit="kpc/h")


def test_a_snapshot_of_more_files_than_anybody_has_is_refused_before_any_is_looked_for(tmp_path):
    path = snapshot(tmp_path / "snap_000.0", files=2**31 - 1)
    with pytest.raises(DataError, match="at most 100000 are read"):
        read_universe(path, length_unit="kpc/h")


def test_units_are_asked_for(tmp_path):
    with pytest.raises(DataError, match=r"does not say its units; set \[sim\.snapshot\] length_unit"):
        read_universe(snapshot(tmp_path / "snap"))


def test_a_snapshot_in_the_wrong_unit_is_refused(tmp_path):
    with pytest.raises(DataError, match="MassTable says"):
        read_universe(snapshot(tmp_path / "snap"), length_unit="Mpc/h")


@pytest.mark.parametrize("cut", [3, 20, 300, 700, 1500, 2000])
def test_truncated_files_are_refused(tmp_path, cut):
    path = snapshot(tmp_path / "snap")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match="snap"):
        read_universe(path, length_unit="kpc/h")


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_read_or_refused(tmp_path, seed):
    draw = np.random.default_rng(seed)
    path = snapshot(tmp_path / "snap", named=bool(seed % 2))
    data = bytearray(path.read_bytes())
    for place in draw.integers(0, 320 if seed % 3 else len(data), 4):
        data[place] ^= 1 << draw.integers(8)
    path.write_bytes(data)
    try:
        universe = read_universe(path, length_unit="kpc/h")
    except DataError:
        return  # one line: what else is raised fails the test
    assert np.isfinite(universe.particles.position).all()
