"""Method hmc: initial phases and halo bias, sampled with gradients from their posterior given a halo catalogue."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lss.errors import ConfigError, DataError
from lss.files.provenance import file_hash
from lss.files.restart import Restart
from lss.inference import join_names
from lss.learned.fitted_bias import FittedBias
from lss.nets.checkpoint import resolve
from lss.physics.random_field import linear_overdensity, white_noise
from lss.process import interrupt
from lss.process.progress import progress
from lss.process.threads import spread
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss.universe import Field, Group, Universe, WhiteNoise
from lss_recon.config import Config
from lss_recon.sampling import block, chain, diagnostics
from lss_recon.sampling.chain import Chain, Schedule
from lss_recon.sampling.data import given_phases, grid_of, noise_of, target_of
from lss_recon.sampling.target import Monitors, Target, draw_of_prior, monitors, scale_groups

log = logging.getLogger("lss.recon")

SEGMENT = 40  # sweeps between two looks at the chains
SMALL = 977  # what tells the stream of the modes finer than the phases from others
PATCH = "n(>"

# Measured at 32^3: a gradient of the phases per voxel, of the bias per catalogue, and what a chain holds.
PHASE_CPU_SECONDS = {"1lpt": 1.6e-7, "2lpt": 3.2e-7, "pm": 2e-6}
BIAS_CPU_SECONDS, BYTES_PER_VOXEL = 6e-3, 600
BOTH_CPU_SECONDS = 1e-6  # a voxel, of the bias where both move as one


def members(config: Config) -> int:
    """How many universes one call makes: one with all chains, or one for each draw that is taken."""
    return max(1, len(config.recon.hmc.take))


def run(universe: Universe, config: Config, *, index: int, truth: Path | None, restart: Restart) -> Universe:
    """Sample the posterior of [recon.hmc] blocks.

    Returns the universe with /ic (the last draw of the first chain), /fields/linear_mean and /fields/linear_scatter,
    and in /recon what was kept: /recon/chain the measurements, /recon/parameters the bias, /recon/phases whole draws.
    Raises DataError and ConfigError before the first gradient, Stopped with the state of all chains saved.
    """
    settings = config.recon.hmc
    if settings.take:
        return taken(universe, config, index)
    if truth is not None:
        raise ConfigError('--truth: method = "hmc" does not compare while it runs; lss-stats --truth does')
    torch.set_num_threads(1)  # the threads there are run chains
    target, fitted = target_of(universe, config)
    schedule = schedule_of(config, target.bias.parameters)
    watched = monitors(grid_of(config), config.box.size)
    catalogue = hashlib.sha256(target.halos.ln_mass.numpy().tobytes() + target.halos.voxel.numpy().tobytes())
    kept = restart.bound_to(file_hash(resolve(settings.bias)), catalogue.hexdigest(), str(index))
    chains = [
        _loaded(kept, number, schedule) or _begun(target, fitted, universe, config, schedule, index, number)
        for number in range(settings.chains)
    ]
    done = min(c.sweep for c in chains)
    with progress("lss-recon hmc", schedule.sweeps, done) as bar:
        while done < schedule.sweeps:
            tasks = [(c, target, schedule, watched, SEGMENT) for c in chains]
            chains = spread(chain.run, tasks)
            for number, state in enumerate(chains):
                kept.save(f"chain-{number}", chain.as_group(state))
            bar.update(chains[0].sweep - done, _shown(chains))
            done = chains[0].sweep
            log.info("sweep %d of %d: %s", done, schedule.sweeps, _shown(chains))
            if interrupt.requested() and done < schedule.sweeps:
                raise kept.stopped("stopped")
    return _result(universe, config, target, watched, chains)


def schedule_of(config: Config, parameters: int = 0) -> Schedule:
    """The schedule of [recon.hmc]; parameters : of the bias, for chains that also move both as one."""
    settings = config.recon.hmc
    moves = settings.phase_moves or (20 if len(settings.blocks) == 2 else 1)
    tuned = settings.energy_variance, settings.acceptance
    phases = bias = both = None
    if "phases" in settings.blocks:
        groups = scale_groups(grid_of(config))
        phases = block.Plan(settings.sampler, settings.warm_up * moves, *tuned, groups=groups, length=settings.length)
    if settings.joint_moves:
        groups = scale_groups(grid_of(config), parameters)
        both = block.Plan(
            settings.sampler, settings.warm_up * settings.joint_moves, *tuned, groups=groups, length=settings.length
        )
    if "bias" in settings.blocks:
        bias = block.Plan(settings.bias_sampler, settings.warm_up * settings.bias_moves, *tuned)
    return Schedule(
        phases,
        bias,
        moves,
        settings.bias_moves,
        settings.warm_up,
        settings.thin,
        settings.draws,
        min(settings.fields, settings.draws) if phases else 0,
        both,
        settings.joint_moves,
    )


def _begun(
    target: Target,
    fitted: FittedBias,
    universe: Universe,
    config: Config,
    schedule: Schedule,
    index: int,
    number: int,
) -> Chain:
    """A chain at its start: phases from the prior (or those given), bias as asked."""
    settings, seed = config.recon.hmc, (config.recon.seed, index, number)
    draw = np.random.default_rng(seed)
    n = grid_of(config)
    h = torch.from_numpy(draw.standard_normal(n**3).astype(np.float32))
    if schedule.phases is None:
        h = given_phases(universe, config)
    theta = fitted.theta
    if "bias" in settings.blocks and settings.start == "prior":
        theta = draw_of_prior(target.bias, draw)
    return chain.begin(target, schedule, h, theta, seed)


def _loaded(kept: Restart, number: int, schedule: Schedule) -> Chain | None:
    state = kept.load(f"chain-{number}")
    return None if state is None else chain.from_group(state, schedule)


def _shown(chains: list[Chain]) -> str:
    """Where the chains stand, in a few words: for the bar and the log."""
    first = chains[0]
    if len(first.measured) < 8:
        live = [b for b in (first.phases, first.bias, first.both) if b]
        return "warming up: " + ", ".join(f"ln p {float(b.state.value):.1f}, step {b.step:.3g}" for b in live)
    draws = np.array([c.measured for c in chains])
    hats = diagnostics.r_hat(draws)
    return f"ln L {draws[:, -1, 0].mean():.1f}, R-hat of ln L {hats[0]:.3f}, largest {np.nanmax(hats):.3f}"


def _result(universe: Universe, config: Config, target: Target, watched: Monitors, chains: list[Chain]) -> Universe:
    settings, schedule = config.recon.hmc, schedule_of(config)
    names, draws = watched.names(), np.array([c.measured for c in chains])
    hats, effective = diagnostics.r_hat(draws), diagnostics.effective_samples(draws)
    gradients = np.array([c.gradients for c in chains])
    attrs: dict[str, Any] = {
        "method": "hmc",
        "names": join_names(tuple(name.replace(" ", "") for name in names)),
        "r_hat": hats,
        "effective_samples": effective,
        "gradients": gradients,
        "sampler": settings.sampler,
        "bias_sampler": settings.bias_sampler,
        "bias": settings.bias,
        "bias_sha256": file_hash(resolve(settings.bias)),
        "halos": len(target.halos),
    }
    _report(names, hats, effective, settings.blocks)
    result = universe.without("recon")
    if schedule.phases:
        result = _with_phases(result, config, chains)
    result = result.with_group("recon/chain", Group({"measured": draws}, attrs, {"measured": "1"}))
    thetas = Group({"samples": np.array([c.thetas for c in chains])}, {"parameters": " ".join(target.bias.names())})
    result = result.with_group("recon/parameters", Group(thetas.data, thetas.attrs, {"samples": "1"}))
    recon = {"method": "hmc", "simulations": 0, "loss": -float(draws[..., 0].mean())}
    result = result.with_group("recon", Group({}, recon))
    return result.with_group("recon/observed", universe.group("halos"))


def _report(names: list[str], hats: NDArray[Any], effective: NDArray[Any], blocks: tuple[str, ...]) -> None:
    """The worst of what should have converged, in the log."""
    groups = {"ln L": [0], "P(k)": [i for i, name in enumerate(names) if name.startswith("P(")]}
    groups["low modes"] = [i for i, name in enumerate(names) if name.startswith("h[")]
    if "bias" in blocks:
        groups["n(> M | patch)"] = [i for i, name in enumerate(names) if name.startswith(PATCH)]
    if "phases" not in blocks:
        groups = {name: rows for name, rows in groups.items() if name not in ("P(k)", "low modes")}
    for name, rows in groups.items():
        log.info("%s: R-hat up to %.3f, at least %.0f effective samples", name, hats[rows].max(), effective[rows].min())
        if hats[rows].max() > 1.05:
            log.warning("%s has not converged (R-hat %.3f): more draws, with --resume", name, hats[rows].max())


def _with_phases(universe: Universe, config: Config, chains: list[Chain]) -> Universe:
    """The last draw as /ic, mean and scatter of the linear field, and the draws that were kept whole."""
    n, size, seed = config.box.n, config.box.size, config.recon.seed
    grid = grid_of(config)
    small = white_noise(seed, SMALL, n)
    last = WhiteNoise(noise_of(chains[0].fields[-1], config, small), seed, 0)
    observed = universe.groups["halos"]
    result = universe.with_noise(last).with_group("halos", observed)
    fields = np.concatenate([c.fields for c in chains]).astype(np.float16)
    summed = sum(c.summed for c in chains)
    mean = sum(c.sums[0] for c in chains) / summed
    zero = np.zeros((n, n, n), np.float32)
    linear_mean = linear_overdensity(noise_of(mean.astype(np.float32), config, zero), config.cosmology, size)
    linear = [linear_overdensity(noise_of(f.astype(np.float32), config, zero), config.cosmology, size) for f in fields]
    result = result.with_field("linear_mean", Field(linear_mean))
    if len(linear) > 1:
        result = result.with_field("linear_scatter", Field(np.std(linear, axis=0, ddof=1).astype(np.float32)))
    variance = np.maximum(sum(c.sums[1] for c in chains) / summed - mean**2, 0)
    data = {"hartley": fields.reshape(-1, grid, grid, grid), "mean": mean.astype(np.float32), "variance": variance}
    return result.with_group(
        "recon/phases", Group(data, {"grid": grid, "chains": len(chains)}, dict.fromkeys(data, "1"))
    )


def taken(universe: Universe, config: Config, index: int) -> Universe:
    """The input with one of its kept draws as initial conditions, ready for lss-sim.

    Raises DataError if the input holds no chain, or not so many draws.
    """
    group = universe.group("recon/phases", 'lss-recon with method = "hmc" leaves it')
    number, fields = config.recon.hmc.take[index], group.data["hartley"]
    if not 0 <= number < len(fields):
        raise DataError(
            f"{universe.source}: /recon/phases keeps {len(fields)} draws; [recon.hmc] take asks for {number}"
        )
    if fields.shape[1] != grid_of(config):
        raise ConfigError(f"[recon.hmc] grid = {grid_of(config)}: the kept draws have {fields.shape[1]}")
    small = white_noise(config.recon.seed, SMALL + 1 + number, config.box.n)
    noise = noise_of(fields[number].astype(np.float32).reshape(-1), config, small)
    recon, observed = universe.group("recon"), universe.group("recon/observed")
    result = universe.with_noise(WhiteNoise(noise, config.recon.seed, number))
    return result.with_group("recon", recon).with_group("recon/observed", observed)


def plan(universe: Universe | None, config: Config) -> Plan:
    """Memory of all chains, and CPU time of all gradients; looks at the input as the run would."""
    settings, schedule = config.recon.hmc, schedule_of(config)
    if settings.take:
        return Plan(IMPORTS_BYTES, 1.0, [f"take draws {list(settings.take)} of the input's chains"])
    found = "none named"
    if universe is not None and universe.has("halos"):
        target, _ = target_of(universe, config)
        found = f"{len(target.halos)} halos above the threshold of {universe.source}"
    voxels = grid_of(config) ** 3
    each = {"mclmc": 2.0, "adjusted-mclmc": 8.0, "hmc": 16.0, "qn-hmc": 16.0}
    seconds = 0.0
    if schedule.phases:
        seconds += schedule.phase_moves * each[settings.sampler] * PHASE_CPU_SECONDS[settings.forward] * voxels
    if schedule.both:
        seconds += schedule.joint_moves * each[settings.sampler] * (BIAS_CPU_SECONDS + BOTH_CPU_SECONDS * voxels)
    if schedule.bias:
        seconds += schedule.bias_moves * each[settings.bias_sampler] * (BIAS_CPU_SECONDS + 2e-7 * voxels)
    total = seconds * schedule.sweeps * settings.chains
    return Plan(
        int(IMPORTS_BYTES + TORCH_BYTES + BYTES_PER_VOXEL * voxels * settings.chains),
        total,
        [
            f"observed: {found}",
            f"{settings.chains} chains of {' and '.join(settings.blocks)}",
            f"each {schedule.warm_up} sweeps of warm-up, then {schedule.draws} draws, {schedule.thin} sweeps apart",
        ],
    )
