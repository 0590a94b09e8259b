"""Model "density": p(summaries | parameters), learned from the simulations that lss-recon left in its universes.

Simulations drawn from the prior make a density for any data of the same model: lss-recon with [recon.delfi] density
gives its posterior without simulating anything.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lss.errors import ConfigError, DataError
from lss.files.universe_file import read_universe, universe_files
from lss.inference import split_names
from lss.learned.conditional_density import FLOWS_BYTES, save
from lss.learned.density_training import FLOW_CPU_SECONDS, fit
from lss.learned.flows import Flows
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss.universe import Universe
from lss_train.training.run import TrainingRun

if TYPE_CHECKING:
    from lss_train.config import Config

log = logging.getLogger("lss.train")


Settings = Flows


def train(run: TrainingRun) -> None:
    """Train the flows on the /recon/simulations of all inputs, and write their checkpoint. Minutes at most: no state.

    Raises ConfigError for simulations of other parameters than [inference] names, DataError for inputs without any,
    of different networks, or from which no density can be learned.
    """
    import torch

    from lss.process.threads import threads

    torch.set_num_threads(threads())
    names = run.config.inference.parameters
    files = universe_files(run.inputs)
    drawn, made, networks, failed = [], [], {}, 0
    for file in files:
        universe = read_universe(file, ["recon"])
        simulations = universe.group("recon/simulations", 'lss-recon with method = "delfi" or "abc" leaves them')
        found = split_names(simulations.attrs["parameters"])
        if found != names:
            raise ConfigError(f"{file}: simulations of {', '.join(found)}; [inference] parameters = {list(names)}")
        ok = simulations.data["ok"].astype(bool)
        drawn.append(simulations.data["theta"][ok])
        made.append(simulations.data["x"][ok])
        failed += int(np.count_nonzero(~ok))
        networks[_network(universe)] = file
    if len(networks) > 1:
        one, other = list(networks.values())[:2]
        raise DataError(f"{other}: its simulations were compressed by a different network than those of {one}")
    theta, x = np.concatenate(drawn), np.concatenate(made)
    log.info("%d simulations of %d universes, %d failed ones ignored", len(x), len(files), failed)
    density = fit(theta, x, run.config.train.sub_table(Settings), run.config.train.seed, names)
    data = {
        "universes": len(files),
        "simulations": len(x),
        "failed": failed,
        "compressor_sha256": next(iter(networks)),
        "low": theta.min(axis=0).tolist(),
        "high": theta.max(axis=0).tolist(),
        "summaries_low": x.min(axis=0).tolist(),
        "summaries_high": x.max(axis=0).tolist(),
    }
    save(density, run.checkpoint, data)
    log.info("%s: validation losses %s", run.checkpoint, ", ".join(f"{loss:.4f}" for loss in density.losses))


def _network(universe: Universe) -> str:
    """The hash of the network that compressed a universe's simulations."""
    return str(universe.group("recon/posterior").attrs.get("checkpoint_sha256", "unknown"))


def plan(inputs: Sequence[Path], config: "Config") -> Plan:
    """What the training would read and cost."""
    files = universe_files(inputs)
    simulations = sum(len(read_universe(file, ["recon"]).group("recon/simulations").data["ok"]) for file in files)
    settings = config.train.sub_table(Settings)
    return Plan(
        IMPORTS_BYTES + TORCH_BYTES + FLOWS_BYTES,
        FLOW_CPU_SECONDS * settings.members * simulations,
        [f"{simulations} simulations of {len(files)} universes", f"train {settings.members} flows"],
    )
