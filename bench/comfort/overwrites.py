"""Ways to lose a file by naming it as an output: each is tried, and the file must be there afterwards, bit for bit."""

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py

from bench.comfort.commands import SETTINGS, shell

# What is tried -> the file that would be lost, and the line. Files are those of `prepared`.
WAYS = {
    "the configuration": ("u.toml", "lss-ic u.toml -o u.toml"),
    "the configuration, forced": ("u.toml", "lss-ic u.toml -o u.toml --force"),
    "the configuration, through a link": ("u.toml", "lss-ic u.toml -o link.h5 --force"),
    "the configuration, through a hard link": ("u.toml", "lss-ic u.toml -o hard.h5"),
    "notes": ("notes.txt", "lss-ic u.toml -o notes.txt"),
    "notes, forced": ("notes.txt", "lss-sim ic.h5 -o notes.txt --force"),
    "another program's HDF5": ("theirs.h5", "lss-halo halo.h5 -o theirs.h5 --force"),
    "another program's catalogue, as input": (
        "halos.csv",
        (
            "lss-halo u.toml halos.csv -o halos.csv --set halo.catalogue.format=csv --set halo.catalogue.redshift=0.0 "
            "--set halo.catalogue.length_unit=Mpc/h --set cosmology.omega_m=0.3 "
            """--set 'halo.catalogue.columns={position=["x","y","z"],velocity=["u","v","w"],mass="m"}'"""
        ),
    ),
    "a universe of another seed": ("ic.h5", "lss-ic u.toml --set ic.seed=7 -o ic.h5"),
    "a member of an ensemble of another seed": ("e/000000.h5", "lss-ic u.toml --set ic.seed=7 --index 0 -o e/"),
    "the truth": ("halo.h5", "lss-stats other.h5 --truth halo.h5 -o halo.h5 --force"),
    "a universe, by tables": ("halo.h5", "lss-stats halo.h5 --tables halo.h5"),
    "a universe, by a report": ("halo.h5", "lss-stats halo.h5 --report halo.h5"),
    "a page": ("index.html", "lss-stats halo.h5 --report index.html"),
    "a picture": ("photo.png", "lss-stats halo.h5 --plot photo.png"),
    "a picture in a folder of figures": ("f/spectra.png", "lss-stats halo.h5 --figures f"),
    "a table in a folder of tables": ("f/power-matter.csv", "lss-stats halo.h5 --tables f"),
    "another program's HDF5, by an export": ("theirs.h5", "lss-train t.toml e --export theirs.h5 --force"),
    "a universe, by an export": ("halo.h5", "lss-train t.toml e --export halo.h5 --force"),
    "another program's weights": ("theirs.safetensors", "lss-train t.toml -o theirs.safetensors --force"),
    "a file beside a checkpoint": ("mine.jsonl", "lss-train t.toml -o mine.safetensors --force"),
    "a page, by a universe": ("index.html", "lss-stats halo.h5 -o index.html --force"),
}
TRAINING = """\
[box]
size = 20.0
n = 8
[ic]
field = "power-law"
dimensions = 2
[train]
model = "imnn"
"""


def prepared(folder: Path) -> None:
    """The files that are tried on: ours, and others of every kind."""
    (folder / "u.toml").write_text(SETTINGS)
    (folder / "t.toml").write_text(TRAINING)
    (folder / "link.h5").symlink_to("u.toml")
    (folder / "hard.h5").hardlink_to(folder / "u.toml")
    (folder / "notes.txt").write_text("what I found out today\n")
    (folder / "halos.csv").write_text("x,y,z,u,v,w,m\n1,2,3,0,0,0,1e13\n4,5,6,0,0,0,2e13\n")
    (folder / "f").mkdir()
    for name in ("photo.png", "f/spectra.png"):
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\nof the telescope")
    (folder / "index.html").write_text("<!DOCTYPE html><title>My page</title>\n")
    (folder / "f/power-matter.csv").write_text("k,P\n0.1,2000\n")
    (folder / "theirs.safetensors").write_bytes(b'\x20\0\0\0\0\0\0\0{"__metadata__":{"format":"pt"}} ')
    (folder / "mine.jsonl").write_text('{"name": "an entry"}\n')
    with h5py.File(folder / "theirs.h5", "w") as file:
        file["data"] = range(10)
    lines = ["lss-ic u.toml -o ic.h5", "lss-sim ic.h5 -o sim.h5", "lss-halo sim.h5 -o halo.h5"]
    for line in [*lines, "cp halo.h5 other.h5", "lss-ic u.toml --index 0 -o e/"]:
        done = shell(line, folder)
        if done.returncode:
            raise RuntimeError(f"{line}: {done.stderr}")


def lost(folder: Path, say: Callable[[str], None]) -> list[str]:
    """The ways that lose a file, of all WAYS; the folder is prepared."""
    found = []
    for way, (name, line) in WAYS.items():
        kept = folder / "kept"
        shutil.copyfile(folder / name, kept)
        done = shell(line, folder)
        error = next((text for text in done.stderr.splitlines() if "error" in text), "")
        refused = done.returncode in (1, 2) and ("not written" in error or "made from another input" in error)
        safe = refused and kept.read_bytes() == (folder / name).read_bytes()
        say(f"{'kept' if safe else 'LOST'}  {way:42} {error}")
        if not safe:
            found.append(way)
    return found
