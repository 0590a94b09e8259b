"""Reconstruction: what lies behind an observed halo catalogue or field, by one of lss_recon.methods."""

from pathlib import Path

from lss.files.restart import Restart
from lss.stages import Plan
from lss.universe import Universe
from lss_recon import methods
from lss_recon.config import Config
from lss_recon.ensemble import gather

__all__ = ["EXTENDABLE", "INDIFFERENT", "TAKES", "Config", "gather", "members", "plan", "run"]

TAKES = ("index", "restart")
# A run that was stopped may be given more.
EXTENDABLE = (
    "recon.max_simulations",
    "recon.samples",
    "recon.hmc.draws",
    "recon.forward.timeout",
    "recon.forward.retries",
)
INDIFFERENT = ("recon.samples", "recon.forward.timeout", "recon.forward.retries")


def run(
    universe: Universe, config: Config, *, index: int = 0, truth: Path | None = None, restart: Restart | None = None
) -> Universe:
    """Reconstruct by the method of [recon].

    index : number of the sample; each has draws of its own; truth : a universe to compare each simulation with
    Raises DataError and ConfigError before the first simulation, Stopped with the state saved.
    """
    options = {"index": index, "truth": truth, "restart": restart or Restart(None)}
    return methods.find(config.recon.method).run(universe, config, **options)


def plan(universe: Universe | None, config: Config) -> Plan:
    """What the run would cost. Raises ConfigError and DataError as it would before its first simulation."""
    return methods.find(config.recon.method).plan(universe, config)


def members(config: Config) -> int:
    """How many universes one call makes."""
    return methods.find(config.recon.method).members(config)
