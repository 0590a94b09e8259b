"""The step size: by approximate exact line search (AELS) with LULO's warm start and patience, bisection or a schedule.

`by_line_search`, `by_bisection` and `by_schedule` make the choosers that the loop calls, once an update: they get phi
(the loss along the direction, one simulation a call), phi(0), the number of the update and of the simulations left, and
return the step. Source: Fridovich-Keil & Recht 2020, Algorithm 2; LULO appendix B (beta = 0.7, warm start, patience).
Trial steps are T beta^-j with integer j: a point that is visited twice is the same number, and is evaluated once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from lss_recon.lulo.settings import Acceptance

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
    """The values of phi by step; refuses further evaluations when nothing is gained any more."""

    def __init__(self, phi: Phi, most: int, patience: int = PATIENCE) -> None:
        self._phi, self._most, self._patience = phi, most, patience
        self._reference, self._idle = math.inf, 0
        self.visited: dict[float, float] = {}

    def __call__(self, step: float) -> float:
        if step in self.visited:
            return self.visited[step]
        if len(self.visited) >= self._most or self._idle >= self._patience:
            raise _Exhausted
        value = self._phi(step)
        value = value if math.isfinite(value) else math.inf
        # The trials are held against each other, not against phi(0): shrinking from far too long a step is progress.
        if gains(value, self._reference):
            self._reference, self._idle = value, 0
        else:
            self._idle += 1
        self.visited[step] = value
        return value

    def found(self, step: float | None, phi_0: float, first_step: float, growing: bool) -> Search:
        """The search as it ended: with this step, or with the best visited (staying included) for None."""
        best = min(self.visited, key=lambda t: self.visited[t], default=None)
        if step is None:
            step = best if best is not None and self.visited[best] < phi_0 else 0.0
        return Search(step, tuple(self.visited), tuple(self.visited.values()), first_step, growing)


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
    trials = _Trials(phi, max_evaluations)
    growing, published = False, None

    def value(j: int) -> float:
        return trials(first_step * beta**-j)

    try:
        growing = value(0) <= phi_0
        if growing:
            j = _grow(value)
            # A single pass (phi fell at T and rose at T / beta) leaves the minimiser without a bracket below: shrink.
            growing = j > 1
            published = j - 2 if growing else _shrink(value, phi_0)
        else:
            published = _shrink(value, phi_0)
    except _Exhausted:
        pass
    own = first_step * beta**-published if published is not None and accept == "published" else None
    return trials.found(own, phi_0, first_step, growing)


def _grow(value: Callable[[int], float]) -> int:
    """Lengthen the step until phi rises; the first j at which it has risen."""
    j = 1
    while value(j) <= value(j - 1):
        j += 1
    return j


def _shrink(value: Callable[[int], float], phi_0: float) -> int:
    """Shorten the step until phi no longer falls and is below phi(0); the j at which that happened."""
    j = -1
    while value(j) < value(j + 1) or value(j) > phi_0:
        j -= 1
    return j


def bisection(phi: Phi, phi_0: float, first_step: float, *, max_evaluations: int = 1000) -> Search:
    """The best step of a bracket [0, 2 t] about a minimum, halved until three halvings in a row gain nothing.

    t is doubled from `first_step` while phi falls, or halved until phi is below phi(0). Then one evaluation in the
    middle of each half says which half-length bracket holds the minimum. Arguments and result as
    `approximate_exact_line_search`; steps are dyadic multiples of `first_step`, and none is evaluated twice.
    Source: LULO appendix B names "the bisection bracketing method" as the one that AELS was held against.
    """
    trials = _Trials(phi, max_evaluations, patience=2 * PATIENCE)
    growing = False
    try:
        middle = first_step
        growing = trials(middle) <= phi_0
        while growing and trials(2 * middle) < trials(middle):
            middle *= 2
        while trials(middle) > phi_0:
            middle /= 2
        quarter = middle / 2
        while True:
            for candidate in (middle - quarter, middle + quarter):
                if trials(candidate) < trials(middle):
                    middle = candidate
                    break
            quarter /= 2
    except _Exhausted:
        pass
    return trials.found(None, phi_0, first_step, growing)


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


def by_bisection(first_step: float) -> ChooseStep:
    """Bisection at every update, each bracket first tried where the search before ended."""
    begin = first_step

    def choose(phi: Phi, phi_0: float, update: int, left: int) -> float:
        nonlocal begin
        search = bisection(phi, phi_0, begin, max_evaluations=left)
        begin = search.step or min(search.steps, default=begin) / 2
        return search.step

    return choose


def by_schedule(first_step: float, decay: float) -> ChooseStep:
    """gamma_t = first_step decay^t, t = 0 at the first update: one simulation each, accepted whatever it shows."""

    def choose(phi: Phi, phi_0: float, update: int, left: int) -> float:
        step = first_step * decay ** (update - 1)
        # A simulation that blew up is left out: the next, shorter step starts from the same point.
        return step if math.isfinite(phi(step)) else 0.0

    return choose
