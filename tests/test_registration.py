"""One registration everywhere: grid points, particles and other codes' halos lie where we think.

Half a voxel of diagonal offset would multiply r(k = 1 h/Mpc) by 0.59. The offset between two fields is measured from
the phases of their cross-spectrum.
"""

from pathlib import Path

import numpy as np
import pytest

from lss import stages
from lss.files.universe_file import read_universe
from lss.grid import fourier
from lss.grid.mesh import overdensity
from lss.physics.random_field import linear_overdensity

DATA = Path(__file__).parent.parent / "examples" / "quickstart" / "data"
VOXEL = 125 / 64


@pytest.fixture(scope="module")
def truth():
    return read_universe(DATA / "truth.h5")


@pytest.fixture(scope="module")
def halos(truth):
    """Gadget-4's halos as AHF found them: (position, mass)."""
    catalogue = {"format": "ahf", "length_unit": "kpc/h"}
    settings = {"cosmology": {"omega_m": 0.3175}, "box": {"size": 125.0, "n": 64}, "halo": {"catalogue": catalogue}}
    stage = stages.find("halo")
    config = stage.Config(**settings)
    return stage.read_foreign(DATA / "ahf.z0.000.AHF_halos", config).halos


def offset(first, second, box_size, k_max):
    """The shift (Mpc/h, per axis) that brings `second` onto `first`, by Gauss-Newton on the phases at k < k_max."""
    axes = fourier.wavenumbers(len(first), box_size)
    low = sum(k**2 for k in axes) < k_max**2
    vectors = np.stack([np.broadcast_to(k, low.shape)[low] for k in axes], axis=1)
    cross = (fourier.forward(first) * fourier.forward(second).conj())[low].astype(np.complex128)
    cross /= np.abs(cross).mean()
    shift = np.zeros(3)
    for _ in range(20):
        turned = cross * np.exp(1j * vectors @ shift)
        gradient = -(turned.imag[:, None] * vectors).sum(axis=0)
        curvature = np.einsum("m,mi,mj->ij", np.abs(turned.real), vectors, vectors)
        shift += np.linalg.solve(curvature, gradient)
    return shift


def test_a_known_offset_is_measured():
    rng = np.random.default_rng(1)
    position = rng.uniform(0, 125, (3000, 3)).astype(np.float32)
    moved = (position + np.float32([0.3, -0.2, 0.9])) % np.float32(125)
    first, second = (overdensity(p, 64, 125.0, "tsc") for p in (moved, position))
    assert offset(first, second, 125.0, 0.5) == pytest.approx([0.3, -0.2, 0.9], abs=0.05)


def test_reference_halos_lie_on_the_references_matter(truth, halos):
    field = overdensity(halos.position, 64, 125.0, "cic", halos.mass)
    assert np.abs(offset(truth.field("matter").value, field, 125.0, 0.7)).max() < 0.15 * VOXEL


def test_reference_halos_lie_on_our_initial_grid(truth, halos):
    linear = linear_overdensity(truth.noise.value, truth.cosmology, 125.0)
    field = overdensity(halos.position, 64, 125.0, "cic", halos.mass)
    assert np.abs(offset(linear, field, 125.0, 0.3)).max() < 0.25 * VOXEL


def test_our_simulation_of_the_references_initial_field_lies_on_its_matter(truth):
    settings = {**truth.config, "sim": {"method": "pm", "steps": 10}}
    universe = stages.run("sim", stages.run("ic", truth, settings), settings)
    ours = overdensity(universe.particles.position, 64, 125.0, "cic")
    assert np.abs(offset(truth.field("matter").value, ours, 125.0, 0.7)).max() < 0.02 * VOXEL
