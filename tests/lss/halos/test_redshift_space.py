import numpy as np

from lss.halos.redshift_space import redshift_space

BOX = 100.0


def test_redshift_space_moves_halos_along_one_axis_by_their_velocity():
    rng = np.random.default_rng(11)
    position = (rng.random((300, 3)) * BOX * 0.9999).astype(np.float32)
    velocity = rng.normal(scale=300, size=(300, 3)).astype(np.float32)
    shown = redshift_space(position, velocity, 2, 0.0, 0.3, BOX)
    assert np.array_equal(shown[:, :2], position[:, :2])
    assert shown.min() >= 0
    assert shown.max() < BOX
    moved = (shown[:, 2] - position[:, 2] + BOX / 2) % BOX - BOX / 2
    assert np.allclose(moved, velocity[:, 2] / 100, atol=1e-4)  # H0 = 100 km/s per Mpc/h
    at_two = redshift_space(position, velocity, 2, 2.0, 0.3, BOX)
    moved = (at_two[:, 2] - position[:, 2] + BOX / 2) % BOX - BOX / 2
    assert np.allclose(moved, velocity[:, 2] * 3 / (100 * np.sqrt(0.3 * 27 + 0.7)), atol=1e-4)
