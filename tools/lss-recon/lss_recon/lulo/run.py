"""Method lulo: the initial conditions behind a halo catalogue, by learned directions through full simulations."""

import dataclasses
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lss.errors import Stopped
from lss.files.provenance import file_hash, provenance_of
from lss.files.restart import Restart
from lss.nets.checkpoint import resolve
from lss.process import interrupt
from lss.process.progress import progress
from lss.universe import Group, Halos, Universe
from lss_recon.config import Config, Reconstruction
from lss_recon.forward import Forward, by_command, by_stages
from lss_recon.lulo import history
from lss_recon.lulo.cost import plan
from lss_recon.lulo.directions import Direction, holding, with_noise
from lss_recon.lulo.line_search import ChooseStep, by_bisection, by_line_search, by_schedule
from lss_recon.lulo.loop import Problem, State, reconstruct
from lss_recon.lulo.loop_state import Memory
from lss_recon.lulo.loss import mismatch
from lss_recon.lulo.modes import cut
from lss_recon.lulo.network import Learned, learned
from lss_recon.lulo.one_point import gaussianise
from lss_recon.lulo.power_limit import limit_power
from lss_recon.lulo.start import prior_draw, update_draw
from lss_recon.lulo.truth import PREFIX, against_truth
from lss_recon.observation import comparison, forward_settings, observed_halos, on_scale_of

__all__ = ["members", "plan", "run"]

log = logging.getLogger("lss.recon")


def members(config: Config) -> int:
    """How many samples one call makes."""
    return config.recon.samples


def run(universe: Universe, config: Config, *, index: int, truth: Path | None, restart: Restart) -> Universe:
    """Find white noise whose universe has the observed halos.

    index : number of the sample; each has draws of its own; truth : a universe to log r(k) against
    Returns the best universe that was simulated, as the forward model left it, with /recon: the history, and the
    observed catalogue in /recon/observed. Of the input only /halos is read.
    Raises DataError and ConfigError before the first simulation, Stopped with the state saved.
    """
    recon = config.recon
    task, before, early = _task(universe, config, index, truth, restart), None, None
    if recon.early.simulations:
        seen = on_scale_of(universe, recon.early.checkpoint) if recon.early.checkpoint else universe
        before = _task(seen, config.early(), index, truth, restart.within("early"))
    try:
        if before:
            early = _follow(before, recon.early.simulations)
            best = early.kept[early.best.simulation].noise
            task = dataclasses.replace(task, start=lambda: best)
        state = _follow(task, recon.max_simulations - (len(early.history) if early else 0))
    except Stopped:
        raise restart.stopped("stopped") from None
    return _result(state, early, universe, recon)


@dataclass(frozen=True)
class Task:
    """A reconstruction by one forward model, ready to begin: everything that can be wrong has been looked at.

    start : makes the white noise of the first simulation; memory : where the state of the loop is kept
    """

    title: str
    problem: Problem
    start: Callable[[], np.ndarray]
    choose_step: ChooseStep
    memory: Memory


def _task(universe: Universe, config: Config, index: int, truth: Path | None, restart: Restart) -> Task:
    recon, box = config.recon, config.box
    settings = forward_settings(universe, config)
    blank = Universe(config.cosmology, box, settings, {}, universe.source)
    observed = observed_halos(universe, settings)
    fields = comparison(observed, settings, recon.mean_counts)
    data = fields(observed)
    network = learned(recon, observed, fields, settings, index)
    kept = _bound_to(restart, file_hash(resolve(recon.checkpoint)), observed, index)
    problem = Problem(
        forward=_forward(recon, blank, index, kept),
        loss=lambda simulated: mismatch(fields(simulated.halos), data, recon.loss_smoothing, box.size),
        direction=_direction(network, config, index),
        constrain=_constrain(network, config),
        direction_repeats=recon.noise[0] == 0 and not recon.turn and recon.power_share[1] == 1,
        diagnose=against_truth(truth, blank) if truth else lambda evaluation: {},
    )
    title = f"sample {index}" if recon.samples > 1 else "lss-recon"
    return Task(title, problem, _start(network, problem, config, index), _choose_step(recon), Memory(kept, blank))


def _follow(task: Task, most: int) -> State:
    """The loop to its end, at most so many simulations, from wherever an interrupted run stood."""
    state = task.memory.load()
    if state.history:
        log.info("going on after simulation %d of %d", len(state.history), most)
    with progress(task.title, most, len(state.history)) as bar:

        def checkpoint(state: State) -> None:
            task.memory.save(state)
            bar.update(1, _shown(state))
            log.info("%s", _said(state, most))
            if interrupt.requested() and len(state.history) < most:
                raise Stopped("asked to stop")

        return reconstruct(task.problem, task.start, task.choose_step, most, state=state, checkpoint=checkpoint)


