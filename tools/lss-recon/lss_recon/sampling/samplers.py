"""The samplers by name, behind one form: a start, and a move of a given step and length."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from lss_recon.sampling import hmc, mclmc, quasi_newton
from lss_recon.sampling.log_density import LogDensity

Move = Callable[[Any, torch.Generator, LogDensity, float, float, bool], tuple[Any, hmc.Info]]


class Sampler(NamedTuple):
    """start : log density, x, draws -> state; move : state, draws, log density, step, length, adapt -> state, info

    length : of a trajectory, or over which unadjusted MCLMC forgets its direction, in units of x; adjusted : whether
    moves are accepted or not, which says how the step is tuned
    """

    start: Callable[[LogDensity, torch.Tensor, torch.Generator], Any]
    move: Move
    state: Any
    adjusted: bool


def _mclmc(state: Any, draw: torch.Generator, p: LogDensity, step: float, length: float, adapt: bool) -> Any:
    return mclmc.kernel(state, draw, p, mclmc.Settings(step, length))


def _adjusted(state: Any, draw: torch.Generator, p: LogDensity, step: float, length: float, adapt: bool) -> Any:
    return mclmc.adjusted_kernel(state, draw, p, mclmc.Settings(step, length))


def _hmc(state: Any, draw: torch.Generator, p: LogDensity, step: float, length: float, adapt: bool) -> Any:
    return hmc.kernel(state, draw, p, hmc.Settings(step, max(1.0, length / step)))


def _quasi_newton(state: Any, draw: torch.Generator, p: LogDensity, step: float, length: float, adapt: bool) -> Any:
    settings = quasi_newton.Settings(step, max(1.0, length / step), min(100, 20 + 2 * len(state.x)), adapt)
    return quasi_newton.kernel(state, draw, p, settings)


SAMPLERS = {
    "mclmc": Sampler(mclmc.start, _mclmc, mclmc.State, False),
    "adjusted-mclmc": Sampler(mclmc.start, _adjusted, mclmc.State, True),
    "hmc": Sampler(lambda p, x, draw: hmc.start(p, x), _hmc, hmc.State, True),
    "qn-hmc": Sampler(lambda p, x, draw: quasi_newton.start(p, x), _quasi_newton, quasi_newton.State, True),
}
"""MCLMC's velocities have length one, HMC's sqrt(d): a length of MCLMC is sqrt(d) times a time of HMC."""


def default_length(name: str, dimensions: int) -> float:
    """sqrt(d) for MCLMC, a quarter of a period of a unit Gaussian for HMC."""
    return dimensions**0.5 if "mclmc" in name else 1.5708


def first_step(name: str, dimensions: int) -> float:
    """Where the tuning of the step begins: what suits a unit Gaussian."""
    return 0.25 * dimensions**0.5 if "mclmc" in name else 0.5 * dimensions**-0.25
