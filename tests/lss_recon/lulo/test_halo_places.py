"""Halos moved to their places, in a world where Zel'dovich displacements are all there is."""

import dataclasses

import numpy as np
import pytest

from lss.config import Cosmology
from lss.errors import DataError
from lss.grid.fourier import filter_modes, wavenumber
from lss.grid.periodic import nearest_image, wrap
from lss.physics.cosmology import growth_rate
from lss.physics.lpt import displacements, lpt_particles
from lss.physics.random_field import linear_overdensity, white_noise
from lss.universe import Halos, Members
from lss_recon.lulo.halo_places import REACH, SIGMA, change_towards_places, match_nearest

BOX, N = 64.0, 16
COSMOLOGY = Cosmology()


def protohalos(count, n, seed=0):
    """Cubes of 8 lattice points anywhere, in random places: the members of halos."""
    corner = np.random.default_rng(seed).permutation(n**3 // 8)[:count]  # no two share a point
    corner = np.stack(np.unravel_index(corner, (n // 2,) * 3), axis=1) * 2
    cube = corner[:, None] + np.indices((2, 2, 2)).reshape(3, -1).T
    return Members(np.arange(count + 1) * 8, np.ravel_multi_index(tuple(np.moveaxis(cube, -1, 0)), (n, n, n)).ravel())


def halos_of(noise, members, redshift=0.0):
    """Where these particles are in the universe of a white noise, in first order."""
    linear = linear_overdensity(noise, COSMOLOGY, BOX)
    position, _ = lpt_particles(linear, BOX, COSMOLOGY.omega_m, redshift, order=1)
    groups = position[members.index].reshape(len(members.offset) - 1, -1, 3).astype(np.float64)
    around = (groups - groups[:, :1] + BOX / 2) % BOX - BOX / 2
    centre = (groups[:, 0] + around.mean(axis=1)) % BOX
    mass = np.ones(len(centre), np.float32)
    columns = {"position": centre.astype(np.float32), "velocity": np.zeros_like(centre), "mass": mass}
    return Halos(columns, "fof", "test", redshift, members)


def apart(one, other):
    return (one.position.astype(np.float64) - other.position + BOX / 2) % BOX - BOX / 2


@pytest.fixture(name="undecided")
def _undecided():
    """Nothing of the smallest scales, all of the largest."""
    return np.exp(-((wavenumber(N, BOX) / 0.3) ** 2))


def drawn(undecided, seed):
    """A change of white noise that has the variance of what is undecided."""
    return filter_modes(white_noise(seed, 0, N), np.sqrt(undecided))


@pytest.mark.parametrize("redshift", [0.0, 1.0])
def test_halos_come_to_their_places(undecided, redshift):
    members = protohalos(60, N)
    here, lacks = white_noise(1, 0, N), 0.1 * drawn(undecided, 2)
    truth, found = (halos_of(noise, members, redshift) for noise in (here + lacks, here))
    change = change_towards_places(lambda _: truth, 0.01 * undecided, COSMOLOGY, BOX)(found)
    before, after = (np.abs(apart(truth, one)).max() for one in (found, halos_of(here + change, members, redshift)))
    assert before > 3 * SIGMA / 2
    assert after < SIGMA


def test_change_is_the_mean_of_the_posterior():
    """Against the Gaussian formula with all matrices written out, from displacements of lss.physics.lpt."""
    n, count = 8, 12
    members = protohalos(count, n)
    undecided = np.exp(-((wavenumber(n, BOX) / 0.25) ** 2)) * (wavenumber(n, BOX) < 0.35)

    def displaced(noise):
        psi, _ = displacements(linear_overdensity(noise.astype(np.float32), COSMOLOGY, BOX), BOX, order=1)
        return psi.reshape(-1, 3)[members.index].reshape(count, 8, 3).mean(axis=1).ravel()

    unit = np.eye(n**3, dtype=np.float32).reshape(-1, n, n, n)
    response = np.stack([displaced(noise) for noise in unit], axis=1).astype(np.float64)
    prior = np.stack([filter_modes(noise, undecided).ravel() for noise in unit], axis=1).astype(np.float64)
    place = np.random.default_rng(1).uniform(0, BOX, (count, 3))
    lacking = np.random.default_rng(2).normal(0, 0.3, (count, 3))
    columns = {"mass": np.ones(count, np.float32), "velocity": np.zeros((count, 3))}
    found = Halos(columns | {"position": place.astype(np.float32)}, "fof", "test", 0.0, members)
    moved = {"position": ((place + lacking) % BOX).astype(np.float32)}
    truth = dataclasses.replace(found, columns=columns | moved, members=None)
    covariance = response @ prior @ response.T + SIGMA**2 * np.eye(3 * count)
    exact = prior @ response.T @ np.linalg.solve(covariance, lacking.ravel())
    change = change_towards_places(lambda _: truth, undecided, COSMOLOGY, BOX)(found)
    np.testing.assert_allclose(change.ravel(), exact, atol=0.02 * np.abs(exact).max())


def test_change_brings_the_field_nearer_to_the_truth_by_as_much_as_is_expected(undecided):
    """|e - w|^2 of the posterior mean is |e|^2 - |w|^2 on average: w and what is left of e are uncorrelated."""
    members = protohalos(200, N)
    left, error, change = 0.0, 0.0, 0.0
    for seed in range(8):
        here, lacks = white_noise(1, seed, N), 0.1 * drawn(undecided, 100 + seed)
        moving = halos_of(here + lacks, members)
        noise = np.random.default_rng(seed).normal(0, SIGMA, moving.position.shape)
        moving.columns["position"] = np.float32((moving.position + noise) % BOX)
        to_moving = change_towards_places(lambda _, moved=moving: moved, 0.01 * undecided, COSMOLOGY, BOX)
        drift = to_moving(halos_of(here, members))
        left, error, change = (
            total + float(np.sum(np.square(one, dtype=np.float64)))
            for total, one in ((left, lacks - drift), (error, lacks), (change, drift))
        )
    assert change > 0.1 * error
    assert left == pytest.approx(error - change, rel=0.1)


def test_in_redshift_space_halos_move_further_along_the_line_of_sight(undecided):
    members, here = protohalos(200, N), white_noise(1, 0, N)
    lacks, growth = 0.1 * drawn(undecided, 5), 1 + growth_rate(1.0, COSMOLOGY.omega_m)
    real = [halos_of(noise, members) for noise in (here, here + lacks)]
    shown = []
    for one in real:
        linear = halos_of(np.zeros_like(here), members).position
        moved = one.position.astype(np.float64)
        moved[:, 2] += (growth - 1) * nearest_image(moved[:, 2] - linear[:, 2], BOX)
        shown.append(dataclasses.replace(one, columns=one.columns | {"position": wrap(moved, BOX)}))
    in_real = change_towards_places(lambda _: real[1], undecided, COSMOLOGY, BOX)(real[0])
    in_redshift = change_towards_places(lambda _: shown[1], undecided, COSMOLOGY, BOX, 2)(shown[0])
    taken_as_real = change_towards_places(lambda _: shown[1], undecided, COSMOLOGY, BOX)(shown[0])
    errors = [float(np.mean((one - lacks) ** 2)) for one in (in_real, in_redshift, taken_as_real)]
    assert errors[1] < 1.05 * errors[0]
    assert errors[1] < errors[2]


def test_decided_modes_stay(undecided):
    decided = wavenumber(N, BOX) < 0.2
    members = protohalos(60, N)
    truth, found = (halos_of(white_noise(seed, 0, N), members) for seed in (1, 2))
    # Positions of two universes have nothing in common: those near each other by chance are matched.
    change = change_towards_places(lambda _: truth, np.where(decided, 0, undecided), COSMOLOGY, BOX)(found)
    assert np.abs(change).max() > 0
    assert np.abs(filter_modes(change, decided)).max() < 1e-5 * np.abs(change).max()


def test_halos_match_when_each_is_the_others_nearest():
    one = np.array([[0.5, 10, 10], [30, 30, 30], [50, 50, 50], [10, 40, 40]], np.float32)
    other = np.array(
        [[50, 50, 50 + 1.01 * REACH], [63.5, 10, 10], [30.6, 30, 30], [30.4, 30, 30], [10, 40, 40 + 0.99 * REACH]],
        np.float32,
    )
    rows = match_nearest(one, other, BOX)
    assert [index.tolist() for index in rows] == [[0, 1, 3], [1, 3, 4]]
    assert [len(index) for index in match_nearest(one[:0], other, BOX)] == [0, 0]


def test_nothing_changes_where_nothing_matches(undecided):
    members = protohalos(3, N)
    found = halos_of(white_noise(1, 0, N), members)
    far = dataclasses.replace(found, columns=found.columns | {"position": (found.position + 20) % BOX})
    assert not change_towards_places(lambda _: far, undecided, COSMOLOGY, BOX)(found).any()


def test_halos_without_members_are_refused(undecided):
    found = halos_of(white_noise(1, 0, N), protohalos(3, N))
    with pytest.raises(DataError, match="match_halos: the forward model's halos have no list of members"):
        change_towards_places(lambda _: found, undecided, COSMOLOGY, BOX)(dataclasses.replace(found, members=None))


def test_members_of_a_finer_lattice_are_refused(undecided):
    found = halos_of(white_noise(1, 0, N), protohalos(3, N))
    beyond = Members(found.members.offset, found.members.index + N**3)
    with pytest.raises(DataError, match="match_halos: a halo has particle"):
        change_towards_places(lambda _: found, undecided, COSMOLOGY, BOX)(dataclasses.replace(found, members=beyond))
