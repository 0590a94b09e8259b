"""What is inferred: the table [inference], said once for training, reconstruction and statistics.

Parameters are dotted keys of the configuration ("cosmology.sigma8"): whatever a stage reads can be inferred, and a
simulation at theta is the same configuration with those keys replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import model_validator

from lss.config import Settings, Table, merge, quantity
from lss.errors import DataError

Array = NDArray[np.float64]


class Inference(Table):
    """Parameters, their fiducial values and prior, and the data that shall tell them."""

    parameters: tuple[str, ...] = quantity(
        ("ic.amplitude", "ic.slope"), "inferred keys of the configuration, as table.key", min_length=1
    )
    fiducial: tuple[float, ...] = quantity((1.0, 0.5), "values about which summaries are learned")
    low: tuple[float, ...] = quantity((0.1, 0.0), "of the uniform prior")
    high: tuple[float, ...] = quantity((2.0, 1.0), "of the uniform prior")
    step: tuple[float, ...] = quantity((0.05, 0.05), "of derivatives by finite differences, each way")
    data: str = quantity("power_law", "the field of the universe that is the data")
    stages: tuple[str, ...] = quantity(("ic",), "what simulates it, one after the other", min_length=1)

    @model_validator(mode="after")
    def _every_parameter_has_its_numbers(self) -> Self:
        for name in self.parameters:
            if len(name.split(".")) < 2 or not all(name.split(".")):
                raise ValueError(f'parameters: "{name}" is no table.key of the configuration')
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("parameters: a key stands twice")
        for key in ("fiducial", "low", "high", "step"):
            if len(getattr(self, key)) != len(self.parameters):
                raise ValueError(f"{key}: {len(getattr(self, key))} values for {len(self.parameters)} parameters")
        for name, low, value, high, step in zip(
            self.parameters, self.low, self.fiducial, self.high, self.step, strict=True
        ):
            if not low < high:
                raise ValueError(f"{name}: low = {low:g} is not below high = {high:g}")
            if not low <= value <= high:
                raise ValueError(f"{name}: the fiducial {value:g} is outside the prior, {low:g} to {high:g}")
            if step <= 0:
                raise ValueError(f"{name}: step = {step:g} must be greater than 0")
        return self

    @property
    def prior(self) -> "Prior":
        """The prior on the parameters."""
        return Prior(np.array(self.low), np.array(self.high))


@dataclass(frozen=True)
class Prior:
    """Uniform between two corners.

    low, high : (p,) float64
    """

    low: Array
    high: Array

    def contains(self, theta: ArrayLike) -> NDArray[np.bool_]:
        """Whether parameters (b, p) lie inside, (b,)."""
        theta = np.asarray(theta, dtype=np.float64)
        return np.all((theta >= self.low) & (theta <= self.high), axis=-1)

    def log_density(self, theta: ArrayLike) -> Array:
        """ln of the density at parameters (b, p): (b,), minus infinity outside."""
        inside = -np.log(self.high - self.low).sum()
        return np.where(self.contains(theta), inside, -np.inf)

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Draws, (n, p)."""
        return rng.uniform(self.low, self.high, (n, len(self.low)))


SINGULAR = 1e10
"""Condition number of a correlation matrix that counts as singular."""


def is_singular(covariance: Array) -> bool:
    """Whether a covariance (s, s) has a variance of zero, or a correlation matrix too close to singular to invert."""
    variance = np.diag(covariance)
    if not (variance > 0).all():
        return True
    scale = np.sqrt(variance)
    return bool(np.linalg.cond(covariance / scale / scale[:, None]) > SINGULAR)


def hartlap_factor(simulations: int, size: int) -> float:
    """What the inverse of a covariance (size, size) estimated from simulations is to be multiplied with.

    Source: Hartlap, Simon & Schneider 2007, Eq. 17.
    """
    return (simulations - size - 2) / (simulations - 1)


def join_names(names: Sequence[str]) -> str:
    """Parameters as one attribute of a file."""
    return " ".join(names)


def split_names(joined: Any) -> tuple[str, ...]:
    """The parameters of an attribute that `join_names` made."""
    return tuple(str(joined).split())


def read_parameter(settings: Settings, name: str, source: str) -> float:
    """The value of a key ("table.key") in settings; source : whose they are. Raises DataError where it is missing."""
    value: Any = settings
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, int | float):
        raise DataError(f"{source}: its configuration has no {name}")
    return float(value)


def with_parameters(settings: Settings, names: Sequence[str], values: Sequence[float]) -> Settings:
    """The settings with the values of these keys ("table.key") replaced; the stage that reads a key checks it."""
    for name, value in zip(names, values, strict=True):
        change: Settings = {}
        *tables, key = name.split(".")
        change[key] = float(value)
        for table in reversed(tables):
            change = {table: change}
        settings = merge(settings, change)
    return settings
