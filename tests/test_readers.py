"""What other people's programs read in our files: the attributes they look for, where they look, and the right values.

yt 4.4.3 and pynbody 2.8.0 were run on files of ours at z = 0 and z = 1: positions, masses, peculiar velocities, ids,
redshift, box and cosmology came out right in both. The tests keep what those programs found, without installing them.
"""

import ast
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from lss.config import Box, Configuration, Cosmology
from lss.files.universe_file import write_universe
from lss.universe import Halos, Particles, Universe

FILE_FORMAT = Path(__file__).parents[1] / "docs" / "file-format.md"
COSMOLOGY = Cosmology(omega_m=0.3, omega_b=0.05, h=0.7)
BOX = Box(size=40.0, n=4)
EXPECTED = {"BoxSize": 40.0, "Omega0": 0.3, "OmegaLambda": 0.7, "OmegaBaryon": 0.05, "HubbleParam": 0.7}

# From constants of nature, not from the code: one h^-1 Mpc of the box in cm, the critical density in g/cm^3.
MPC_IN_CM = 3.0856776e24
GRAVITATIONAL_CONSTANT = 6.6743e-8  # cm^3 / g / s^2


def particles(redshift):
    rng = np.random.default_rng(3)
    position = rng.uniform(0, BOX.size, (BOX.n**3, 3)).astype(np.float32)
    velocity = rng.normal(0, 200, (BOX.n**3, 3)).astype(np.float32)
    return Particles(position, velocity, redshift)


@pytest.fixture(params=[0.0, 1.0, 49.0])
def written(request, tmp_path):
    """A universe with two outputs and halos, and its file."""
    last = particles(request.param)
    columns = {"position": last.position[:2], "velocity": last.velocity[:2], "mass": np.array([2e13, 1e13], np.float32)}
    universe = Universe.create(Configuration(cosmology=COSMOLOGY, box=BOX))
    universe = universe.with_particles([particles(request.param + 2), last])
    universe = universe.with_halos(Halos(columns, "fof", "lss-halo", request.param, None))
    write_universe(universe, tmp_path / "u.h5")
    with h5py.File(tmp_path / "u.h5") as file:
        yield last, file


def test_yt_finds_its_header_and_no_group_that_it_takes_for_another_code(written):
    last, file = written
    header = file["Header"].attrs
    for name, value in EXPECTED.items():
        assert header[name] == pytest.approx(value)
    # Without Redshift yt says z = 0, without OmegaLambda it makes the box non-comoving; both in silence.
    assert header["Redshift"] == last.redshift
    assert header["Time"] == pytest.approx(1 / (1 + last.redshift))
    assert header["NumFilesPerSnapshot"] == 1
    for name in ("NumPart_ThisFile", "NumPart_Total"):
        assert header[name].tolist() == [0, BOX.n**3, 0, 0, 0, 0]
    assert header["MassTable"].shape == (6,)
    assert not {"FOF", "Group", "Subhalo"} & set(file)
    assert "Masses" not in file["PartType1"]


def test_pynbody_finds_box_and_cosmology_also_in_parameters_and_units_in_their_own_group(written):
    _, file = written
    for name in ("BoxSize", "Omega0", "OmegaLambda", "OmegaBaryon", "HubbleParam"):
        assert file["Parameters"].attrs[name] == file["Header"].attrs[name]
    for name, value in dict(file["Units"].attrs).items() - {("checksum", file["Units"].attrs["checksum"])}:
        assert file["Parameters"].attrs[name] == value
    assert len(file["PartType1/ParticleIDs"]) == BOX.n**3


def test_units_are_those_that_the_manual_tells_users_of_yt_to_give(written):
    _, file = written
    unit_base = ast.literal_eval(re.search(r"unit_base=(\{.*\})", FILE_FORMAT.read_text()).group(1))
    assert unit_base.items() <= dict(file["Units"].attrs).items()
    assert unit_base["UnitLength_in_cm"] == pytest.approx(MPC_IN_CM, rel=1e-6)
    assert unit_base["UnitVelocity_in_cm_per_s"] == 1e5


def test_particles_weigh_the_matter_density_of_the_box_in_cgs(written):
    """Header, masses and units together, as a reader multiplies them out: rho_m = Omega0 3 H^2 / (8 pi G)."""
    _, file = written
    header, units = file["Header"].attrs, file["Units"].attrs
    h = header["HubbleParam"]
    grams = header["MassTable"][1] * header["NumPart_Total"][1] * units["UnitMass_in_g"] / h
    volume = (header["BoxSize"] * units["UnitLength_in_cm"] / h) ** 3
    hubble = h * 1e7 / MPC_IN_CM
    critical = 3 * hubble**2 / (8 * np.pi * GRAVITATIONAL_CONSTANT)
    assert grams / volume == pytest.approx(header["Omega0"] * critical, rel=1e-3)


def test_velocities_times_the_root_of_time_are_peculiar(written):
    last, file = written
    velocity = file["PartType1/Velocities"][()] * np.sqrt(file["Header"].attrs["Time"])
    np.testing.assert_allclose(velocity, last.velocity, rtol=1e-6)
    np.testing.assert_array_equal(file["PartType1/Coordinates"][()], last.position)
    np.testing.assert_array_equal(file["PartType1/ParticleIDs"][()], np.arange(1, BOX.n**3 + 1))


def test_earlier_outputs_carry_their_own_redshift_and_leave_the_header_to_the_last(written):
    last, file = written
    (earlier,) = file["snapshots"].values()
    assert earlier.attrs["Redshift"] == last.redshift + 2
    assert earlier.attrs["Time"] == pytest.approx(1 / (3 + last.redshift))
    assert file["Header"].attrs["Redshift"] == last.redshift