def _bound_to(restart: Restart, hash_of_checkpoint: str, observed: Halos, index: int) -> Restart:
    """The restart state, tied also to what the console cannot know: network, catalogue (of a pipe, say) and sample."""
    columns = (observed.position, observed.velocity, observed.mass)
    catalogue = hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()
    return restart.bound_to(hash_of_checkpoint, catalogue, str(index))


def _forward(recon: Reconstruction, blank: Universe, index: int, restart: Restart) -> Forward:
    if recon.forward.command:
        return by_command(recon.forward, blank, index)
    return by_stages(recon.forward.stages, blank, index, restart)


def _start(network: Learned, problem: Problem, config: Config, index: int) -> Callable[[], np.ndarray]:
    """What makes the white noise of the first simulation."""
    n, recon = config.box.n, config.recon
    if recon.start == "zero":
        return lambda: np.zeros((n, n, n), np.float32)
    if recon.start == "prior":
        return lambda: prior_draw(recon.seed, index, n)
    if recon.start == "sample":
        return lambda: network.start(prior_draw(recon.seed, index, n))
    return lambda: problem.constrain(network.start(prior_draw(recon.seed, index, n)), 0)


def _constrain(network: Learned, config: Config) -> Callable[[np.ndarray, int], np.ndarray]:
    """What every trial point goes through: no other distribution of values than the prior's, no unexpected power."""
    cosmology, size, recon = config.cosmology, config.box.size, config.recon
    first, factor = recon.power_share

    def constrain(noise: np.ndarray, update: int) -> np.ndarray:
        if recon.one_point_limit:
            noise = gaussianise(noise, cosmology, size)
        if not recon.power_limit:
            return noise
        return limit_power(noise, size, network.power, share=first * factor**update, fill=recon.pull > 0)

    return constrain


def _direction(network: Learned, config: Config, index: int) -> Direction:
    recon, box = config.recon, config.box
    amplitude, decay = recon.noise
    direction = holding(network.direction, recon.k_hold, box.size) if recon.k_hold else network.direction
    if not amplitude:
        return direction

    def draw(update: int) -> np.ndarray:
        drawn = update_draw(recon.seed, index, box.n, recon.early.simulations + update)  # early updates had the first
        return cut(drawn, recon.k_max, box.size)

    return with_noise(direction, amplitude, decay, draw)


def _choose_step(recon: Reconstruction) -> ChooseStep:
    if recon.step == "schedule":
        return by_schedule(*recon.schedule)
    search = recon.line_search
    if recon.step == "bisection":
        return by_bisection(search.first_step)
    return by_line_search(search.first_step, search.beta, search.accept)


def _said(state: State, most: int) -> str:
    """The last simulation in one line."""
    last, best = state.history[-1], state.best
    reached = ", ".join(f"{name.removeprefix(PREFIX)} {k:.3g}" for name, k in last.extra.items())
    return (
        f"simulation {last.simulation} of {most}: update {last.update}, step {last.step:.3g}, loss {last.loss:.5g}"
        f" (best {best.loss:.5g}, simulation {best.simulation}), rms {last.rms:.3f}, {last.seconds:.1f} s"
        + (f"; r = 0.8 at k: {reached}" if reached else "")
    )


def _shown(state: State) -> str:
    """The same in a few words, beside the bar."""
    last, best = state.history[-1], state.best
    return f"step {last.step:.2g}, loss {last.loss:.4g}, best {best.loss:.4g} ({best.simulation})"


def _result(state: State, early: State | None, universe: Universe, recon: Reconstruction) -> Universe:
    """The best universe with the history and the data it was reconstructed from; provenance is the input's so far."""
    best = state.best
    table = history.as_group(state.history)
    # Times differ from run to run, so they are no dataset: the same bits come from the same input.
    attrs: dict[str, Any] = {
        "seconds": table.data.pop("seconds"),
        "best_simulation": best.simulation,
        "simulations": len(state.history) + (len(early.history) if early else 0),
        "loss": best.loss,
        **{name: getattr(recon, name) for name in ("method", "direction", "start", "step", "checkpoint")},
        "checkpoint_sha256": file_hash(resolve(recon.checkpoint)),
    }
    result: Universe = state.kept[best.simulation].outcome
    result = result.with_group("recon", Group(table.data, attrs, table.units))
    if early:
        before = history.as_group(early.history)
        seconds = before.data.pop("seconds")
        result = result.with_group("recon/early", Group(before.data, {"seconds": seconds}, before.units))
    result = result.with_group("recon/observed", _without_members(universe.group("halos")))
    log.info("simulation %d of %d is the best: loss %.5g", best.simulation, len(state.history), best.loss)
    return dataclasses.replace(result, groups={**provenance_of(universe), **result.groups}, source=universe.source)


def _without_members(halos: Group) -> Group:
    """A catalogue without the lists of its particles, which are not in this universe."""
    columns = {name: array for name, array in halos.data.items() if not name.startswith("members_")}
    return Group(columns, halos.attrs, {name: halos.units.get(name, "1") for name in columns})
