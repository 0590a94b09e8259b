"""The N-body code against exact solutions; the same at full size, and Gadget-4, are in `python -m bench.gravity`."""

import numpy as np
import pytest
from bench.gravity.checks import (
    band_ratios,
    compared,
    configuration,
    conservation_errors,
    evolved,
    force_errors,
    growth_error,
    initial_particles,
    largest_error,
    pancake_error,
)


@pytest.fixture(scope="module")
def clustered():
    config = configuration(16, 31.25)
    return evolved(initial_particles(config), config).position


def test_forces_are_those_of_the_direct_ewald_sum(clustered):
    median, high = force_errors(clustered, configuration(16, 31.25), targets=500)
    assert median < 2e-4
    assert high < 2e-3


def test_a_lattice_hardly_displaced_feels_the_direct_sum():
    config = configuration(16, 31.25)
    median, high = force_errors(initial_particles(config).position, config, targets=300)
    assert median < 1e-2  # of a force that is a hundredth of the clustered one
    assert high < 3e-2


def test_a_pancake_follows_zeldovich_to_shell_crossing():
    assert pancake_error(configuration(16, 31.25)) < 0.05


@pytest.mark.slow
def test_a_finer_pancake_follows_zeldovich_more_closely():
    assert pancake_error(configuration(32, 62.5)) < 0.01


def test_the_lowest_shell_grows_as_linear_theory_says():
    assert growth_error(16, 31.25) < 0.01


@pytest.mark.slow
def test_the_lowest_shell_grows_as_linear_theory_says_within_three_permille():
    assert growth_error(64, 125.0) < 0.003


@pytest.mark.slow
def test_energy_obeys_layzer_and_irvine_and_momentum_is_conserved():
    energy, momentum = conservation_errors(configuration(32, 62.5))
    assert energy < 0.005
    assert momentum < 1e-4


def test_momentum_is_conserved_over_a_full_run():
    # Two particles on steps of different length feel each other at different times: no more than this is left.
    assert conservation_errors(configuration(16, 31.25))[1] < 5e-4


@pytest.mark.slow
@pytest.mark.parametrize("finer", [{"steps": 288}, {"eta": 0.02 / 4, "levels": 7}, {"mesh": 3}])
def test_finer_steps_and_meshes_change_little(finer):
    n, box_size = 32, 62.5
    start = initial_particles(configuration(n, box_size))
    ratios = []
    for seed in (1, 2, 3):
        runs = [evolved(start, configuration(n, box_size, offset_seed=seed, **more)).position for more in (finer, {})]
        ratios.append(band_ratios(compared(*runs, n, box_size)))
    assert largest_error(np.mean(ratios, axis=0), 1.0) < 0.01  # a small box is more chaotic than the 64^3 of bench
