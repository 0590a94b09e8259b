"""Method hmc as lss-recon runs it."""

import numpy as np
import pytest
import torch

from lss.config import validate
from lss.differentiable.lpt import hartley
from lss.errors import ConfigError, DataError, Stopped
from lss.files.restart import Restart
from lss.files.universe_file import read_universe, write_universe
from lss.process import interrupt
from lss_recon import stage
from lss_recon.config import Config
from lss_recon.sampling import block
from lss_recon.sampling import run as method
from lss_recon.sampling.data import target_of
from lss_recon.sampling.log_density import with_gradient
from lss_recon.sampling.run import schedule_of
from lss_recon.sampling.target import scale_groups

pytestmark = pytest.mark.slow  # whole chains


def config(small, **hmc):
    return validate(Config, small.settings(**hmc), "test")


def test_phases_of_a_linear_gaussian_model_have_their_analytic_posterior():
    # d = R h + noise of rms s: the posterior of h is Gaussian, mode by mode.
    n, s = 8, 0.4
    shell = scale_groups(n)
    response = torch.exp(-0.3 * shell.double())
    draw = torch.Generator().manual_seed(1)
    truth = torch.randn(n**3, generator=draw, dtype=torch.float64)
    data = response * truth + s * torch.randn(n**3, generator=draw, dtype=torch.float64)
    variance = 1 / (1 + response**2 / s**2)
    mean = variance * response * data / s**2
    log_density = with_gradient(lambda h: -0.5 * (((data - response * h) / s) ** 2).sum() - 0.5 * (h**2).sum())
    plan = block.Plan("mclmc", 600, energy_variance=1e-4, groups=shell)
    state = block.begin(torch.randn(n**3, generator=draw, dtype=torch.float64), draw, log_density, plan)
    kept = []
    for move in range(600 + 2500):
        state, _ = block.advance(state, draw, log_density, plan)
        if move >= 600:
            kept.append(state.x)
    h = torch.stack(kept)
    pulls = (h.mean(dim=0) - mean) / variance.sqrt()
    assert abs(float(pulls.mean())) < 0.05
    assert float(pulls.std()) < 0.3
    assert float((h.var(dim=0) / variance).mean()) == pytest.approx(1, abs=0.06)
    expected = torch.sqrt(variance)
    assert np.allclose(torch.log(state.scale / expected).numpy(), 0, atol=0.25)


def test_a_run_leaves_phases_chains_and_fields(small):
    result = stage.run(small.universe(), config(small))
    chain, phases = result.group("recon/chain"), result.group("recon/phases")
    assert chain.data["measured"].shape[:2] == (2, 30)
    assert len(str(chain.attrs["names"]).split()) == chain.data["measured"].shape[2] == len(chain.attrs["r_hat"])
    assert phases.data["hartley"].shape == (8, 8, 8, 8)
    last = hartley(torch.from_numpy(phases.data["hartley"][3].astype(np.float32))).numpy()
    assert np.allclose(result.noise.value, last, atol=5e-3)
    assert result.field("linear_mean").value.std() < result.field("linear_scatter").value.mean() * 3
    assert np.array_equal(result.group("recon/observed").data["mass"], small.universe().halos.mass)


def test_draws_explain_the_data_better_than_the_prior_and_as_well_as_the_truth(small):
    result = stage.run(small.universe(), config(small, warm_up=100, draws=40, thin=3))
    target, fitted = target_of(small.universe(), config(small))
    draw = torch.Generator().manual_seed(1)
    prior = [target.log_likelihood(target.density(torch.randn(8**3, generator=draw)), fitted.theta) for _ in range(20)]
    truth = target.log_likelihood(target.density(hartley(torch.from_numpy(small.noise)).view(-1)), fitted.theta)
    drawn = result.group("recon/chain").data["measured"][..., 0]
    assert drawn.mean() > np.mean(prior) + 2 * np.std(prior)
    assert abs(drawn.mean() - truth) < 5 * max(drawn.std(), np.sqrt(len(target.halos)))


@pytest.mark.parametrize(
    ("blocks", "sampler", "joint_moves"),
    [
        (["phases"], "mclmc", 0),
        (["phases"], "hmc", 0),
        (["bias"], "qn-hmc", 0),
        (["phases", "bias"], "mclmc", 0),
        (["phases", "bias"], "mclmc", 2),
    ],
)
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(small, tmp_path, monkeypatch, blocks, sampler, joint_moves):
    keys = {"blocks": blocks, "sampler": sampler, "bias_sampler": sampler, "joint_moves": joint_moves, "phase_moves": 1}
    short = config(small, **keys, warm_up=15, draws=6)
    monkeypatch.setattr(method, "SEGMENT", 8)
    whole = stage.run(small.universe(), short)
    monkeypatch.setattr(interrupt, "requested", lambda: True)
    with pytest.raises(Stopped):
        stage.run(small.universe(), short, restart=Restart(tmp_path / "state", True, "same"))
    monkeypatch.setattr(interrupt, "requested", lambda: False)
    again = stage.run(small.universe(), short, restart=Restart(tmp_path / "state", True, "same"))
    assert np.array_equal(whole.group("recon/chain").data["measured"], again.group("recon/chain").data["measured"])
    samples = [one.group("recon/parameters").data["samples"] for one in (whole, again)]
    assert np.array_equal(*samples)


def test_the_bias_alone_moves_at_the_density_of_the_input(small):
    result = stage.run(small.universe(), config(small, blocks=["bias"], warm_up=40, draws=40))
    samples = result.group("recon/parameters").data["samples"]
    assert samples.shape == (2, 40, small.bias.parameters)
    assert samples.std(axis=1).min() > 0
    assert not result.has("recon/phases")
    assert result.has("ic")


