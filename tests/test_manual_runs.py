"""Pages that one types along run as they stand, each in a folder with the files that it speaks of.

A page whose commands are only read (tests/test_docs.py) says so in a comment at its head.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.snapshots import as_gadget

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BIN = Path(sys.executable).parent
SHOWN = "<!-- The commands of this page are read by the tests, not run."
STARTS = ("lss-", "head ", "for ", "pip ", "make ", ". .venv")
SMALL = """[box]
size = 50.0
n = 16
[sim]
method = "pm"
steps = 6
[halo]
mass_definition = "fof"
min_particles = 8
"""
COSMOLOGY = "[cosmology]\nomega_m = 0.3175\nomega_b = 0.049\nh = 0.6711\nn_s = 0.9624\nsigma8 = 0.834\n"
ESTIMATOR = """[recon]
checkpoint = "mine.safetensors"
max_simulations = 2
[train]
model = "estimator"
channels = 4
levels = 2
epochs = 1
validation = 0.25
"""


def blocks(page):
    """The indented and the fenced blocks of a page, in their order."""
    text, found = page.read_text(), []
    for fenced, indented in re.findall(r"^```python\n((?s:.*?))^```|((?:^ {4}.*\n|^\n(?= {4}))+)", text, re.M):
        found.append(fenced or re.sub(r"^ {4}", "", indented, flags=re.M).strip("\n") + "\n")
    return found


def commands(block):
    """What is to be typed, after prompts or as a block that begins with a command, and what the page shows of it."""
    if "$ " in block:
        return re.findall(r"^\$ ((?:.*\\\n)*.*)\n?((?:(?!\$ ).*\n?)*)", block, re.M)
    return [(block, "")] if block.startswith(STARTS) else []


def run(folder, command, refused=""):
    """A command of a page, as a shell runs it; refused : the error that the page shows."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    shell = ["bash", "-eo", "pipefail", "-c", command]
    done = subprocess.run(shell, cwd=folder, capture_output=True, text=True, env=environment)
    assert (done.returncode == 0) == (not refused), f"{command}\n{done.stderr}"
    assert refused in done.stderr


def universe(folder, toml=SMALL):
    """universe.toml, and a universe of it with its matter on a grid."""
    (folder / "universe.toml").write_text(toml)
    run(folder, "lss-ic universe.toml | lss-sim --set sim.matter_grid=16 | lss-halo -o universe.h5")


def somebody_elses(folder):
    """Two snapshots as Gadget leaves them, and AHF's catalogue of the latter."""
    universe(folder, SMALL.replace("50.0", "125.0"))
    run(folder, "lss-ic universe.toml -o initial.h5")
    as_gadget(folder / "universe.h5", folder / "snapshot_z0.hdf5")
    as_gadget(folder / "initial.h5", folder / "snapshot_z127.hdf5")
    (folder / "universe.h5").unlink()
    (folder / "universe.toml").write_text("[box]\nsize = 125.0\nn = 64\n[cosmology]\nomega_m = 0.3175\n")
    shutil.copy(ROOT / "tests" / "data" / "gadget4-64-a.AHF_halos", folder / "ahf.z0.000.AHF_halos")


def estimator(folder):
    """A network of four universes, an observed catalogue and its truth, and a configuration of the loop."""
    universe(folder, SMALL + ESTIMATOR)
    run(folder, "lss-ic universe.toml --count 4 --through sim,halo -o universes/")
    run(folder, "lss-train universe.toml universes/ -o mine.safetensors")
    shutil.copy(folder / "universe.toml", folder / "recon.toml")
    run(folder, "cp universe.h5 truth.h5; lss-halo universe.h5 --drop ic --drop PartType1 --drop fields -o observed.h5")


def own_simulator(folder):
    """The same, with the script of the page."""
    estimator(folder)
    shutil.copy(ROOT / "examples" / "lulo" / "my_sim.sh", folder)


def gaussian(folder):
    """The field of the example, with a network that learns for a moment."""
    text = (ROOT / "examples" / "imnn" / "gaussian.toml").read_text()
    text = text.replace("first_weights = 4000", "first_weights = 200").replace("updates = 100", "updates = 4")
    text = text.replace("figures = 10000", "figures = 500").replace("128", "32")
    (folder / "gaussian.toml").write_text(
        text + "[recon.delfi]\nrounds = 1\nsimulations = 200\n[recon.density]\nmembers = 1\n"
    )


def tutorial(folder):
    """`make setup` is what the tests run by; everything else is made on the way."""
    (folder / "examples").symlink_to(ROOT / "examples")


def survey(folder):
    """A survey of half of a small box in redshift space: its description, mask, network and table."""
    estimator(folder)
    page = (DOCS / "howto" / "survey.md").read_text()
    table = re.sub(r"^ {4}", "", re.search(r"^ {4}\[halo.catalogue\]\n(?: {4}.*\n)+", page, re.M)[0], flags=re.M)
    (folder / "observed.h5").unlink()
    network = ESTIMATOR.replace("mine", "estimator-z")
    described = COSMOLOGY + SMALL + network + '[halo.survey]\nredshift_space = "z"\n'
    (folder / "train.toml").write_text(described)
    (folder / "survey.toml").write_text(described + 'mask = "mask.npy"\n' + table)
    mask = np.ones((16, 16, 16))
    mask[:, :, 8:] = 0
    np.save(folder / "mask.npy", mask)
    with h5py.File(folder / "universe.h5") as made:
        position, mass = made["halos/position"][:], made["halos/mass"][:]
    rows = [f"{x},{y},{z},{m}" for (x, y, z), m in zip(position, mass, strict=True) if z < 20]
    (folder / "catalogue.csv").write_text("x,y,z,m200c\n" + "\n".join(rows) + "\n")


RUN = {
    "index.md": universe,
    "howto/survey.md": survey,
    "tutorial.md": tutorial,
    "howto/snapshot.md": somebody_elses,
    "howto/simulator.md": own_simulator,
    "howto/parameters.md": gaussian,
    "howto/statistic.md": universe,
}
ELSEWHERE = {"howto/python.md", "howto/own-stage.md"}  # tests/lss/test_notebook.py, tests/test_own_stage.py


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_is_run_or_says_that_it_is_not(page):
    name = str(page.relative_to(DOCS))
    has_commands = any(commands(block) for block in blocks(page))
    is_run = name in RUN or name in ELSEWHERE
    assert page.read_text().startswith(SHOWN) == (has_commands and not is_run)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_the_commands_of_a_page_run_in_their_order(name, tmp_path):
    RUN[name](tmp_path)
    typed = 0
    for block in blocks(DOCS / name):
        if "import " in block and "\n\n" in block:
            run(tmp_path, f"{sys.executable} - <<'PYTHON'\n{block}PYTHON")
            typed += 1
        for command, shown in commands(block):
            if command.startswith(("make ", ". .venv", "pip ")) or "^C" in shown:
                continue
            error = re.search(r"^lss-\w+: error: .*$", shown, re.M)
            run(tmp_path, command, error[0] if error else "")
            typed += 1
        if name == "tutorial.md" and block.startswith("[box]"):
            (tmp_path / "universe.toml").write_text(block)
        if name == "tutorial.md" and block.startswith("[recon]"):
            with (tmp_path / "universe.toml").open("a") as file:
                file.write("\n" + block)
    assert typed >= 1
