"""One flipped bit in each dataset and each attribute that a number depends on: of a universe, a state, a checkpoint."""

import json
import os
import random
import shutil
import signal
import struct
import time
from pathlib import Path

import h5py

from bench.reliability.forks import call, often_saved, start
from bench.reliability.small_chain import RECON, bits, copy

EXAMINED = ("halo.h5", "ic.h5")
STATES = (
    ("sim", ["ic.h5", "--set", "sim.steps=40"], "a.h5"),
    ("recon", ["observed.h5", *RECON], "a.h5"),
    ("train", ["u.toml", "set.h5", "--set", "train.epochs=4"], "a.safetensors"),
)


def measured(base: Path, work: Path) -> dict[str, int]:
    """flips_tried, flips_found: a flip is found if the file is refused, or the work is done anew to the right bits."""
    folder, draw = copy(base, work / "flips"), random.Random(1)
    tried = found = 0
    for name in EXAMINED:
        data = (folder / name).read_bytes()
        for place, offset in _places(folder / name, draw):
            (folder / "flipped.h5").write_bytes(_flipped(data, offset, draw))
            done = call("stats", ["flipped.h5", "--digest"], folder, seconds=30)
            tried += 1
            found += done.code == 1 and not done.fault
            if done.code == 0:
                print(f"{name}: a bit of {place} flipped: accepted", flush=True)
    for right in (_weights(folder, draw), *(_state(folder, tool, words, output) for tool, words, output in STATES)):
        tried, found = tried + len(right), found + sum(right)
    return {"flips_tried": tried, "flips_found": found}


def _flipped(data: bytes, offset: int, draw: random.Random) -> bytes:
    changed = bytearray(data)
    changed[offset] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _places(path: Path, draw: random.Random) -> list[tuple[str, int]]:
    """An offset within the data of every dataset, and within the value of every attribute that is found in the file."""
    data, places = path.read_bytes(), []
    with h5py.File(path) as file:

        def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None:
                places.append((name, item.id.get_offset() + draw.randrange(item.nbytes)))
            for key, value in item.attrs.items():
                if name.startswith("provenance") or isinstance(value, h5py.Empty):
                    continue
                raw = value.encode() if isinstance(value, str) else value.tobytes()
                at = data.find(raw) if len(raw) > 3 else -1
                if at >= 0 and data.find(raw, at + 1) < 0:  # the only place it can lie
                    places.append((f"{name}@{key}", at + draw.randrange(len(raw))))

        file.visititems(visit)
        config = str(file.attrs["config"]).encode()
        places.append(("@config", data.find(config) + draw.randrange(len(config))))
    return places


def _weights(folder: Path, draw: random.Random) -> list[bool]:
    """A bit of every tensor of a checkpoint, and one of its card."""
    data = (folder / "net.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    offsets = [
        8 + length + draw.randrange(*tensor["data_offsets"])
        for name, tensor in header.items()
        if name != "__metadata__"
    ]
    offsets.append(8 + data[8 : 8 + length].find(b"input_smoothing") + 20)
    found = []
    for offset in offsets:
        (folder / "flipped.safetensors").write_bytes(_flipped(data, offset, draw))
        done = call("stats", ["--check", "flipped.safetensors"], folder, seconds=60)
        found.append(done.code == 1 and not done.ended)  # what it found is on standard output
    return found


def _state(folder: Path, tool: str, words: list[str], output: str) -> list[bool]:
    """A bit of every dataset of a state: the run that resumes must come to the bits of an undisturbed one."""
    whole = folder / f"whole{Path(output).suffix}"
    call(tool, [*words, "-o", whole.name], folder, seconds=300, before=often_saved)
    state = folder / f"{output}.state"
    shutil.rmtree(state, ignore_errors=True)
    (folder / output).unlink(missing_ok=True)
    pid = start(tool, [*words, "-o", output], folder, before=often_saved)
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if [path for path in state.rglob("*.h5") if not path.name.startswith(".")]:
            time.sleep(0.2)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            break
        time.sleep(0.005)
    flips = 0
    for path in state.rglob("*.h5"):
        if path.name.startswith("."):
            continue
        data = bytearray(path.read_bytes())
        with h5py.File(path) as file:
            datasets: list[h5py.Dataset] = []
            file.visititems(lambda _, i, of=datasets: of.append(i) if isinstance(i, h5py.Dataset) else None)
            for item in datasets:
                if item.id.get_offset() is not None:
                    data[item.id.get_offset() + item.nbytes // 2] ^= 0x40
                    flips += 1
        path.write_bytes(data)
    done = call(tool, [*words, "-o", output, "--resume"], folder, seconds=300, before=often_saved)
    right = done.code == 0 and bits(folder / output) == bits(whole)
    if not right:
        print(f"{tool}: {flips} bits of its state flipped: exit {done.code}: {done.err[-200:]}", flush=True)
    for path in (whole, folder / output):
        path.unlink(missing_ok=True)
    return [right] * flips
