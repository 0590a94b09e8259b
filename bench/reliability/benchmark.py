"""How hard it is to lose a result, to run a stranger's program, or to have damage accepted: one JSON line.

    python -m bench.reliability [--part NAME ...] [--kills 200] [--mutations 10000] [--again]

Each part's figures are kept in build/reliability/PART.json, and measured again with --again.

    kills, corrupt, lost, different_bits, blocked, temporaries_left   SIGKILLs at random times; what was there then
    races_tried, races_wrong    two runs on one output at once
    ends_wrong    of a full disk, a closed pipe and a folder without permission
    mutations, tracebacks, crashes, hangs (10 s of CPU), over_memory (2 GB), silent_wrong    damaged inputs
    hostile_tried, hostile_succeeded    files that try to run, read or write what is not theirs
    flips_tried, flips_found    single bits of datasets, attributes, states and checkpoints
    slurm_universes, slurm_kills, slurm_lost, slurm_twice    array tasks on a SLURM of one machine, with kills
    ddp_max_difference    of the losses of 50 updates, two processes of torchrun against one, relative
    checksum_cost    CPU time of writing and reading 100 MB with checksums over that without, medians of ten pairs
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.reliability import cost, distributed, flips, hostile, kills, mutations, races, slurm
from bench.reliability.forks import warm_up
from bench.reliability.small_chain import prepare

FOLDER = Path("build/reliability")


def main() -> None:
    """Print the JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", nargs="+", help="only these: kills races mutations hostile flips cost ddp slurm")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--universes", type=int, default=1000, help="of the ensemble on SLURM (needs root)")
    parser.add_argument("--seed", type=int, default=1, help="of kills and mutations")
    parser.add_argument("--again", action="store_true", help="measure what was measured before, too")
    arguments = parser.parse_args()
    folder = FOLDER.absolute()
    base = folder / "chain"
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "ddp": lambda: distributed.measured(folder),
        "slurm": lambda: slurm.measured(arguments.universes),
        "cost": lambda: cost.measured(folder),
        "races": lambda: races.measured(base, folder),
        "hostile": lambda: hostile.measured(base, folder),
        "flips": lambda: flips.measured(base, folder),
        "kills": lambda: kills.measured(base, folder, arguments.kills, arguments.seed),
        "mutations": lambda: mutations.measured(base, folder, arguments.mutations, arguments.seed),
    }
    chosen = {name: part for name, part in parts.items() if not arguments.part or name in arguments.part}
    found: dict[str, Any] = {}
    warm = False
    for name, measure in chosen.items():
        kept = folder / f"{name}.json"
        if arguments.again or not kept.exists():
            if not warm:
                warm_up()
                prepare(base)
                warm = True
            kept.write_text(json.dumps(measure()))
        found |= json.loads(kept.read_text())
    print(json.dumps(found))
