"""A chain of small files that everything here damages, interrupts and fights over: made once, copied for every use."""

import hashlib
import shutil
from pathlib import Path

from bench.reliability.forks import LONG, call, must
from lss.files.digest import digest
from lss.files.universe_file import read_universe

SETTINGS = """
[box]
size = 31.25
n = 16
[ic]
seed = 3
[sim]
method = "pm"
steps = 10
[halo]
mass_definition = "fof"
min_particles = 10
[train]
channels = 4
levels = 2
epochs = 2
warm_up = 2
input_smoothing = [2.0, 4.0]
input_scale = [2.0, 1.0]
count_smoothing = [2.0]
validation = 0.3
precision = "float32"
"""
RECON = ["--set", "recon.checkpoint=net.safetensors", "--set", "recon.max_simulations=3"]
UNOBSERVED = ["--drop", "PartType1", "--drop", "ic", "--drop", "fields"]


def prepare(folder: Path) -> Path:
    """u.toml, ic.h5, sim.h5, halo.h5, observed.h5, set.h5 and net.safetensors in this folder."""
    if (folder / "ready").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "ensemble").mkdir(parents=True)
    (folder / "u.toml").write_text(SETTINGS)
    steps: list[tuple[str, list[object]]] = [
        ("ic", ["u.toml", "-o", "ic.h5"]),
        ("sim", ["ic.h5", "-o", "sim.h5"]),
        ("halo", ["sim.h5", "-o", "halo.h5"]),
        ("halo", ["sim.h5", "-o", "observed.h5", *UNOBSERVED]),
    ]
    for i in range(5):
        steps += [
            ("ic", ["u.toml", "--index", i, "-o", f"a{i}.h5"]),
            ("sim", [f"a{i}.h5", "-o", f"b{i}.h5"]),
            ("halo", [f"b{i}.h5", "-o", "ensemble/", "--index", i, "--drop", "PartType1"]),
        ]
    steps += [
        ("train", ["u.toml", "ensemble/", "--export", "set.h5"]),
        ("train", ["u.toml", "set.h5", "-o", "net.safetensors"]),
    ]
    for tool, words in steps:
        must(call(tool, words, folder, seconds=LONG))
    for path in [*folder.glob("a?.h5"), *folder.glob("b?.h5")]:
        path.unlink()
    (folder / "ready").touch()
    return folder


def copy(base: Path, to: Path) -> Path:
    """A fresh copy of the chain."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(base, to)
    (to / "ready").unlink()
    return to


def bits(path: Path) -> str:
    """The data of a universe without its provenance, or the tensors of a checkpoint."""
    if path.suffix != ".safetensors":
        return digest(read_universe(path))
    from safetensors.numpy import load_file

    found = hashlib.sha256()
    for name, array in sorted(load_file(path).items()):
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()
