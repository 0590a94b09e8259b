import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_recon.lulo.line_search import (
    approximate_exact_line_search,
    bisection,
    by_bisection,
    by_line_search,
    next_first_step,
)

# Within a factor of 100: from further away the patience may end a search before AELS has its bracket.
minimisers = st.floats(0.3, 30)
first_steps = st.floats(0.3, 30)
betas = st.floats(0.4, 0.9)


def counted(phi):
    """phi, and the list of the steps at which it was evaluated."""
    calls = []

    def wrapped(t):
        calls.append(t)
        return phi(t)

    return wrapped, calls


def convex_functions(minimiser):
    """A parabola, a quartic, a skewed exponential and a kink, each with its minimum, 0, at `minimiser`."""
    return [
        lambda t: (t - minimiser) ** 2,
        lambda t: (t - minimiser) ** 4,
        lambda t: math.exp(min((t - minimiser) / minimiser, 600)) - t / minimiser,
        lambda t: abs(t - minimiser),
    ]


@settings(deadline=None)
@given(minimisers, first_steps, betas, st.integers(0, 3))
def test_published_step_lies_between_beta_squared_and_one_minimiser(minimiser, first_step, beta, kind):
    phi = convex_functions(minimiser)[kind]
    search = approximate_exact_line_search(phi, phi(0), first_step, beta=beta, accept="published")
    assert beta**2 * minimiser * (1 - 1e-6) <= search.step <= minimiser * (1 + 1e-6)


@settings(deadline=None)
@given(minimisers, first_steps, betas, st.integers(0, 3))
def test_best_step_is_the_lowest_value_visited_and_never_worse_than_staying(minimiser, first_step, beta, kind):
    phi = convex_functions(minimiser)[kind]
    search = approximate_exact_line_search(phi, phi(0), first_step, beta=beta, accept="best")
    assert phi(search.step) == min([phi(0), *search.values])


@settings(deadline=None)
@given(st.lists(st.floats(0, 10), min_size=40, max_size=40), st.floats(0, 10), st.sampled_from(["best", "published"]))
def test_no_point_is_evaluated_twice_even_on_an_arbitrary_function(values, phi_0, accept):
    heights = iter(values)
    phi, calls = counted(lambda t: next(heights))
    search = approximate_exact_line_search(phi, phi_0, 1.0, accept=accept, max_evaluations=40)
    assert len(set(calls)) == len(calls)
    assert search.steps == tuple(calls)
    assert search.step in {0.0, *calls}


@settings(deadline=None)
@given(minimisers, first_steps, st.integers(0, 3))
def test_bisection_closes_in_on_the_minimiser_and_evaluates_no_point_twice(minimiser, first_step, kind):
    function = convex_functions(minimiser)[kind]
    phi, calls = counted(lambda t: function(t) + 0.1)
    search = bisection(phi, phi(0), first_step)
    assert len(set(calls)) == len(calls)
    assert search.step in calls
    assert function(search.step) <= 0.13 * function(0) + 0.01  # within an eighth: three halvings


def test_bisection_takes_more_evaluations_than_aels_for_the_same_gain():
    random = np.random.default_rng(1)
    minimisers = np.exp(np.cumsum(random.normal(0, 0.3, 60)))
    evaluations, gains = {}, {}
    for name, choose in (("aels", by_line_search(1.0, 0.7, "best")), ("bisection", by_bisection(1.0))):
        counts, reached = [], []
        for t_star in minimisers:
            phi, calls = counted(lambda t, t_star=t_star: (t / t_star - 1) ** 2 + 1)
            step = choose(phi, 2.0, 1, 100)
            counts.append(len(calls))
            reached.append(2 - phi(step))
        evaluations[name], gains[name] = np.mean(counts), np.mean(reached)
    assert gains["bisection"] > 0.95
    assert gains["aels"] > 0.95
    assert evaluations["aels"] < evaluations["bisection"] < 12


def test_step_grows_from_far_below_and_shrinks_from_far_above():
    def phi(t):
        return (t - 1) ** 2 + 0.1

    for first_step in (1e-3, 1e3):
        search = approximate_exact_line_search(phi, phi(0), first_step)
        assert abs(search.step - 1) < 0.3


def test_search_ends_after_three_evaluations_without_gain():
    phi, calls = counted(lambda t: 1.0)
    assert approximate_exact_line_search(phi, 0.5, 1.0).step == 0
    assert len(calls) == 4


def test_search_stays_within_its_evaluations():
    phi, calls = counted(lambda t: -t)
    search = approximate_exact_line_search(phi, 0.0, 1.0, max_evaluations=5)
    assert len(calls) == 5
    assert search.step == max(calls)


@pytest.mark.parametrize("accept", ["best", "published"])
def test_a_simulation_that_blows_up_counts_as_infinitely_bad(accept):
    def phi(t):
        return math.nan if t > 0.6 else (t - 0.4) ** 2

    search = approximate_exact_line_search(phi, phi(0), 1.0, accept=accept)
    assert 0 < search.step < 0.6


def test_published_warm_start_follows_lulo_and_that_of_best_is_the_accepted_step():
    beta = 0.7

    def phi(t):
        return (t - 1) ** 2

    shrunk = approximate_exact_line_search(phi, phi(0), 3.0, beta=beta, accept="published")
    assert not shrunk.growing
    assert next_first_step(shrunk, beta, "published") == shrunk.step
    grown = approximate_exact_line_search(phi, phi(0), 0.1, beta=beta, accept="published")
    assert grown.growing
    assert next_first_step(grown, beta, "published") == pytest.approx((beta**2 * grown.step + 0.1) / 2)
    assert next_first_step(grown, beta, "best") == grown.step


@pytest.mark.parametrize("accept", ["best", "published"])
def test_search_after_one_without_gain_begins_below_all_it_tried(accept):
    failed = approximate_exact_line_search(lambda t: 2.0, 1.0, 1.0, accept=accept)
    assert failed.step == 0
    assert next_first_step(failed, 0.7, accept) < min(failed.steps)
