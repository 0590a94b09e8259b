"""Whether the loop gives the same bits with a program as its forward model: examples/lulo/my_sim.sh, our commands."""

import json
import os
import sys
from pathlib import Path

from bench.lulo.kept import FOLDER, code_of, key
from bench.lulo.truths import observed, simulated
from lss import stages
from lss.config import Settings, merge
from lss.files.digest import digest
from lss.nets.checkpoint import read_card

CHECKPOINT = "estimator-64-pm"
SIMULATOR = Path("examples/lulo/my_sim.sh").resolve()
SIDE, SIMULATIONS = 32, 3


def settings_of_a_short_loop() -> Settings:
    """A box of the shipped estimator's voxels and halos: what is tested is how universes are handed over."""
    data = read_card(CHECKPOINT)["data"]
    voxel, halo = data["box"]["size"] / data["box"]["n"], data["simulator"]["halo"]
    return {
        "box": {"n": SIDE, "size": SIDE * voxel},
        "ic": {"seed": 9002},
        "sim": {"method": "pm"},
        "halo": {name: halo[name] for name in ("mass_definition", "min_particles")},
        "recon": {"checkpoint": CHECKPOINT, "max_simulations": SIMULATIONS},
    }


def external_equal() -> bool:
    """Three simulations of a 32^3 box, in this process and by subprocesses: the same universe to the bit."""
    settings = settings_of_a_short_loop()
    cause = key(settings, code_of(settings))
    path = FOLDER / "external" / f"{cause}.json"
    if not path.exists():
        beside = str(Path(sys.executable).parent)
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])  # where lss-sim is
        data = observed(simulated(settings))
        by_command = merge(settings, {"recon": {"forward": {"command": [str(SIMULATOR), "{input}", "{output}"]}}})
        equal = digest(stages.run("recon", data, settings)) == digest(stages.run("recon", data, by_command))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"equal": equal}) + "\n")
    return bool(json.loads(path.read_text())["equal"])
