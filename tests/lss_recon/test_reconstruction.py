"""The whole of it on universes that the shipped estimator has never seen."""

import numpy as np
import pytest

from lss import stages
from lss.config import Configuration, validate
from lss.grid.comparison import falls_through
from lss.grid.mesh import overdensity
from lss.grid.spectra import measure
from lss.physics.random_field import linear_overdensity, replace_large_scales
from lss.universe import Universe


def reconstructed(n, seed, **recon):
    """A truth of n^3 particles with voxels of 1.95 Mpc/h, and what is reconstructed from its halos."""
    settings = {
        "box": {"n": n, "size": 125 / 64 * n},
        "ic": {"seed": seed},
        "sim": {"method": "pm"},
        "halo": {"mass_definition": "fof", "min_particles": 28},
    }
    truth = Universe.create(validate(Configuration, {"box": settings["box"]}, "test"), settings)
    for name in ("ic", "sim", "halo"):
        truth = stages.run(name, truth, truth.config)
    return truth, stages.run("recon", truth, {**truth.config, "recon": {"checkpoint": "estimator-64-pm", **recon}})


def correlations(truth, result):
    """k and r(k) of the initial conditions and of the matter."""
    size = truth.box.size
    linear = [linear_overdensity(u.noise.value, u.cosmology, size) for u in (truth, result)]
    matter = [overdensity(u.particles.position, u.box.n, size) for u in (truth, result)]
    spectra = [measure(pair, size) for pair in (linear, matter)]
    return spectra[0].k, *(s.correlation(0, 1) for s in spectra)


def test_universe_never_seen_is_recovered_with_full_power():
    truth, result = reconstructed(32, 771, max_simulations=6)
    k, initial, matter = correlations(truth, result)
    loss = result.group("recon").data["loss"]
    assert loss.min() < 0.4 * loss[0]
    assert initial[k < 0.2].mean() > 0.8
    assert matter[k < 0.4].mean() > 0.8
    size = truth.box.size
    power = measure([linear_overdensity(u.noise.value, u.cosmology, size) for u in (result, truth)], size)
    transfer = power.transfer(0, 1)[(power.k > 0.3) & (power.k < 1.2)]
    np.testing.assert_allclose(transfer, 1, atol=0.25)
    assert transfer.mean() == pytest.approx(1, abs=0.05)


def test_reconstruction_grows_again_at_twice_the_resolution_with_its_large_scales(observed, estimator):
    recon = {"checkpoint": estimator, "max_simulations": 1}
    coarse = stages.run("recon", observed, {**observed.config, "recon": recon})
    finer = {**coarse.config, "box": {"n": 2 * coarse.box.n, "size": coarse.box.size}}
    fine = stages.run("ic", coarse, finer)
    fine = stages.run("sim", fine, fine.config)
    assert len(fine.particles.position) == 8 * len(coarse.particles.position)
    size, n = coarse.box.size, coarse.box.n
    # Modes below the coarse grid's Nyquist frequency are its own, bit by bit but for rounding.
    large = replace_large_scales(np.zeros((n, n, n), np.float32), fine.noise.value)
    linear = [linear_overdensity(noise, coarse.cosmology, size) for noise in (coarse.noise.value, large)]
    initial = measure(linear, size)
    resolved = initial.k < np.pi * n / size * 0.9
    np.testing.assert_allclose(initial.correlation(0, 1)[resolved], 1, atol=1e-5)
    np.testing.assert_allclose(initial.transfer(0, 1)[resolved], 1, atol=1e-5)
    matter = measure([overdensity(u.particles.position, n, size) for u in (coarse, fine)], size)
    large = matter.k < np.pi * n / size / 3
    assert matter.correlation(0, 1)[large].min() > 0.97
    np.testing.assert_allclose(matter.transfer(0, 1)[large], 1, atol=0.1)


@pytest.mark.slow
def test_sixteen_simulations_reach_the_figures_of_the_paper_that_a_particle_mesh_can():
    truth, result = reconstructed(64, 77, max_simulations=16)
    k, initial, matter = correlations(truth, result)
    assert falls_through(k, initial) > 0.21
    assert falls_through(k, matter) > 0.75
    assert 0.85 < len(result.halos) / len(truth.halos) < 1.1
