import logging

import numpy as np
import pytest
import torch

from lss.differentiable.field_models import simulator
from lss.errors import DataError
from lss.files.universe_file import read_universe, write_universe
from lss.physics.cosmology import growth_factor
from lss.physics.random_field import linear_overdensity, white_noise, white_noise_of
from lss.universe import Field, Particles, Universe, WhiteNoise
from lss_ic import stage
from lss_ic.config import Config


def config(n=16, **ic):
    return Config.model_validate({"box": {"n": n, "size": 100.0}, "ic": ic})


def initial_conditions(n=16, index=0, **ic):
    settings = config(n, **ic)
    return stage.run(Universe.create(settings), settings, index=index)


def shared_modes(field, largest):
    k = np.arange(-largest, largest + 1)
    return (np.fft.rfftn(field) / len(field) ** 1.5)[np.ix_(k, k, np.arange(largest + 1))]


def test_a_universe_gets_white_noise_and_particles_at_the_start_redshift():
    universe = initial_conditions(seed=4, redshift=49.0)
    assert universe.particles.redshift == 49.0
    assert universe.particles.position.shape == (16**3, 3)
    np.testing.assert_array_equal(universe.noise.value, white_noise(4, 0, 16))
    assert (universe.noise.seed, universe.noise.index, universe.noise.partner) == (4, 0, 0)


def test_particles_of_a_plane_wave_follow_zeldovich():
    settings, n, box = config(redshift=30.0), 16, 100.0
    x = np.arange(n) * box / n
    k = 2 * np.pi * 2 / box
    wave = np.broadcast_to(0.5 * np.cos(k * x)[:, None, None], (n, n, n)).astype(np.float32)
    noise = WhiteNoise(white_noise_of(wave, settings.cosmology, box), seed=0)
    position = stage.run(Universe.create(settings).with_noise(noise), settings).particles.position
    expected = x - growth_factor(1 / 31, settings.cosmology.omega_m) * 0.5 / k * np.sin(k * x)
    moved = (position.reshape(n, n, n, 3)[..., 0] - expected[:, None, None] + box / 2) % box - box / 2
    np.testing.assert_allclose(moved, 0, atol=1e-5)


def test_members_are_numbered_by_universe_and_partner():
    for index, (a, partner) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]):
        noise = initial_conditions(partners=2, index=index).noise
        assert (noise.index, noise.partner, noise.attrs["member"]) == (a, partner, index)
        assert (noise.phase == 0) == (partner == 0)


def test_a_partner_is_mixed_with_its_phase_and_has_unit_variance():
    n = 32
    noise, partner = (initial_conditions(n, index, partners=5).noise for index in (6, 8))  # x_1 and its second partner
    assert partner.value.var() == pytest.approx(1, abs=5 * np.sqrt(2 / n**3))
    perturbation = white_noise(1, 1, n, 2)
    mixed = np.cos(partner.phase) * noise.value + np.sin(partner.phase) * perturbation
    np.testing.assert_allclose(partner.value, mixed, atol=1e-6)


def test_the_universes_of_an_ensemble_do_not_depend_on_how_many_partners_they_have():
    alone, accompanied = initial_conditions(index=2), initial_conditions(index=6, partners=2)
    np.testing.assert_array_equal(alone.noise.value, accompanied.noise.value)


def test_an_inverted_universe_is_the_opposite_of_its_twin():
    for index in (0, 1):
        twins = [initial_conditions(index=index, partners=1, inverted=choice).noise.value for choice in (False, True)]
        np.testing.assert_array_equal(twins[0], -twins[1])


def test_white_noise_that_the_input_holds_is_kept_whatever_the_seed():
    given = initial_conditions(seed=8)
    settings = config(seed=1, redshift=0.0)
    again = stage.run(given, settings)
    np.testing.assert_array_equal(again.noise.value, given.noise.value)
    assert again.noise.seed == 8
    assert again.particles.redshift == 0.0


def test_a_finer_resimulation_keeps_the_modes_of_the_noise_given_and_adds_its_own():
    coarse = initial_conditions(16, seed=8)
    finer = [stage.run(coarse, config(32, seed=seed), index=index) for seed, index in ((1, 0), (2, 0), (1, 1))]
    for universe in finer:
        modes = shared_modes(universe.noise.value, 7)
        np.testing.assert_allclose(modes, shared_modes(coarse.noise.value, 7), atol=3e-6)
        assert universe.noise.value.var() == pytest.approx(1, abs=5 * np.sqrt(2 / 32**3))
        assert universe.noise.seed == 8
        assert universe.noise.attrs["large_scales_n"] == 16
    assert [u.noise.attrs["small_scales_index"] for u in finer] == [0, 0, 1]
    a, b, c = (u.noise.value for u in finer)
    assert np.abs(np.corrcoef([(a - b).ravel(), (a - c).ravel()])[0, 1] - 0.5) < 0.05  # three independent small scales


