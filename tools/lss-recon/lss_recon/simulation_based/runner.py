"""Makes the simulations of an inference.

Parameters are drawn a round at a time and then simulated in batches, each kept on disk. A run that goes on after an
interruption simulates what was drawn and not made, and draws on from there, to the same bits.
"""

import hashlib
import logging
from dataclasses import dataclass

from lss.errors import DataError
from lss.files.provenance import file_hash
from lss.files.restart import Restart
from lss.nets.checkpoint import resolve
from lss.process import interrupt
from lss.process.progress import Bar
from lss.universe import Group, Universe
from lss_recon.config import Config
from lss_recon.simulation_based.data import Data
from lss_recon.simulation_based.simulations import Simulations
from lss_recon.simulation_based.simulators import (
    Simulator,
    complete_settings,
    fields_in_memory,
    fields_of_stages,
    makes_fields_in_memory,
)

log = logging.getLogger("lss.recon")

FAILURES_COUNT_FROM = 20  # simulations made before their failed share can stop the run


@dataclass(frozen=True)
class Runner:
    """Makes drawn simulations, keeps them on disk, and stops where it must.

    simulate : see Simulator; batch : simulations between two states; max_failed : share; names : of the parameters;
    restart : where the state is kept; bar : who watches
    """

    simulate: Simulator
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


def prepare_runner(universe: Universe, config: Config, data: Data, index: int, restart: Restart, bar: Bar) -> Runner:
    """The runner of the simulations that [inference] and [recon.simulations] describe; index : number of the sample."""
    inference, recon = config.inference, config.recon
    settings = complete_settings(universe, config)
    # The state belongs to the data and the network as well, which the console cannot know.
    observed = hashlib.sha256(data.summaries.tobytes()).hexdigest()
    bound = restart.bound_to(file_hash(resolve(recon.checkpoint)), observed, str(index))
    simulate: Simulator
    if makes_fields_in_memory(config):
        batch = recon.simulations.batch
        simulate = fields_in_memory(settings, inference.parameters, data.compress, recon.seed, index)
    else:
        batch = 1
        arguments = (inference.stages, settings, inference.parameters, inference.data)
        simulate = fields_of_stages(*arguments, data.compress, recon.seed, index, bound)
    return Runner(simulate, batch, recon.simulations.max_failed, inference.parameters, bound, bar)
