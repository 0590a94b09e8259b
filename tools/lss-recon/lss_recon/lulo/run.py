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
from lss.grid.fourier import cut_modes
from lss.halos.survey import in_redshift_space
from lss.nets.checkpoint import resolve
from lss.process import interrupt
from lss.process.progress import progress
from lss.universe import Group, Halos, Universe
from lss_recon.config import Config, Reconstruction
from lss_recon.forward import Forward, by_command, by_stages
from lss_recon.forward_settings import forward_settings
from lss_recon.halo_comparison import compared_fields, mismatch
from lss_recon.lulo.cheap import cheap_config, cheap_data
from lss_recon.lulo.completion import completed
from lss_recon.lulo.cost import plan
from lss_recon.lulo.directions import Direction, hold_below, with_noise
from lss_recon.lulo.line_search import ChooseStep, by_bisection, by_line_search, by_schedule
from lss_recon.lulo.loop import Problem, State, reconstruct
from lss_recon.lulo.loop_state import LoopState, history_as_group
from lss_recon.lulo.network import Data, Guidance, make_guidance
from lss_recon.lulo.one_point import gaussianise
from lss_recon.lulo.power_limit import limit_power
from lss_recon.lulo.start import prior_draw, update_draw
from lss_recon.lulo.truth import PREFIX, against_truth
from lss_recon.observation import observed_halos
from lss_recon.view import View, refuse_another_survey, view_of, whole_sky

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
    if recon.cheap.simulations:
        data = cheap_data(universe, config)
        before = _task(data, cheap_config(config), index, truth, restart.within("early"))
    try:
        if before:
            early = _follow(before, recon.cheap.simulations)
            best = early.kept[early.best.simulation].noise
            task = dataclasses.replace(task, start=lambda: best)
        state = _follow(task, recon.max_simulations - (len(early.history) if early else 0))
    except Stopped:
        raise restart.stopped("stopped") from None
    return _result(state, early, universe, recon)


@dataclass(frozen=True)
class Task:
    """A reconstruction by one forward model, ready to begin: everything that can be wrong has been looked at.

    start : makes the white noise of the first simulation; kept : where the state of the loop is kept
    """

    title: str
    problem: Problem
    start: Callable[[], np.ndarray]
    choose_step: ChooseStep
    kept: LoopState


def _task(universe: Universe, config: Config, index: int, truth: Path | None, restart: Restart) -> Task:
    recon, box, update = config.recon, config.box, config.recon.update
    settings = forward_settings(universe, config)
    blank = Universe(config.cosmology, box, settings, {}, universe.source)
    view = view_of(settings, box, recon.unseen)
    observed = observed_halos(universe, settings)
    refuse_another_survey(observed, view, universe.source, recon.survey_may_differ)
    fields = compared_fields(observed, box, settings, recon.loss.mean_counts)
    data = fields(observed)
    kept = _bound_to(restart, file_hash(resolve(recon.checkpoint)), observed, index)
    forward = _forward(config, dataclasses.replace(blank, config=whole_sky(settings, view)), index, kept, view)
    whole = completed(observed, view, forward, config, index, kept)
    guidance = make_guidance(config, Data(observed, fields, view, whole), settings, index)
    problem = Problem(
        forward=forward,
        loss=lambda simulated: mismatch(fields(view.seen(simulated.halos)), data, recon.loss.smoothing, box.size),
        direction=_direction(guidance, config, index),
        constrain=_constrain(guidance, config),
        direction_repeats=not (update.noise[0] or update.rotate) and recon.limits.power_fraction[1] == 1,
        diagnose=against_truth(truth, blank) if truth else lambda evaluation: {},
    )
    title = f"sample {index}" if recon.samples > 1 else "lss-recon"
    return Task(title, problem, _start(guidance, problem, config, index), _choose_step(recon), LoopState(kept, blank))


def _follow(task: Task, most: int) -> State:
    """The loop to its end, at most so many simulations, from wherever an interrupted run stood."""
    state = task.kept.load()
    if state.history:
        log.info("going on after simulation %d of %d", len(state.history), most)
    with progress(task.title, most, len(state.history)) as bar:

        def checkpoint(state: State) -> None:
            task.kept.save(state)
            bar.update(1, _summarise(state))
            log.info("%s", _describe(state, most))
            if interrupt.requested() and len(state.history) < most:
                raise Stopped("asked to stop")

        return reconstruct(task.problem, task.start, task.choose_step, most, state=state, checkpoint=checkpoint)


def _bound_to(restart: Restart, hash_of_checkpoint: str, observed: Halos, index: int) -> Restart:
    """The restart state, tied also to what the console cannot know: network, catalogue (of a pipe, say) and sample."""
    columns = [observed.columns[name] for name in ("position", "velocity", "mass") if name in observed.columns]
    catalogue = hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()
    return restart.bound_to(hash_of_checkpoint, catalogue, str(index))


