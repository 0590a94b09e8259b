"""Other people's snapshots: what they say is read, what they do not say is unknown, what cannot be true is refused."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from lss.errors import DataError, Unknown
from lss.files.universe_file import read_universe, write_universe
from lss.grid.periodic import nearest_image
from lss.physics.linear_power import linear_power

N, SIZE, SPEED = 16, 50.0, 150.0
STATS = Path(sys.executable).with_name("lss-stats")
HALO = Path(sys.executable).with_name("lss-halo")
MPC, MASS = 3.085678e24, 1.989e43


def wave():
    """Lattice points, and a displacement along x of one wave along x: (n^3, 3) Mpc/h each."""
    q = np.stack(np.meshgrid(*[np.arange(N)] * 3, indexing="ij"), -1).reshape(-1, 3) * SIZE / N
    return q, 1.5 * np.sin(2 * np.pi * q[:, :1] / SIZE) * [1.0, 0, 0]


def snapshot(path, *, header=(), drop=(), ids=None, rows=None, position=None, omega_m=0.3175, masses=None, length=1.0):
    """A snapshot as Gadget-4 writes it, of particles displaced by a wave and moving at SPEED times its sine.

    length : the unit of length, Mpc/h
    """
    q, moved = wave()
    count = len(q)
    rng = np.random.default_rng(1)
    x = (q + moved + rng.normal(0, 0.2, q.shape)) % SIZE if position is None else position
    mass = 27.7536627 * omega_m * SIZE**3 / count
    attributes = {
        **{"BoxSize": SIZE / length, "Omega0": omega_m, "OmegaLambda": 1 - omega_m, "HubbleParam": 0.6711},
        **{"Redshift": 0.0, "Time": 1.0, "NumFilesPerSnapshot": 1, "MassTable": np.array([0, mass, 0, 0, 0, 0])},
        **{"NumPart_ThisFile": np.array([0, count, 0, 0, 0, 0]), "NumPart_Total": np.array([0, count, 0, 0, 0, 0])},
        **dict(header),
    }
    units = {"UnitLength_in_cm": MPC * length, "UnitMass_in_g": MASS, "UnitVelocity_in_cm_per_s": 1e5}
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs.update({k: v for k, v in attributes.items() if k not in drop})
        file.create_group("Units").attrs.update({k: v for k, v in units.items() if k not in drop})
        part = file.create_group("PartType1")
        part["Coordinates"] = np.asarray(x[:rows] / length, "f8" if position is not None else "f4")
        part["Velocities"] = (SPEED / 1.5 * moved[:rows]).astype("f4")
        part["ParticleIDs"] = np.arange(1, count + 1, dtype="u4") if ids is None else ids
        if rows:
            del part["ParticleIDs"]
            part["ParticleIDs"] = np.arange(1, rows + 1, dtype="u4")
        if masses is not None:
            part["Masses"] = masses(count, mass)
    return path


def displacement(universe):
    return nearest_image(universe.particles.position - wave()[0], SIZE)


def expected(universe):
    """Whether a universe is the wave: particles where it took them, moving as it moves them."""
    moved = wave()[1]
    assert np.abs(displacement(universe) - moved).max() < 1.2  # six sigma of the noise
    np.testing.assert_allclose(universe.particles.velocity, SPEED / 1.5 * moved, atol=1e-3)
    return universe


def test_fewer_rows_than_the_header_counts_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"counts 4096 .* there are 3700 rows"):
        read_universe(snapshot(tmp_path / "cut.hdf5", rows=3700))


def test_rows_are_counted_where_the_header_does_not(tmp_path):
    universe = expected(read_universe(snapshot(tmp_path / "a.hdf5", drop=["NumPart_ThisFile", "NumPart_Total"])))
    assert universe.box.n == N


@pytest.mark.parametrize(
    "header",
    [
        {"Redshift": np.float32(0)},
        {"Redshift": np.int32(0)},
        {"Redshift": np.array([0.0]), "Time": np.array([[1.0]])},
        {"BoxSize": np.array([SIZE] * 3)},
        {"BoxSize": np.int64(50), "NumPart_ThisFile": np.array([0, 4096, 0, 0, 0, 0], "f8")},
    ],
)
def test_numbers_of_the_header_may_have_any_type(tmp_path, header):
    universe = expected(read_universe(snapshot(tmp_path / "a.hdf5", header=header)))
    assert (universe.box.size, universe.particles.redshift) == (SIZE, 0.0)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"BoxSize": np.array([50.0, 50.0, 60.0])}, "only cubes"),
        ({"Redshift": 1.0}, "Redshift = 1 and Time = 1 contradict"),
        ({"Redshift": "late"}, "expected a number"),
        ({"BoxSize": np.nan}, "expected a number"),
        ({"BoxSize": 1e200}, "no box is so large"),
        ({"OmegaLambda": 0.5}, "only flat"),
        ({"NumFilesPerSnapshot": 4}, "one of 4 files, but its name does not end"),
        ({"MassTable": np.array([0, 1.0, 0, 0, 0, 0])}, "MassTable says 1 .* weigh"),
    ],
)
def test_headers_that_cannot_be_true_are_refused(tmp_path, header, said):
    with pytest.raises(DataError, match=said):
        read_universe(snapshot(tmp_path / "a.hdf5", header=header))


def test_equal_masses_in_a_dataset_are_read_and_unequal_ones_refused(tmp_path):
    none = {"MassTable": np.zeros(6)}
    path = tmp_path / "a.hdf5"
    expected(read_universe(snapshot(path, header=none, masses=lambda n, m: np.full(n, m, "f4"))))
    with pytest.raises(DataError, match="only particles of one mass"):
        read_universe(snapshot(path, header=none, masses=lambda n, m: np.linspace(0.5 * m, m, n)))
    with pytest.raises(DataError, match="Masses says"):
        read_universe(snapshot(path, header=none, masses=lambda n, m: np.full(n, 2 * m)))
    with pytest.raises(DataError, match="no particle mass"):
        read_universe(snapshot(path, header=none))


def test_positions_a_little_outside_are_wrapped_and_counted_and_far_ones_refused(tmp_path, caplog):
    x = np.random.default_rng(0).random((N**3, 3)) * SIZE
    x[5, 0], x[7, 1] = -1e-5, 50.00001
    position = read_universe(snapshot(tmp_path / "a.hdf5", position=x)).particles.position
    assert "2 lie outside the box by up to 1e-05 Mpc/h; wrapped" in caplog.text
    assert position.min() >= 0
    assert position.max() < SIZE
    assert position[7, 1] == pytest.approx(1e-5, abs=2e-6)
    x[9] = 61.0
    with pytest.raises(DataError, match="3 of 4096 lie outside the box of 50"):
        read_universe(snapshot(tmp_path / "a.hdf5", position=x))
    with pytest.raises(DataError, match="kpc/h"):
        read_universe(snapshot(tmp_path / "a.hdf5", position=x % SIZE * 1000))
    with pytest.raises(DataError, match="from -L/2 to L/2"):
        read_universe(snapshot(tmp_path / "a.hdf5", position=x % SIZE - SIZE / 2))


@pytest.mark.parametrize("first", [0, 1, 10**12])
@pytest.mark.parametrize("step", [1, 2])
def test_ids_may_begin_anywhere_and_come_in_any_order(tmp_path, first, step):
    ids = np.arange(N**3, dtype="u8") * step + first
    path = snapshot(tmp_path / "a.hdf5", ids=ids)
    order = np.random.default_rng(2).permutation(N**3)
    with h5py.File(path, "r+") as file:
        for name in ("Coordinates", "Velocities", "ParticleIDs"):
            file["PartType1"][name][...] = file["PartType1"][name][()][order]
    assert expected(read_universe(path)).particles.lattice


def test_a_lattice_numbered_with_x_fastest_is_put_in_order(tmp_path):
    ids = np.arange(N**3).reshape(N, N, N).transpose(2, 1, 0).ravel()
    assert expected(read_universe(snapshot(tmp_path / "a.hdf5", ids=ids))).particles.lattice


def test_ids_that_occur_twice_are_refused(tmp_path):
    ids = np.arange(N**3)
    ids[7] = 3
    with pytest.raises(DataError, match="1 of 4096 ParticleIDs occur twice"):
        read_universe(snapshot(tmp_path / "a.hdf5", ids=ids))


def test_ids_that_number_no_lattice_are_found_out_and_stay_so_in_our_file(tmp_path, caplog):
    shuffled = np.random.default_rng(2).permutation(N**3)
    universe = read_universe(snapshot(tmp_path / "a.hdf5", ids=shuffled))
    assert not universe.particles.lattice
    assert "do not number a lattice" in caplog.text
    write_universe(universe, tmp_path / "u.h5")
    assert not read_universe(tmp_path / "u.h5").particles.lattice


def test_statistics_that_need_the_lattice_are_left_out_without_it(tmp_path):
    snapshot(tmp_path / "a.hdf5", ids=np.random.default_rng(2).permutation(N**3))
    line = [STATS, "a.hdf5", "--set", 'stats.measure=["velocity","power"]', "--tables", "t/"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "no velocity" in done.stderr
    assert (tmp_path / "t" / "power-matter.csv").exists()
    assert not (tmp_path / "t" / "power-velocity.csv").exists()


@pytest.mark.parametrize("length", [1e-3, 0.25])
def test_any_unit_of_length_is_converted(tmp_path, length):
    universe = expected(read_universe(snapshot(tmp_path / "a.hdf5", length=length)))
    assert universe.box.size == SIZE


def test_a_snapshot_without_units_asks_for_them(tmp_path):
    units = ["UnitLength_in_cm", "UnitMass_in_g", "UnitVelocity_in_cm_per_s"]
    path = snapshot(tmp_path / "a.hdf5", length=1e-3, drop=units)
    with pytest.raises(DataError, match=r"\[sim\.snapshot\] length_unit"):
        read_universe(path)
    expected(read_universe(path, length_unit="kpc/h"))
    with pytest.raises(DataError, match="MassTable"):
        read_universe(path, length_unit="Mpc/h")
    line = [STATS, path, "--set", "sim.snapshot.length_unit=kpc/h", "--set", 'stats.measure=["power"]']
    assert subprocess.run(line, capture_output=True, check=False).returncode == 0


def test_velocities_are_peculiar_at_any_redshift(tmp_path):
    universe = read_universe(snapshot(tmp_path / "a.hdf5", header={"Redshift": 3.0, "Time": 0.25}))
    # Gadget's variable is v / sqrt(a).
    np.testing.assert_allclose(universe.particles.velocity, 0.5 * SPEED / 1.5 * wave()[1], atol=1e-3)


def test_a_snapshot_of_swift_is_read_without_its_factors_of_h(tmp_path):
    """Lengths in Mpc, masses in 1e10 Msun, peculiar velocities, everything an array of one."""
    h, (q, moved) = 0.6711, wave()
    one = lambda x: np.array([x])  # noqa: E731
    with h5py.File(tmp_path / "swift.hdf5", "w") as file:
        counts = np.array([0, N**3, 0, 0, 0, 0, 0])
        file.create_group("Header").attrs.update(
            {"BoxSize": np.full(3, SIZE / h), "Redshift": one(1.0), "Scale-factor": one(0.5), "MassTable": np.zeros(7)}
            | {"NumPart_ThisFile": counts, "NumPart_Total": counts, "NumFilesPerSnapshot": one(1), "Time": one(0.01)}
        )
        flat = {"Omega_m": one(0.3175), "Omega_lambda": one(0.6824), "Omega_r": one(1e-4), "h": one(h)}
        file.create_group("Cosmology").attrs.update(flat)
        # The unit of time makes km/s of the unit of length.
        units = {"Unit length in cgs (U_L)": MPC, "Unit mass in cgs (U_M)": MASS, "Unit time in cgs (U_t)": MPC / 1e5}
        file.create_group("Units").attrs.update({name: one(value) for name, value in units.items()})
        part = file.create_group("PartType1")
        part["Coordinates"] = (q + moved) % SIZE / h
        part["Velocities"] = SPEED / 1.5 * moved
        part["ParticleIDs"] = np.arange(N**3)
        part["Masses"] = np.full(N**3, 27.7536627 * 0.3175 * SIZE**3 / N**3 / h, "f4")
    universe = expected(read_universe(tmp_path / "swift.hdf5"))
    assert (universe.box.size, universe.particles.redshift) == (pytest.approx(SIZE, rel=1e-6), 1.0)


def split(path, count):
    """The same particles in files NAME.0.hdf5, NAME.1.hdf5, ... of different length."""
    edges = [0, *sorted(np.random.default_rng(5).integers(1, N**3, count - 1)), N**3]
    with h5py.File(path) as whole:
        for number in range(count):
            rows = slice(edges[number], edges[number + 1])
            with h5py.File(path.with_suffix(f".{number}.hdf5"), "w") as part:
                for group in ("Header", "Units"):
                    part.create_group(group).attrs.update(dict(whole[group].attrs))
                here = np.array([0, edges[number + 1] - edges[number], 0, 0, 0, 0])
                part["Header"].attrs.update({"NumFilesPerSnapshot": count, "NumPart_ThisFile": here})
                for name, data in whole["PartType1"].items():
                    part[f"PartType1/{name}"] = data[rows]
    return path.with_suffix(".0.hdf5")


def test_a_snapshot_in_several_files_is_read_whole_or_not_at_all(tmp_path):
    path = snapshot(tmp_path / "snap_004.hdf5")
    first = split(path, 3)
    found = expected(read_universe(first)).particles
    np.testing.assert_array_equal(found.position, read_universe(path).particles.position)
    (tmp_path / "snap_004.2.hdf5").unlink()
    with pytest.raises(DataError, match=r"one of 3 files, but snap_004\.2\.hdf5 is missing"):
        read_universe(first)


def test_other_particles_are_named_and_the_dark_matter_is_read(tmp_path, caplog):
    path = snapshot(
        tmp_path / "a.hdf5", header={"MassTable": np.array([0, 0.85 * 27.7536627 * 0.3175 * SIZE**3 / N**3])}
    )
    with h5py.File(path, "r+") as file:
        file["PartType0/Coordinates"] = np.zeros((5, 3))
    expected(read_universe(path))
    assert "5 of gas are not read" in caplog.text


def test_what_a_snapshot_does_not_say_stays_unknown_until_the_user_says_it(tmp_path):
    snapshot(tmp_path / "a.hdf5", position=np.random.default_rng(0).random((N**3, 3)) * SIZE)
    universe = read_universe(tmp_path / "a.hdf5")
    assert universe.cosmology.unknown == ("omega_b", "n_s", "sigma8", "transfer")
    with pytest.raises(Unknown, match=r"set cosmology\.sigma8"):
        linear_power(0.1, universe.cosmology)

    def run(*line):
        return subprocess.run([str(word) for word in line], cwd=tmp_path, capture_output=True, text=True, check=True)

    run(HALO, "a.hdf5", "--set", "halo.mass_definition=fof", "--set", "halo.min_particles=2", "-o", "h.h5")
    kept = read_universe(tmp_path / "h.h5").config["cosmology"]
    assert kept == {"omega_m": 0.3175, "h": 0.6711, "unknown": ["omega_b", "n_s", "sigma8", "transfer"]}
    with h5py.File(tmp_path / "h.h5") as file:
        assert "OmegaBaryon" not in file["Header"].attrs
    ask = [STATS, "h.h5", "--set", 'stats.measure=["mass_function"]', "--tables", "t/"]
    columns = lambda: (tmp_path / "t" / "mass_function.csv").read_text()  # noqa: E731
    said = run(*ask, "--set", "cosmology.sigma8=0.6").stderr
    assert "no model of the mass function: unknown omega_b, n_s: set cosmology.omega_b, cosmology.n_s" in said
    assert "sheth99" not in columns()
    run(*ask, *["--set", "cosmology.sigma8=0.6", "--set", "cosmology.n_s=0.96", "--set", "cosmology.omega_b=0.05"])
    assert "sheth99" in columns()


def test_a_universe_of_little_matter_does_not_stumble_over_default_baryons(tmp_path):
    snapshot(tmp_path / "low.hdf5", omega_m=0.04)
    assert read_universe(tmp_path / "low.hdf5").cosmology.omega_m == 0.04
    line = [STATS, "low.hdf5", "--set", "cosmology.omega_b=0.01", "--set", 'stats.measure=["power"]']
    assert subprocess.run(line, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_einstein_de_sitter_is_flat(tmp_path):
    snapshot(tmp_path / "a.hdf5", omega_m=1.0)
    assert expected(read_universe(tmp_path / "a.hdf5")).cosmology.omega_m == 1.0
