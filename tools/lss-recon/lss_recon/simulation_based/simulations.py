"""The simulations of an inference: parameters drawn, summaries found, failures counted; the whole state of the work.

Parameters are drawn a round at a time and then simulated in batches, each kept on disk. A run that goes on after an
interruption simulates what was drawn and not made, and draws on from there, to the same bits.
"""

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lss.errors import DataError
from lss.files.restart import Restart
from lss.inference import join_names
from lss.process import interrupt
from lss.process.progress import Bar
from lss.universe import Group

log = logging.getLogger("lss.recon")

FAILURES_COUNT_FROM = 20  # simulations made before their failed share can stop the run

# Parameters (b, p) and the number of the first, which its noise follows from -> summaries (b, s), NaN where it failed.
Simulate = Callable[[np.ndarray, int], np.ndarray]


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


@dataclass(frozen=True)
class Runner:
    """Makes drawn simulations, keeps them on disk, and stops where it must.

    simulate : see Simulate; batch : simulations between two states; max_failed : share; names : of the parameters;
    restart : where the state is kept; bar : who watches
    """

    simulate: Simulate
    batch: int
    max_failed: float
    names: tuple[str, ...]
    restart: Restart
    bar: Bar

    def load(self, summaries: int) -> Simulations:
        """What an interrupted run left; nothing if there is none."""
        saved = self.restart.load("simulations")
        if saved is None:
            return Simulations.none(len(self.names), summaries)
        simulations = Simulations(saved.data["theta"], saved.data["x"], saved.data["round"])
        log.info("going on after %d simulations", simulations.made)
        return simulations

    def make(self, simulations: Simulations) -> Simulations:
        """Simulate what has been drawn and not made.

        Raises DataError if too many fail, Stopped with the state saved.
        """
        while simulations.made < len(simulations):
            first = simulations.made
            x = self.simulate(simulations.theta[first : first + self.batch], first)
            simulations = simulations.with_made(x)
            saved = {name: getattr(simulations, name) for name in ("theta", "x", "round")}
            self.restart.save("simulations", Group(saved))
            self.bar.update(len(x), f"{simulations.failed} failed" if simulations.failed else "")
            self._refuse_failures(simulations)
            if interrupt.requested():
                raise self.restart.stopped(f"stopped after {simulations.made} simulations")
        return simulations

    def _refuse_failures(self, simulations: Simulations) -> None:
        failed, made = simulations.failed, simulations.made
        if made < FAILURES_COUNT_FROM or failed <= self.max_failed * made:
            return
        last = simulations.theta[:made][~simulations.ok][-1]
        where = ", ".join(f"{name} = {value:.4g}" for name, value in zip(self.names, last, strict=True))
        kept = f"; all are in {self.restart.folder}/simulations.h5" if self.restart.folder else ""
        raise DataError(
            f"{failed} of {made} simulations failed, more than [recon.simulations] max_failed = {self.max_failed:g}"
            f" (the last at {where}){kept}"
        )
