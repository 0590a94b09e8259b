"""The reconstruction loop: x <- x + gamma Dx, every simulated universe counted, and kept while it is needed.

What is particular to cosmology comes in as plain callables, so the loop runs as well on a linear toy as on an N-body
code. Beside the few universes it keeps, the history of losses is its whole state: a resumed loop follows the same code
over the recorded losses, computing nothing, until it meets a point that has not been simulated, and goes on from there
to the same bits.
"""

import functools
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lss_recon.lulo.line_search import ChooseStep, gains

PATIENCE = 5  # updates without a gain end the loop: LULO p_OPT
_RECENT = 3  # AELS accepts one of the last three points that it visited, or the best


@dataclass(frozen=True)
class Trial:
    """One simulation, as a row of the history.

    simulation : 1, 2, ...; update : 1, 2, ..., and 0 for the start; step : gamma; rms : of the white noise (1 is the
    prior's); seconds : direction, simulation and loss together; extra : further columns, the same in every row
    """

    simulation: int
    update: int
    step: float
    loss: float
    rms: float
    seconds: float
    extra: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """A simulated universe: its white noise, (n, n, n) float32, and whatever the forward model returned."""

    noise: np.ndarray
    outcome: Any


@dataclass(frozen=True)
class State:
    """What has been done: every trial in order, and the evaluations that may still be needed, by simulation number."""

    history: tuple[Trial, ...] = ()
    kept: dict[int, Evaluation] = field(default_factory=dict)

    @property
    def best(self) -> Trial:
        """The trial of the lowest loss, the first of equals."""
        return min(self.history, key=lambda trial: trial.loss)


@dataclass(frozen=True)
class Problem:
    """What is to be solved.

    forward : white noise -> outcome, one simulation; loss : outcome -> mismatch with the data;
    direction : (evaluation, update) -> (n, n, n) float32, in units of white noise, to be followed by a positive step;
    constrain : (white noise, update) -> what is simulated, of every trial point; direction_repeats : direction and
    constraint depend on the evaluation alone, so that after a search without gain nothing is left; diagnose :
    evaluation -> further columns of the history
    """

    forward: Callable[[np.ndarray], Any]
    loss: Callable[[Any], float]
    direction: Callable[[Evaluation, int], np.ndarray]
    constrain: Callable[[np.ndarray, int], np.ndarray] = lambda noise, update: noise
    diagnose: Callable[[Evaluation], dict[str, float]] = lambda evaluation: {}
    direction_repeats: bool = True


def reconstruct(
    problem: Problem,
    start: Callable[[], np.ndarray],
    choose_step: ChooseStep,
    max_simulations: int,
    *,
    state: State | None = None,
    checkpoint: Callable[[State], None] = lambda state: None,
) -> State:
    """Follow the directions until the simulations are used up or PATIENCE updates have gained nothing.

    start : makes the white noise of simulation 1; choose_step : one of lss_recon.lulo.line_search;
    state : where an interrupted call with equal arguments stood; checkpoint : called after every simulation with the
    state so far, may raise to stop
    Returns the last state; `best` is the answer, and its evaluation is among the kept.
    Source: LULO section 3 and appendix B.
    """
    log = _Log(problem, state or State(), checkpoint)
    here = log.trial(0, 0.0, start, here=None)
    reference, idle = here.loss, 0
    for update in itertools.count(1):
        left = max_simulations - sum(trial.update < update for trial in log.state.history)
        if left <= 0 or idle >= PATIENCE:
            break
        step = _update(log, here, update, choose_step, left)
        trials = [trial for trial in log.state.history if trial.update == update]
        if step > 0:
            here = next(trial for trial in trials if trial.step == step)
        elif problem.direction_repeats and any(math.isfinite(trial.loss) for trial in trials):
            break
        lowest = min(trial.loss for trial in trials)
        reference, idle = (lowest, 0) if gains(lowest, reference) else (reference, idle + 1)
    return log.state


def _update(log: "_Log", here: Trial, update: int, choose_step: ChooseStep, left: int) -> float:
    """Find the step along the direction from here."""

    @functools.cache
    def direction() -> np.ndarray:
        return log.problem.direction(log.state.kept[here.simulation], update)

    def along(step: float) -> np.ndarray:
        return log.problem.constrain(log.state.kept[here.simulation].noise + np.float32(step) * direction(), update)

    def phi(step: float) -> float:
        return log.trial(update, step, functools.partial(along, step), here).loss

    return choose_step(phi, here.loss, update, left)


class _Log:
    """Every point simulated once; the evaluations that may still be accepted or returned."""

    def __init__(self, problem: Problem, state: State, checkpoint: Callable[[State], None]) -> None:
        self.problem, self.state, self._checkpoint = problem, state, checkpoint

    def trial(self, update: int, step: float, make_noise: Callable[[], np.ndarray], here: Trial | None) -> Trial:
        """The trial of this update and step, simulated unless it is on record; `here` is where the update stands."""
        for trial in self.state.history:
            if (trial.update, trial.step) == (update, step):
                return trial
        begin = time.monotonic()
        noise = make_noise()
        evaluation = Evaluation(noise, self.problem.forward(noise))
        loss = float(self.problem.loss(evaluation.outcome))
        trial = Trial(
            simulation=len(self.state.history) + 1,
            update=update,
            step=step,
            loss=loss if math.isfinite(loss) else math.inf,
            rms=float(np.sqrt(np.mean(np.square(noise, dtype=np.float64)))),
            seconds=time.monotonic() - begin,
            extra=self.problem.diagnose(evaluation),
        )
        history = (*self.state.history, trial)
        kept = {**self.state.kept, trial.simulation: evaluation}
        needed = _needed(history, update, here)
        self.state = State(history, {number: kept[number] for number in sorted(needed)})
        self._checkpoint(self.state)
        return trial


def _needed(history: tuple[Trial, ...], update: int, here: Trial | None) -> set[int]:
    """The simulations that the update under way may accept, that it stands at, and the best of all."""
    trials = [trial for trial in history if trial.update == update]
    lowest = [min(group, key=lambda trial: trial.loss) for group in (history, trials)]
    return {trial.simulation for trial in (*trials[-_RECENT:], *lowest, *([here] if here else []))}