def test_a_finer_resimulation_never_borrows_the_small_scales_of_a_universe_of_that_seed():
    finer, own = stage.run(initial_conditions(16, seed=8), config(32, seed=8)), initial_conditions(32, seed=8)
    a, b = (np.fft.rfftn(u.noise.value)[9:24] for u in (finer, own))
    assert abs(np.vdot(a, b)) < 5 / np.sqrt(a.size) * np.linalg.norm(a) * np.linalg.norm(b)


def test_a_finer_resimulation_moves_matter_alike_on_large_scales():
    coarse = initial_conditions(16)
    fine = stage.run(coarse, config(32))
    linear = [linear_overdensity(u.noise.value, config().cosmology, 100.0) for u in (coarse, fine)]
    np.testing.assert_allclose(
        shared_modes(linear[0], 7) * 32**1.5, shared_modes(linear[1], 7) * 16**1.5, atol=1e-4 * 32**1.5
    )


def test_a_coarser_resimulation_keeps_the_modes_it_can_hold():
    fine = initial_conditions(32, seed=8)
    coarse = stage.run(fine, config(16))
    assert len(coarse.particles.position) == 16**3
    np.testing.assert_allclose(shared_modes(coarse.noise.value, 7), shared_modes(fine.noise.value, 7), atol=3e-6)


def test_what_was_made_from_earlier_initial_conditions_goes():
    universe = initial_conditions()
    universe = universe.with_particles([Particles(*(np.zeros((8, 3), np.float32),) * 2, redshift=z) for z in (1, 0)])
    universe = universe.with_field("matter", Field(np.zeros((16, 16, 16), np.float32)))
    again = stage.run(universe, config())
    assert set(again.groups) == {"ic", "PartType1"}


@pytest.mark.parametrize("n", [16, 24])
def test_the_same_bits_for_any_number_of_threads(n, threads):
    threads(1)
    one = initial_conditions(n, index=1, partners=1)
    threads(2)
    two = initial_conditions(n, index=1, partners=1)
    np.testing.assert_array_equal(one.noise.value, two.noise.value)
    np.testing.assert_array_equal(one.particles.position, two.particles.position)
    np.testing.assert_array_equal(one.particles.velocity, two.particles.velocity)


def test_sigma8_of_the_field_is_said_and_stored(caplog):
    with caplog.at_level(logging.INFO, logger="lss.ic"):
        noise = initial_conditions(32).noise
    assert f"sigma8 = {noise.attrs['sigma8']:.4f} in this field" in caplog.text
    assert noise.attrs["sigma8"] == pytest.approx(0.83, abs=0.1)
    assert noise.attrs["sigma8_expected"] < 0.834


def test_initial_conditions_survive_a_file(tmp_path):
    universe = initial_conditions(index=1, partners=1, redshift=99.0)
    write_universe(universe, tmp_path / "u.h5")
    back = read_universe(tmp_path / "u.h5")
    np.testing.assert_array_equal(back.noise.value, universe.noise.value)
    assert back.noise.attrs == universe.noise.attrs
    assert (back.noise.partner, back.noise.phase) == (universe.noise.partner, universe.noise.phase)
    assert back.index == 1
    np.testing.assert_array_equal(back.particles.position, universe.particles.position)
    np.testing.assert_allclose(back.particles.velocity, universe.particles.velocity, rtol=1e-6)


def test_a_plan_counts_what_the_input_holds():
    universe, settings = initial_conditions(), config(64)
    more = stage.plan(universe, settings).memory_bytes - stage.plan(None, settings).memory_bytes
    assert more == 16**3 * (4 + 12 + 12)
    assert universe.source in stage.plan(universe, settings).steps[0]


@pytest.mark.parametrize(("field", "dimensions"), [("power-law", 2), ("lognormal", 2), ("lognormal", 3)])
def test_a_random_field_is_that_of_the_simulator_in_memory(field, dimensions):
    universe = initial_conditions(field=field, dimensions=dimensions, index=3)
    assert sorted(universe.groups) == ["fields/" + field.replace("-", "_"), "ic"]
    noise = torch.from_numpy(universe.noise_in(dimensions).value)[None]
    simulate = simulator(universe.config, ("ic.slope",) if field == "power-law" else ("cosmology.sigma8",))
    in_memory = simulate.fields(torch.tensor([[0.5 if field == "power-law" else 0.834]]), noise)
    np.testing.assert_allclose(universe.field(field.replace("-", "_")).value, in_memory[0, 0], rtol=2e-5, atol=2e-5)


def test_a_field_made_again_with_other_parameters_keeps_its_noise():
    universe = initial_conditions(field="power-law", dimensions=2)
    settings = config(field="power-law", dimensions=2, amplitude=4.0)
    louder = stage.run(universe, settings)
    np.testing.assert_allclose(louder.field("power_law").value, 2 * universe.field("power_law").value, rtol=1e-5)


def test_noise_of_other_dimensions_is_refused():
    universe = initial_conditions(field="power-law", dimensions=2)
    with pytest.raises(DataError, match=r"/ic/white_noise has shape \(16, 16\); \(16, 16, 16\) is needed"):
        stage.run(universe, config())
