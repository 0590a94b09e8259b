"""The step size: by approximate exact line search (AELS) with LULO's warm start and patience, or by a schedule.

`by_line_search` and `by_schedule` make the choosers that the loop calls, once an update: they get phi (the loss along
the direction, one simulation a call), phi(0), the number of the update and of the simulations left, and return the
step. Source: Fridovich-Keil & Recht 2020, Algorithm 2; LULO appendix B (beta = 0.7, warm start, patience).
Trial steps are T beta^-j with integer j, so a point that is visited twice is known by its integer and evaluated once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Acceptance = Literal["best", "published"]
Phi = Callable[[float], float]
ChooseStep = Callable[[Phi, float, int, int], float]

PATIENCE = 3  # evaluations without a gain end a search: LULO p_LS
MIN_GAIN = 1e-3  # the relative fall of the loss that counts as a gain: LULO f_LS = f_OPT


@dataclass(frozen=True)
class Search:
    """What a search saw and chose.

    step : the accepted step, 0 where staying is best; steps, values : every evaluation, in order;
    first_step : where it began; growing : whether it ended by trying longer steps (alpha > 1)
    """

    step: float
    steps: tuple[float, ...]
    values: tuple[float, ...]
    first_step: float
    growing: bool


def gains(value: float, reference: float) -> bool:
    """Whether a loss has fallen by more than the fraction MIN_GAIN below an earlier one."""
    return value < (reference - MIN_GAIN * abs(reference) if math.isfinite(reference) else reference)


class _Exhausted(Exception):
    """No evaluation is left, or the patience is."""


class _Trials:
    """The values of phi at T beta^-j by j; refuses further evaluations when nothing is gained any more."""

    def __init__(self, phi: Phi, first_step: float, beta: float, most: int) -> None:
        self._phi, self._first_step, self._beta, self._most = phi, first_step, beta, most
        self._reference, self._idle = math.inf, 0
        self.visited: dict[int, float] = {}

    def step(self, j: int) -> float:
        return self._first_step * self._beta**-j

    def __call__(self, j: int) -> float:
        if j in self.visited:
            return self.visited[j]
        if len(self.visited) >= self._most or self._idle >= PATIENCE:
            raise _Exhausted
        value = self._phi(self.step(j))
        value = value if math.isfinite(value) else math.inf
        # The trials are held against each other, not against phi(0): shrinking from far too long a step is progress.
        if gains(value, self._reference):
            self._reference, self._idle = value, 0
        else:
            self._idle += 1
        self.visited[j] = value
        return value


def approximate_exact_line_search(
    phi: Phi,
    phi_0: float,
    first_step: float,
    *,
    beta: float = 0.7,
    accept: Acceptance = "best",
    max_evaluations: int = 1000,
) -> Search:
    """A step t > 0 that approximately minimises phi(t) = loss(x + t d).

    phi : one simulation a call, never called twice with the same step; a value that is not finite counts as infinite
    phi_0 : phi(0), known; first_step : T > 0; beta : ratio of successive trial steps, in (0, 1)
    accept : "published" is AELS's own step, which for convex phi lies in [beta^2 t*, t*] of the minimiser t*;
        "best" is the best point visited, phi_0 included. A search that its patience or max_evaluations ends early
        accepts the best visited under both.
    Source: Fridovich-Keil & Recht 2020, Algorithm 2; beyond it, shrinking goes on while phi is above phi(0), so that
        functions that are not convex still fall.
    """
    trials = _Trials(phi, first_step, beta, max_evaluations)
    growing, published = False, None
    try:
        growing = trials(0) <= phi_0
        if growing:
            j = _grow(trials)
            # A single pass (phi fell at T and rose at T / beta) leaves the minimiser without a bracket below: shrink.
            growing = j > 1
            published = j - 2 if growing else _shrink(trials, phi_0)
        else:
            published = _shrink(trials, phi_0)
    except _Exhausted:
        pass
    visited = trials.visited
    best = min(visited, key=lambda j: visited[j], default=None)
    step = 0.0
    if published is not None and accept == "published":
        step = trials.step(published)
    elif best is not None and visited[best] < phi_0:
        step = trials.step(best)
    return Search(step, tuple(map(trials.step, visited)), tuple(visited.values()), first_step, growing)


def _grow(trials: _Trials) -> int:
    """Lengthen the step until phi rises; the first j at which it has risen."""
    j = 1
    while trials(j) <= trials(j - 1):
        j += 1
    return j


def _shrink(trials: _Trials, phi_0: float) -> int:
    """Shorten the step until phi no longer falls and is below phi(0); the j at which that happened."""
    j = -1
    while trials(j) < trials(j + 1) or trials(j) > phi_0:
        j -= 1
    return j


def next_first_step(search: Search, beta: float, accept: Acceptance) -> float:
    """Where the next search begins.

    "published" follows LULO appendix B; "best" begins where it ended, which took 3.3 evaluations a search against 3.9
    when the best step drifted by 30% from one search to the next, at the same 0.99 of the possible decrease.
    After a search without gain, below all that it tried.
    """
    if search.step == 0:
        return beta * min(search.steps, default=search.first_step)
    if search.growing and accept == "published":
        return (beta**2 * search.step + search.first_step) / 2
    return search.step


def by_line_search(first_step: float, beta: float, accept: Acceptance) -> ChooseStep:
    """AELS at every update, each search beginning where the one before suggests."""
    begin = first_step

    def choose(phi: Phi, phi_0: float, update: int, left: int) -> float:
        nonlocal begin
        search = approximate_exact_line_search(phi, phi_0, begin, beta=beta, accept=accept, max_evaluations=left)
        begin = next_first_step(search, beta, accept)
        return search.step

    return choose


def by_schedule(first_step: float, decay: float) -> ChooseStep:
    """gamma_t = first_step decay^t, t = 0 at the first update: one simulation each, accepted whatever it shows."""

    def choose(phi: Phi, phi_0: float, update: int, left: int) -> float:
        step = first_step * decay ** (update - 1)
        # A simulation that blew up is left out: the next, shorter step starts from the same point.
        return step if math.isfinite(phi(step)) else 0.0

    return choose
