"""Files that try to run a program, to read or to write something that is not theirs.

Each case is a file and a command that is given it. It has succeeded if the program ran, if what a secret file holds was
said or copied, if a file of the user's changed, or if the command met an end that no input may cause.
"""

import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import tomli_w

from bench.reliability.forks import call
from bench.reliability.small_chain import copy
from lss.config import Settings

SECRET = "a-word-that-nobody-may-read"
RUNS = {
    "recon": ("-o", "r.h5"), "recon --dry-run": ("--dry-run",), "recon --print-config": ("--print-config",),
    "halo": ("-o", "r.h5"), "stats": (), "stats --report": ("--report", "r.html"), "sim": ("-o", "r.h5"),
    "ic": ("-o", "r.h5"), "train": ("--export", "r.h5"),
}  # fmt: skip
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@dataclass(frozen=True)
class Case:
    """What is tried, in words; the command; whether the file comes through the pipe."""

    name: str
    tool: str
    words: list[str]
    piped: str = ""


def measured(base: Path, work: Path) -> dict[str, int]:
    """hostile_tried, hostile_succeeded."""
    folder = copy(base, work / "hostile")
    (folder / "secret.txt").write_text(f"1.0 {SECRET}\n2.0 {SECRET}\n")
    os.mkfifo(folder / "fifo")
    tried = succeeded = 0
    for case in (*_commands(folder), *_paths(folder), *_links(folder), *_texts(folder)):
        tried += 1
        what = _succeeds(folder, case)
        succeeded += bool(what)
        if what:
            print(f"{case.name}: {what}: lss-{case.tool} {' '.join(case.words)}", flush=True)
    return {"hostile_tried": tried, "hostile_succeeded": succeeded}


def _succeeds(folder: Path, case: Case) -> str:
    for name in ("PWNED", "r.h5", "r.html"):
        (folder / name).unlink(missing_ok=True)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.h5")}
    options = {"stdin": folder / case.piped} if case.piped else {}
    done = call(case.tool, case.words, folder, seconds=60, **options)
    if (folder / "PWNED").exists():
        return "its program ran"
    if SECRET in done.err or SECRET.encode() in done.out:
        return "a secret was said"
    if "\x1b" in done.err or b"\x1b" in done.out:
        return "an escape sequence reached the terminal"
    output = folder / "r.h5"
    if output.exists() and _holds_secret(output):
        return "a secret was copied"
    report = folder / "r.html"
    if report.exists() and ("<script>alert" in (text := report.read_text()) or "<img src=x" in text):
        return "its script is in the report"
    changed = [n for n, t in before.items() if not (folder / n).exists() or (folder / n).stat().st_mtime_ns != t]
    return f"{changed[0]} was changed" if changed else done.fault


def _holds_secret(path: Path) -> bool:
    found = SECRET.encode() in path.read_bytes()
    with h5py.File(path) as file:
        file.visititems(lambda name, _: found or "private" in name or None)
        names: list[str] = []
        file.visit(names.append)
    return found or any("private" in name for name in names)


def poisoned(folder: Path, source: str, name: str, tables: Settings) -> str:
    """A copy of a universe whose embedded configuration has these keys too; its checksums are made anew."""
    from lss.config import merge
    from lss.files.integrity import seal

    shutil.copy(folder / source, folder / name)
    with h5py.File(folder / name, "r+") as file:
        file.attrs["config"] = tomli_w.dumps(merge(tomllib.loads(file.attrs["config"]), tables))
        seal(file)
    return name


