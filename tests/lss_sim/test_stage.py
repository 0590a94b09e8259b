import dataclasses
import logging

import numpy as np
import pytest

from lss.errors import ConfigError, DataError, Stopped
from lss.files.restart import Restart
from lss.grid.mesh import overdensity
from lss.grid.spectra import measure
from lss.physics.cosmology import growth_factor
from lss.physics.random_field import linear_overdensity, white_noise
from lss.process import interrupt
from lss.universe import Particles, Universe, WhiteNoise
from lss_ic import stage as ic
from lss_ic.config import Config as InitialConfig
from lss_sim import stage
from lss_sim.config import Config

N, BOX = 16, 60.0


def universe(sigma8=0.834, n=N):
    tables = {"box": {"size": BOX, "n": n}, "cosmology": {"sigma8": sigma8}}
    config = InitialConfig.model_validate(tables)
    return ic.run(Universe.create(config), config)


def configuration(sigma8=0.834, n=N, **sim):
    return Config.model_validate(
        {"box": {"size": BOX, "n": n}, "cosmology": {"sigma8": sigma8}, "sim": {"reach": 2.0, **sim}}
    )


def test_defaults_are_those_of_the_design():
    sim = Config().sim
    assert (sim.method, sim.redshifts, sim.mesh_steps, sim.mesh) == ("p3m", [0.0], 72, 2)
    assert (sim.softening, sim.eta, sim.levels) == (0.05, 0.02, 6)
    quick = Config.model_validate({"sim": {"method": "pm"}}).sim
    assert (quick.mesh_steps, quick.pm_start) == (20, 19.0)


# Not pm: a lattice that hardly moves beats with a mesh twice as fine; pm is for fluctuations as they are.
@pytest.mark.parametrize("method", ["1lpt", "2lpt", "p3m"])
def test_every_method_follows_linear_growth_when_fluctuations_are_tiny(method):
    config = configuration(sigma8=0.00834, method=method, redshifts=[1.0, 0.0], steps=12)
    result = stage.run(universe(sigma8=0.00834), config)
    linear = linear_overdensity(white_noise(1, 0, N), config.cosmology, BOX)
    for particles in result.snapshots:
        q = np.stack(np.meshgrid(*[np.arange(N) * BOX / N] * 3, indexing="ij"), -1).reshape(-1, 3)
        d = particles.position - q
        d -= BOX * np.round(d / BOX)
        divergence = sum(
            np.gradient(np.pad(d[:, i].reshape(N, N, N), 1, "wrap"), BOX / N, axis=i)[1:-1, 1:-1, 1:-1]
            for i in range(3)
        )
        spectra = measure([-divergence.astype(np.float32), linear], BOX)
        growth = spectra.transfer(0, 1)[0] / growth_factor(1 / (1 + particles.redshift), 0.3175)
        shell = 2 * np.pi / N
        assert growth / np.sinc(shell / np.pi) == pytest.approx(1, abs=0.03)


def test_a_universe_without_fluctuations_stays_a_lattice_at_rest():
    q = np.stack(np.meshgrid(*[np.arange(N) * BOX / N] * 3, indexing="ij"), -1).reshape(-1, 3).astype(np.float32)
    start = with_particles(q, np.zeros_like(q), redshift=19.0)
    particles = stage.run(start, configuration(method="p3m", steps=8)).particles
    assert np.abs((particles.position - q + BOX / 2) % BOX - BOX / 2).max() < 1e-4  # Mpc/h
    assert np.abs(particles.velocity).max() < 1e-2  # km/s


def test_pm_puts_matter_where_p3m_does():
    quick, exact = (
        overdensity(stage.run(universe(), configuration(method=method)).particles.position, 32, BOX)
        for method in ("pm", "p3m")
    )
    spectra = measure([quick, exact], BOX)
    assert spectra.correlation(0, 1)[:4].min() > 0.98
    assert spectra.transfer(0, 1)[:4] == pytest.approx(1, abs=0.1)


def test_outputs_are_stored_by_redshift():
    result = stage.run(universe(), configuration(redshifts=[0.0, 3.0, 1.0], steps=6))
    assert [p.redshift for p in result.snapshots] == [3.0, 1.0, 0.0]
    assert result.particles.redshift == 0.0
    assert not np.array_equal(result.snapshots[0].position, result.snapshots[1].position)


def test_an_output_at_the_start_is_the_start():
    start = universe()
    result = stage.run(start, configuration(redshifts=[127.0, 5.0], steps=3))
    assert np.array_equal(result.snapshots[0].position, start.particles.position)


def test_an_output_is_the_start_within_the_rounding_of_a_header():
    start = universe()
    off = start.with_particles([dataclasses.replace(start.particles, redshift=127.0 - 1e-12)])
    assert stage.run(off, configuration(redshifts=[127.0, 5.0], steps=3)).snapshots[0].redshift == 127.0


def test_particles_that_are_there_already_are_not_relabelled():
    done = stage.run(universe(), configuration(method="pm", steps=4))
    with pytest.raises(DataError, match=r"at z = 0 already.*lss-ic sets them back"):
        stage.run(done, configuration(method="p3m"))


def test_a_universe_without_particles_is_told_who_makes_them():
    with pytest.raises(DataError, match="no /PartType1; lss-ic makes particles, also of the white noise of a file"):
        stage.run(universe().without("PartType1"), configuration(method="p3m"))


def test_pm_that_begins_after_an_output_is_an_error_of_the_table():
    with pytest.raises(ConfigError, match=r"\[sim\] start = 19: pm begins later than the output z = 30"):
        stage.run(universe(), configuration(method="pm", redshifts=[30.0]))