def _forward(config: Config, blank: Universe, index: int, restart: Restart, view: View) -> Forward:
    settings, survey = config.recon.forward, view.survey
    if not settings.command:
        return by_stages(settings.stages, blank, index, restart)
    simulate = by_command(settings, blank, index)
    if survey is None:
        return simulate

    def forward(noise: np.ndarray) -> Universe:
        """The program leaves its halos in real space."""
        simulated = simulate(noise)
        shown = in_redshift_space(simulated.halos, survey, config.cosmology.omega_m, config.box.size)
        return simulated.with_halos(shown)

    return forward


def _start(guidance: Guidance, problem: Problem, config: Config, index: int) -> Callable[[], np.ndarray]:
    """What makes the white noise of the first simulation."""
    n, recon = config.box.n, config.recon
    if recon.start == "zero":
        return lambda: np.zeros((n, n, n), np.float32)
    if recon.start == "prior":
        return lambda: prior_draw(recon.seed, index, n)
    if recon.start == "sample":
        return lambda: guidance.start(prior_draw(recon.seed, index, n))
    return lambda: problem.constrain(guidance.start(prior_draw(recon.seed, index, n)), 0)


def _constrain(guidance: Guidance, config: Config) -> Callable[[np.ndarray, int], np.ndarray]:
    """What every trial point goes through: no other distribution of values than the prior's, no unexpected power."""
    cosmology, size, recon = config.cosmology, config.box.size, config.recon
    first, factor = recon.limits.power_fraction
    fill = recon.update.pull_to_estimate > 0  # a pull takes power

    def constrain(noise: np.ndarray, update: int) -> np.ndarray:
        if recon.limits.one_point:
            noise = gaussianise(noise, cosmology, size)
        if not recon.limits.power:
            return noise
        return limit_power(noise, size, guidance.power(), share=first * factor**update, fill=fill)

    return constrain


def _direction(guidance: Guidance, config: Config, index: int) -> Direction:
    recon, box = config.recon, config.box
    amplitude, decay = recon.update.noise
    direction = guidance.direction
    if recon.update.hold_below:
        direction = hold_below(direction, recon.update.hold_below, box.size)
    if not amplitude:
        return direction

    def draw(update: int) -> np.ndarray:
        drawn = update_draw(
            recon.seed, index, box.n, recon.cheap.simulations + update
        )  # the cheap model's had the first
        return cut_modes(drawn, recon.update.k_max, box.size)

    return with_noise(direction, amplitude, decay, draw)


def _choose_step(recon: Reconstruction) -> ChooseStep:
    if recon.step == "schedule":
        return by_schedule(*recon.schedule)
    search = recon.line_search
    if recon.step == "bisection":
        return by_bisection(search.first_step)
    return by_line_search(search.first_step, search.beta, search.accept)


def _describe(state: State, most: int) -> str:
    """The last simulation in one line."""
    last, best = state.history[-1], state.best
    reached = ", ".join(f"{name.removeprefix(PREFIX)} {k:.3g}" for name, k in last.extra.items())
    return (
        f"simulation {last.simulation} of {most}: update {last.update}, step {last.step:.3g}, loss {last.loss:.5g}"
        f" (best {best.loss:.5g}, simulation {best.simulation}), rms {last.rms:.3f}, {last.seconds:.1f} s"
        + (f"; r = 0.8 at k: {reached}" if reached else "")
    )


def _summarise(state: State) -> str:
    """The same in a few words, beside the bar."""
    last, best = state.history[-1], state.best
    return f"step {last.step:.2g}, loss {last.loss:.4g}, best {best.loss:.4g} ({best.simulation})"


def _result(state: State, early: State | None, universe: Universe, recon: Reconstruction) -> Universe:
    """The best universe with the history and the data it was reconstructed from; provenance is the input's so far."""
    best = state.best
    table = history_as_group(state.history)
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
        before = history_as_group(early.history)
        seconds = before.data.pop("seconds")
        result = result.with_group("recon/early", Group(before.data, {"seconds": seconds}, before.units))
    result = result.with_group("recon/observed", _without_members(universe.group("halos")))
    log.info("simulation %d of %d is the best: loss %.5g", best.simulation, len(state.history), best.loss)
    return dataclasses.replace(result, groups={**provenance_of(universe), **result.groups}, source=universe.source)


def _without_members(halos: Group) -> Group:
    """A catalogue without the lists of its particles, which are not in this universe."""
    columns = {name: array for name, array in halos.data.items() if not name.startswith("members_")}
    return Group(columns, halos.attrs, {name: halos.units.get(name, "1") for name in columns})
