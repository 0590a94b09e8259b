"""The methods of reconstruction: `[recon] method` names one of them.

A method is a module with

    run(universe, config, *, index, truth, restart) -> Universe
    plan(universe, config)                          -> lss.stages.Plan, for --dry-run
    members(config)                                 -> how many universes one call makes

Adding one is writing that module and a line below. Configuration, documentation and tests read this table.
"""

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # `--help` reads this table, and answers at once
    from lss.config import Table
    from lss.stages import Plan
    from lss.universe import Universe


@dataclass(frozen=True)
class Method:
    """One entry.

    module : dotted path, imported only when the method is used; words : what it does, for the help of the key;
    tables : the tables below [recon] that are its own, name -> "module:class". Methods may share one. The module of a
    table is imported whenever a configuration is read, and must be light
    """

    module: str
    words: str
    tables: dict[str, str] = field(default_factory=dict)


_SIMULATION_BASED = "lss_recon.simulation_based"
_SIMULATIONS = {"simulations": f"{_SIMULATION_BASED}.settings:SimulationSettings"}

METHODS = {
    "lulo": Method("lss_recon.lulo.run", "initial conditions by learned directions through any simulator"),
    "delfi": Method(
        f"{_SIMULATION_BASED}.delfi",
        "the posterior of [inference] by a learned density",
        {
            **_SIMULATIONS,
            "delfi": f"{_SIMULATION_BASED}.settings:Delfi",
            "density": "lss.learned.flows:Flows",
        },
    ),
    "abc": Method(
        f"{_SIMULATION_BASED}.abc",
        "the posterior of [inference] by approximate Bayesian computation",
        {**_SIMULATIONS, "abc": f"{_SIMULATION_BASED}.settings:Abc"},
    ),
    "hmc": Method(
        "lss_recon.sampling.run",
        "initial phases and halo bias sampled with gradients",
        {"hmc": "lss_recon.sampling.settings:Hmc"},
    ),
}


class MethodModule(Protocol):
    """What the stage knows of a method."""

    def run(self, universe: "Universe", config: Any, **options: Any) -> "Universe": ...

    def plan(self, universe: "Universe | None", config: Any) -> "Plan": ...

    def members(self, config: Any) -> int: ...


def find(name: str) -> MethodModule:
    """The module of a method, imported."""
    module: Any = importlib.import_module(METHODS[name].module)
    return module


def tables() -> "dict[str, type[Table]]":
    """The tables below [recon] that methods declare, by name."""
    paths = {name: path for method in METHODS.values() for name, path in method.tables.items()}
    found = {name: path.split(":") for name, path in paths.items()}
    return {name: getattr(importlib.import_module(module), table) for name, (module, table) in found.items()}
