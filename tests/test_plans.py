"""`--dry-run` is honest: the memory it says is what is then used, to 20%."""

import re
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

BIN = Path(sys.executable).parent
QUICKSTART = Path(__file__).parent.parent / "examples" / "quickstart"

# command, arguments, output; each reads what those before it wrote
CHAIN = [
    ("ic", ["--set", "box.n=128", "--set", "box.size=250.0"], "ic.h5"),
    ("sim", ["ic.h5", "--set", "sim.method=pm", "--set", "sim.steps=4"], "pm.h5"),
    ("sim", ["ic.h5", "--set", "sim.steps=2", "--set", "sim.redshifts=[50.0]"], "p3m.h5"),
    ("halo", ["pm.h5", "--set", "halo.mass_definition=fof"], "fof.h5"),
    ("halo", ["pm.h5"], "so.h5"),
    ("stats", ["fof.h5"], "stats.h5"),
    ("halo", [f"{QUICKSTART}/reconstruct.toml", f"{QUICKSTART}/data/ahf.z0.000.AHF_halos"], "observed.h5"),
    ("recon", [f"{QUICKSTART}/reconstruct.toml", "observed.h5", "--set", "recon.max_simulations=2"], "r.h5"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("plans")


@pytest.mark.slow
@pytest.mark.parametrize(("command", "arguments", "output"), CHAIN, ids=[output for *_, output in CHAIN])
def test_planned_memory_is_within_a_fifth_of_what_is_used(folder, command, arguments, output):
    line = [BIN / f"lss-{command}", *arguments, "-o", output]
    said = subprocess.run([*line, "--dry-run"], cwd=folder, capture_output=True, text=True, check=True).stdout
    planned = float(re.search(r"memory: ([\d.]+) GB", said)[1])
    subprocess.run(line, cwd=folder, check=True, capture_output=True)
    with h5py.File(folder / output) as file:
        used = list(file["provenance"].values())[-1].attrs["peak_memory_bytes"] / 1e9
    assert planned == pytest.approx(used, rel=0.2)
