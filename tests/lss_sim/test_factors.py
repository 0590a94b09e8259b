import numpy as np
import pytest

from lss.physics.cosmology import growth_factor, hubble
from lss_sim.factors import Factors, step_edges
from lss_sim.time_bins import StepFactors

OMEGA_M = 0.3


@pytest.mark.parametrize(("a0", "a1"), [(0.02, 0.3), (0.5, 1.0)])
def test_one_kick_and_drift_follow_a_growing_mode_however_long_the_step(a0, a1):
    factors = Factors(OMEGA_M)
    middle = np.sqrt(a0 * a1)

    def momentum(a):
        step = 1e-4 * a
        slope = (growth_factor(a + step, OMEGA_M) - growth_factor(a - step, OMEGA_M)) / (2 * step)
        return a**3 * hubble(a, OMEGA_M) * slope

    assert momentum(a0) + factors.kick(a0, a1, at=middle) * growth_factor(middle, OMEGA_M) == pytest.approx(
        momentum(a1), rel=1e-6
    )
    grown = growth_factor(a0, OMEGA_M) + factors.drift(a0, a1, at=middle) * momentum(middle)
    assert grown == pytest.approx(growth_factor(a1, OMEGA_M), rel=1e-6)


def test_short_steps_are_those_of_the_equations_of_motion():
    # dp = 3/2 omega_m f / (a^2 E) da, dx = p / (a^3 E) da
    factors, a, da = Factors(OMEGA_M), 0.4, 1e-5
    expansion = float(hubble(a, OMEGA_M))
    assert factors.kick(a, a + da, at=a) == pytest.approx(1.5 * OMEGA_M / (a**2 * expansion) * da, rel=1e-4)
    assert factors.drift(a, a + da, at=a) == pytest.approx(da / (a**3 * expansion), rel=1e-4)


def test_outputs_are_edges_and_steps_are_uniform_between_them():
    edges = step_edges(1 / 128, [0.25, 0.5, 1.0], 120, late=0.0)
    assert {1 / 128, 0.25, 0.5, 1.0} <= set(edges.tolist())
    assert np.all(np.diff(edges) > 0)
    assert 120 <= len(edges) - 1 <= 122
    np.testing.assert_allclose(np.diff(np.log(step_edges(0.05, [1.0], 20, late=0.0))), np.log(20) / 20)


@pytest.mark.parametrize("outputs", [[1.0], [0.25, 0.5, 1.0]])
def test_late_steps_are_shorter_by_the_factor_asked_for(outputs):
    edges = step_edges(1 / 128, outputs, 400, late=8.0)
    length = np.diff(np.log(edges)) * (1 + 4 * np.sqrt(np.sqrt(edges[1:] * edges[:-1])))
    np.testing.assert_allclose(length, length.mean(), rtol=0.01)


def test_kicks_and_drifts_of_every_level_cover_the_step():
    factors = Factors(OMEGA_M)
    times = StepFactors.of(factors, 0.5, 0.52, deepest=3)
    kicks = times.opening(0) + times.closing(8)
    drifts = times.drifts(8)
    for substep in range(1, 8):
        kicks = kicks + times.opening(substep) + times.closing(substep)
        drifts = drifts + times.drifts(substep)
    np.testing.assert_allclose(kicks, factors.kick(0.5, 0.52, at=0.51), rtol=1e-3)
    np.testing.assert_allclose(drifts, factors.drift(0.5, 0.52, at=0.51), rtol=1e-3)
    assert [times.first_level(s) for s in range(9)] == [0, 3, 2, 3, 1, 3, 2, 3, 0]
