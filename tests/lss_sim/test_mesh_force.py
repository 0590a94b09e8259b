import numpy as np
import pytest

from lss.errors import DataError
from lss_sim.mesh_force import MeshForce, mesh_offset, newtonian_influence

BOX = 50.0


def lattice(n):
    x = np.arange(n) * BOX / n
    return np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1).reshape(-1, 3)


def test_a_plane_wave_of_particles_feels_its_own_displacement():
    # delta = -div psi, so that f = -grad lap^-1 delta = psi.
    n, amplitude = 32, 0.02
    k = 2 * np.pi / BOX * 2
    q = lattice(n)
    psi = np.zeros_like(q)
    psi[:, 1] = amplitude * np.sin(k * q[:, 1])
    position = np.mod(q + psi, BOX).astype(np.float32)
    position[position >= np.float32(BOX)] = 0
    force = MeshForce(n, BOX, "pcs", newtonian_influence(n, BOX))(position, np.zeros(3))
    window = np.sinc(k * BOX / n / (2 * np.pi)) ** 8  # of painting and of interpolation
    np.testing.assert_allclose(force, psi * window, atol=0.01 * amplitude)


def test_a_lattice_feels_no_force_wherever_the_mesh_is():
    position = lattice(16).astype(np.float32)
    force_of = MeshForce(32, BOX, "cic", newtonian_influence(32, BOX))
    for step in range(3):
        assert np.abs(force_of(position, mesh_offset(1, step))).max() < 1e-4


def test_offsets_belong_to_seed_and_step():
    assert np.array_equal(mesh_offset(3, 7), mesh_offset(3, 7))
    assert not np.array_equal(mesh_offset(3, 7), mesh_offset(3, 8))
    assert not np.array_equal(mesh_offset(3, 7), mesh_offset(4, 7))
    assert np.all((mesh_offset(3, 7) >= 0) & (mesh_offset(3, 7) < 1))


def test_positions_that_are_not_finite_stop_the_run():
    position = lattice(8).astype(np.float32)
    position[5, 2] = np.nan
    with pytest.raises(DataError, match="not finite"):
        MeshForce(16, BOX, "cic", newtonian_influence(16, BOX))(position, np.zeros(3))