def _commands(folder: Path) -> Iterator[Case]:
    """An external simulator that the file itself names."""
    programs = (
        ["sh", "-c", "touch {folder}/PWNED; echo {{input}} {{output}}"],
        ["touch", "{folder}/PWNED", "{{input}}", "{{output}}"],
        ["{folder}/run.sh", "{{input}}", "{{output}}"],
    )
    (folder / "run.sh").write_text(f"#!/bin/sh\ntouch {folder}/PWNED\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "mine.toml").write_text('[recon]\ncheckpoint = "net.safetensors"\nmax_simulations = 1\n')
    for number, program in enumerate(programs):
        words = [word.format(folder=folder) for word in program]
        table = {"recon": {"forward": {"command": words}, "max_simulations": 1}}
        name = poisoned(folder, "halo.h5", f"command{number}.h5", table)
        for run, more in RUNS.items():
            yield Case("an embedded command", run.split()[0], [name, *more])
        yield Case("an embedded command beside a TOML", "recon", ["mine.toml", name, "-o", "r.h5"])
        yield Case("an embedded command in a pipe", "recon", ["mine.toml", "-", "-o", "r.h5"], piped=name)


def _paths(folder: Path) -> Iterator[Case]:
    """Paths that the file names, to a secret, a FIFO, a device, and out of the folder."""
    places = {
        "transfer": lambda path: {"cosmology": {"transfer": path}},
        "mask": lambda path: {"halo": {"survey": {"mask": path}}},
        "checkpoint": lambda path: {"recon": {"checkpoint": path}},
        "network": lambda path: {"halo": {"network": path}},
        "compressor": lambda path: {"stats": {"checkpoint": path}},
    }
    targets = [str(folder / "secret.txt"), str(folder / "fifo"), "/dev/zero", "../../../../etc/passwd"]
    tools = {"transfer": ("ic", "stats"), "mask": ("halo",), "checkpoint": ("recon",), "network": ("halo",)}
    for key, tables in places.items():
        for number, target in enumerate(targets):
            name = poisoned(folder, "sim.h5", f"path-{key}-{number}.h5", tables(target))
            for tool in tools.get(key, ("stats",)):
                more = () if tool == "stats" else ("-o", "r.h5")
                yield Case(f"an embedded path to {target}", tool, [name, *more])


def _links(folder: Path) -> Iterator[Case]:
    """Links and data that lie outside the file."""
    with h5py.File(folder / "victim.h5", "w") as file:
        file["private"] = np.arange(8.0)
        file["group/private"] = np.frombuffer(SECRET.encode(), np.uint8)
    victim = str(folder / "victim.h5")
    (folder / "raw.bin").write_bytes(SECRET.encode())

    def external_storage(file: h5py.File) -> None:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_external(str(folder / "raw.bin").encode(), 0, len(SECRET))
        space = h5py.h5s.create_simple((len(SECRET),))
        h5py.h5d.create(file.id, b"private", h5py.h5t.NATIVE_UINT8, space, made)

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((8,), "f8")
        layout[:] = h5py.VirtualSource(victim, "private", shape=(8,))
        file.create_virtual_dataset("private", layout)

    def header(file: h5py.File) -> None:
        del file["Units"]
        file["Units"] = h5py.ExternalLink(victim, "/group")

    changes: dict[str, Callable[[h5py.File], None]] = {
        "external": lambda f: f.__setitem__("private", h5py.ExternalLink(victim, "/private")),
        "external-group": lambda f: f.__setitem__("private", h5py.ExternalLink(victim, "/group")),
        "soft": lambda f: f.__setitem__("again", h5py.SoftLink("/halos")),
        "soft-root": lambda f: f.__setitem__("loop", h5py.SoftLink("/")),
        "cycle": lambda f: f.__setitem__("halos/again", f["/"]),
        "external-storage": external_storage,
        "virtual": virtual,
        "header": header,
        "reference": lambda f: f["halos"].attrs.__setitem__("ref", f["ic"].ref),
    }
    for name, change in changes.items():
        file_name = f"link-{name}.h5"
        shutil.copy(folder / "halo.h5", folder / file_name)
        with h5py.File(folder / file_name, "r+") as file:
            change(file)
        for tool, more in (("stats", ("--digest",)), ("stats", ("-o", "r.h5")), ("halo", ("-o", "r.h5"))):
            yield Case(f"a link ({name})", tool, [file_name, *more])


def _texts(folder: Path) -> Iterator[Case]:
    """Scripts and escape sequences in what is said and reported."""
    from lss.files.integrity import seal

    for number, evil in enumerate((EVIL, "\x1b]0;owned\x07\x1b[2J")):
        name = f"text{number}.h5"
        shutil.copy(folder / "halo.h5", folder / name)
        with h5py.File(folder / name, "r+") as file:
            for group in (*file["provenance"].values(), file["halos"], file["ic"]):
                for key in [k for k in group.attrs if isinstance(group.attrs[k], str)]:
                    if key != "mass_definition":
                        group.attrs[key] = evil
                group.attrs["more"] = evil
            file.create_group(f"extra/{evil.replace('/', '|')}").attrs[evil] = evil
            file["halos/mass"].attrs["units"] = evil
            seal(file)
        evil_name = f"{evil.replace('/', '|')}{number}.h5"
        shutil.copy(folder / name, folder / evil_name)
        for source in (name, evil_name):
            for tool, more in (
                ("stats", ()),
                ("stats", ("--report", "r.html")),
                ("stats", ("--print-config",)),
                ("halo", ()),
            ):
                yield Case("texts", tool, [source, *more, *(("-o", "r.h5") if tool == "halo" else ())])
    (folder / "escape.toml").write_text("[\x1b[31mred]\nx = 1\n")
    yield Case("a TOML with escapes", "ic", ["escape.toml", "-o", "r.h5"])