def test_moving_in_turns_and_as_one_have_one_posterior(small):
    both = {"blocks": ["phases", "bias"], "start": "checkpoint", "warm_up": 80, "draws": 150, "thin": 1}
    means, errors = [], []
    for moves in ({"phase_moves": 6}, {"phase_moves": 1, "bias_moves": 1, "joint_moves": 8}):
        result = stage.run(small.universe(), config(small, **both, **moves))
        found, watched = result.group("recon/chain"), [0, 3, 4, 9, 10, 11]  # ln L, n(> M | mean), power
        draws = found.data["measured"][..., watched]
        means.append(draws.mean(axis=(0, 1)))
        errors.append(draws.std(axis=(0, 1)) / np.sqrt(np.array(found.attrs["effective_samples"])[watched]))
        samples = result.group("recon/parameters").data["samples"]
        assert samples.std(axis=1).min() > 0
    pulls = (means[0] - means[1]) / np.hypot(*errors)
    assert np.abs(pulls).max() < 4


def test_joint_moves_need_both_blocks(small):
    with pytest.raises(ConfigError, match=r'joint_moves: expected blocks = \["phases", "bias"\]'):
        config(small, joint_moves=3)


def test_a_kept_draw_becomes_the_initial_conditions_of_a_universe(small):
    sampled = stage.run(small.universe(), config(small))
    chosen = config(small, take=[2, 5])
    assert stage.members(chosen) == 2
    taken = stage.run(sampled, chosen, index=1)
    h = hartley(torch.from_numpy(taken.noise.value)).numpy()
    assert np.allclose(h, sampled.group("recon/phases").data["hartley"][5], atol=5e-3)
    with pytest.raises(DataError, match=r"keeps 8 draws; .* asks for 40"):
        stage.run(sampled, config(small, take=[40]))


def test_modes_finer_than_the_phases_come_from_the_prior(small):
    universe = small.universe()
    fine = validate(Config, small.settings(grid=8) | {"box": {"size": 32.0, "n": 16}}, "test")
    made = universe.groups["halos"]
    from lss.universe import Universe

    wide = Universe.create(fine).with_group("halos", made)
    result = stage.run(wide, fine)
    assert result.noise.value.shape == (16, 16, 16)
    assert result.noise.value.std() == pytest.approx(1, abs=0.1)


def test_redshift_space_and_masks_reach_the_model(small, tmp_path):
    mask = np.ones((8, 8, 8), np.float32)
    np.save(tmp_path / "mask.npy", 0.5 * mask)
    settings = small.settings()
    settings["halo"]["survey"] = {"mask": str(tmp_path / "mask.npy")}
    target, _ = target_of(small.universe(), validate(Config, settings, "test"))
    assert float(target.halos.exposure.mean()) == 0.5
    universe = small.universe()
    halos = universe.halos
    halos.attrs["redshift_space"] = "z"
    target, _ = target_of(universe.with_halos(halos), config(small))
    assert target.forward.stretch[2][0] > 1.4
    assert target.forward.stretch[0][0] == 1


def test_the_length_of_chains_is_what_was_asked_for(small):
    schedule = schedule_of(config(small, blocks=["phases", "bias"], draws=7, thin=3, warm_up=10))
    assert schedule.sweeps == 31
    assert schedule.phase_moves == 20
    assert schedule.phases.warm_up == 200


def test_a_plan_names_what_would_be_sampled(small):
    plan = stage.plan(small.universe(), config(small))
    assert any("halos above the threshold" in step for step in plan.steps)
    assert plan.cpu_seconds > 0


def bad(small, universe=None, error=DataError, words="", **hmc):
    with pytest.raises(error, match=words) as raised:
        stage.run(universe or small.universe(), config(small, **hmc))
    assert "\n" not in str(raised.value)


def test_bad_input_is_refused_in_a_line(small, tmp_path):
    universe = small.universe
    m = len(small.drawn.mass)
    bad(small, universe(mass=np.full(m, 2e12, np.float32)), words="no halo of .* above the threshold")
    bad(small, universe(mass=(small.drawn.mass / 1e10).astype(np.float32)), words="masses have to be in Msun/h")
    outside = small.drawn.position.astype(np.float32) * 1000
    bad(small, universe(position=outside), words="outside the box")
    bad(small, error=ConfigError, grid=4, words="made for voxels of 4 Mpc/h, asked for 8")
    bad(small, bias="estimator-64", words="a checkpoint of model 'estimator'; expected 'neural-bias'")
    bad(small, universe().without("ic"), blocks=["bias"], words="no /ic: with")


def test_a_chain_of_another_model_is_refused_on_resume(small, tmp_path, monkeypatch):
    monkeypatch.setattr(interrupt, "requested", lambda: True)
    restart = Restart(tmp_path / "state", True, "same")
    with pytest.raises(Stopped):
        stage.run(small.universe(), config(small, warm_up=100), restart=restart)
    with pytest.raises(DataError, match="of another sampler"):
        stage.run(small.universe(), config(small, warm_up=100, sampler="qn-hmc"), restart=restart)
    with pytest.raises(DataError, match="has a block 'phases'"):
        stage.run(small.universe(), config(small, warm_up=100, blocks=["bias"]), restart=restart)


def test_files_hold_what_was_sampled(small, tmp_path):
    result = stage.run(small.universe(), config(small))
    write_universe(result, tmp_path / "chain.h5")
    again = read_universe(tmp_path / "chain.h5")
    assert np.array_equal(again.group("recon/phases").data["hartley"], result.group("recon/phases").data["hartley"])
