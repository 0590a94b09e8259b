"""Whether the loop gives the same bits when its forward model is our own commands, called as another's program."""

import json
import shutil
import sys
from pathlib import Path

from bench.lulo_kept import FOLDER, code_hash, key
from bench.lulo_truths import STAGES, observed, simulated
from lss import stages
from lss.config import Settings, merge
from lss.nets.checkpoint import read_card
from lss_stats.digest import digest

CHECKPOINT = "estimator-64"
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
    cause = key(settings, code_hash("lss_recon.stage", *(f"lss_{name}.stage" for name in STAGES)))
    path = FOLDER / "external" / f"{cause}.json"
    if not path.exists():
        data = observed(simulated(settings))
        by_command = merge(settings, {"recon": {"forward": {"command": _commands()}}})
        equal = digest(stages.run("recon", data, settings)) == digest(stages.run("recon", data, by_command))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"equal": equal}) + "\n")
    return bool(json.loads(path.read_text())["equal"])


def _commands() -> list[str]:
    """lss-ic | lss-sim | lss-halo of this environment, as one program with {input} and {output}."""
    beside = Path(sys.executable).parent
    ic, sim, halo = (shutil.which(f"lss-{name}", path=str(beside)) or f"lss-{name}" for name in STAGES)
    return ["sh", "-c", f"{ic} {{input}} | {sim} | {halo} -o {{output}}"]
