"""The simulations of an inference: parameters drawn, summaries found, failures counted; the whole state of the work."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from lss.inference import join_names
from lss.universe import Group


@dataclass(frozen=True)
class Simulations:
    """What was drawn and what was made of it.

    theta : (m, p) float64; x : (made, s) float64, made <= m, NaN where a simulation failed; round : (m,) int32
    """

    theta: np.ndarray
    x: np.ndarray
    round: np.ndarray

    @staticmethod
    def none(parameters: int, summaries: int) -> "Simulations":
        """Nothing drawn yet."""
        return Simulations(np.empty((0, parameters)), np.empty((0, summaries)), np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.theta)

    @property
    def made(self) -> int:
        """How many have been simulated."""
        return len(self.x)

    @property
    def ok(self) -> np.ndarray:
        """Of those made, which gave finite summaries: (made,)."""
        return np.isfinite(self.x).all(axis=1)

    @property
    def failed(self) -> int:
        return int(np.count_nonzero(~self.ok))

    @property
    def rounds(self) -> int:
        """Rounds that have been drawn."""
        return int(self.round[-1]) + 1 if len(self) else 0

    def good(self) -> tuple[np.ndarray, np.ndarray]:
        """Parameters and summaries of those that did not fail."""
        return self.theta[: self.made][self.ok], self.x[self.ok]

    def with_drawn(self, theta: np.ndarray, number: int) -> "Simulations":
        """Further parameters, to be simulated in round `number`."""
        rounds = np.full(len(theta), number, np.int32)
        return Simulations(np.concatenate([self.theta, theta]), self.x, np.concatenate([self.round, rounds]))

    def with_made(self, x: np.ndarray) -> "Simulations":
        """The next simulations, done."""
        return dataclasses.replace(self, x=np.concatenate([self.x, x]))

    def as_group(self, names: tuple[str, ...]) -> Group:
        """What /recon/simulations holds."""
        data = {"theta": self.theta, "x": self.x, "round": self.round, "ok": self.ok.astype(np.uint8)}
        return Group(data, {"parameters": join_names(names)}, dict.fromkeys(data, "1"))