def test_outputs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="the same to three decimals"):
        configuration(redshifts=[0.5001, 0.5002, 0.0])


def test_a_matter_field_is_added_on_request():
    result = stage.run(universe(), configuration(method="2lpt", matter_grid=8))
    field = result.field("matter")
    assert field.assignment == "cic"
    assert field.value.shape == (8, 8, 8)
    assert field.value.mean(dtype=np.float64) == pytest.approx(0, abs=1e-6)


def test_pm_starts_from_the_noise_and_p3m_from_the_particles():
    first = universe()
    moved = first.with_particles([dataclasses.replace(first.particles, redshift=100.0)])
    for method, same in (("pm", True), ("p3m", False)):
        config = configuration(method=method, steps=8, redshifts=[2.0])
        results = [stage.run(u, config).particles.position for u in (first, moved)]
        assert np.array_equal(*results) == same


def test_same_bits_for_any_thread_count(threads):
    results = []
    for count in (1, 2, 5):
        threads(count)
        results.append(stage.run(universe(), configuration(steps=8)).particles)
    for particles in results[1:]:
        assert np.array_equal(particles.position, results[0].position)
        assert np.array_equal(particles.velocity, results[0].velocity)


@pytest.mark.parametrize("method", ["p3m", "pm"])
def test_a_stopped_run_resumes_to_the_same_bits(method, tmp_path, monkeypatch):
    config = configuration(method=method, steps=8, redshifts=[2.0, 0.0])
    whole = stage.run(universe(), config)
    calls = iter([False] * 5 + [True] + [False] * 100)
    monkeypatch.setattr(interrupt, "requested", lambda: next(calls))
    with pytest.raises(Stopped, match="step 6"):
        stage.run(universe(), config, restart=Restart(tmp_path))
    resumed = stage.run(universe(), config, restart=Restart(tmp_path, resume=True))
    for a, b in zip(whole.snapshots, resumed.snapshots, strict=True):
        assert np.array_equal(a.position, b.position)
        assert np.array_equal(a.velocity, b.velocity)


def with_particles(position=None, velocity=None, redshift=127.0):
    start = universe()
    p = start.particles
    changed = Particles(
        p.position if position is None else position, p.velocity if velocity is None else velocity, redshift
    )
    return start.with_particles([changed])


def test_particles_outside_the_box_are_refused():
    position = universe().particles.position.copy()
    position[7, 1] = BOX + 1
    with pytest.raises(DataError, match="1 of 4096 particles lie outside the box of 60 Mpc/h"):
        stage.run(with_particles(position=position), configuration())


def test_particles_that_are_no_lattice_are_refused():
    p = universe().particles
    with pytest.raises(DataError, match=r"4000 particles are not the 16\^3"):
        stage.run(with_particles(p.position[:4000], p.velocity[:4000]), configuration())


def test_velocities_that_are_not_finite_are_refused():
    velocity = universe().particles.velocity.copy()
    velocity[0, 0] = np.nan
    with pytest.raises(DataError, match="1 of 4096 particles have velocities that are not finite"):
        stage.run(with_particles(velocity=velocity), configuration())


def test_velocities_in_another_unit_are_said_aloud(caplog):
    velocity = universe().particles.velocity * np.float32(np.sqrt(128))  # Gadget's u
    with caplog.at_level(logging.WARNING, "lss"):
        stage.run(with_particles(velocity=velocity), configuration(redshifts=[100.0], steps=1))
    assert "11.3 times what linear theory expects" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "lss"):
        stage.run(universe(), configuration(redshifts=[100.0], steps=1))
    assert not caplog.text


def test_an_output_before_the_start_is_refused():
    with pytest.raises(DataError, match="z = 127, later than the output z = 200"):
        stage.run(universe(), configuration(redshifts=[200.0, 0.0]))


def test_more_memory_than_there_is_is_refused(monkeypatch):
    monkeypatch.setattr("lss_sim.checks.available_memory", lambda: 1_000_000)
    with pytest.raises(DataError, match=r"GB of memory, 0\.0 GB are available"):
        stage.run(universe(), configuration())


def test_a_softening_wider_than_the_pair_force_is_refused():
    with pytest.raises(ConfigError, match="softening = 4 Mpc/h"):
        stage.run(universe(), configuration(softening=4.0))


def test_a_box_too_small_for_the_pair_force_is_refused():
    with pytest.raises(ConfigError, match="more than half the box"):
        stage.run(universe(), configuration(reach=9.0))


def test_white_noise_is_needed_for_lpt():
    start = universe().without("ic")
    with pytest.raises(DataError, match="/ic"):
        stage.run(start, configuration(method="2lpt"))


def test_a_larger_universe_costs_more():
    small, large = (stage.plan(None, configuration(n=n)) for n in (64, 128))
    assert large.memory_bytes > 1.5 * small.memory_bytes
    assert large.cpu_seconds == pytest.approx(8 * small.cpu_seconds, rel=0.3)
    assert stage.plan(None, configuration(method="pm")).cpu_seconds < stage.plan(None, configuration()).cpu_seconds


def test_noise_of_another_grid_is_refused():
    start = universe()
    wrong = start.with_noise(WhiteNoise(white_noise(1, 0, 8), 1))
    with pytest.raises(DataError, match="shape"):
        stage.run(wrong, configuration(method="2lpt"))


def test_steps_so_long_that_every_pair_would_be_near_are_refused():
    with pytest.raises(DataError, match=r"within the mesh step to a = 1; raise \[sim\] steps"):
        stage.run(universe(), configuration(steps=1, reach=0.5))
