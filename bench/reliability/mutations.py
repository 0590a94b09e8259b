"""Damaged inputs in forked processes that have everything loaded: bit flips, truncations, structure, values, types.

What a checksum covers must be refused, or read to the bits of the undamaged file.
"""

import random
import shutil
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bench.reliability.forks import Done, call
from bench.reliability.small_chain import RECON, copy

ODD = (
    np.nan,
    np.inf,
    -1.0,
    0.0,
    1e38,
    "text",
    "",
    np.bytes_(b"a\x00b"),
    np.zeros(0),
    np.arange(5),
    2**62,
    True,
    "9" * 5000,
)
ODD_TOML = (
    "nan", "inf", "-1", "0", "1e400", "9" * 30, "true", '""', "[]", "[1]", "[[]]", "{}", '"\\u0000"', "1979-05-27",
    '"../../etc/passwd"', "-0.0", '"/dev/null"', "2147483648", '"' + "y" * 3000 + '"', "[" * 500, "{a=" * 500,
)  # fmt: skip
SOURCES = ("halo.h5", "sim.h5", "ic.h5", "observed.h5")
READERS = (
    ("stats", ["{f}", "--digest"]), ("stats", ["{f}", "--digest"]), ("stats", ["{f}", "--digest"]),
    ("sim", ["{f}", "--dry-run"]), ("halo", ["{f}", "--dry-run"]), ("stats", ["{f}", "--print-config"]),
    ("recon", ["{f}", "--dry-run", *RECON]), ("halo", ["{f}", "-o", "x.h5"]), ("ic", ["{f}", "-o", "x.h5"]),
)  # fmt: skip
TOML_READERS = (
    ("ic", ["m.toml", "--dry-run"]), ("sim", ["m.toml", "ic.h5", "--dry-run"]), ("recon", ["m.toml", "--print-config"]),
    ("halo", ["m.toml", "sim.h5", "--dry-run"]), ("train", ["m.toml", "set.h5", "--dry-run"]),
)  # fmt: skip
FAMILIES = ("universe",) * 5 + ("toml",) * 2 + ("checkpoint", "set", "catalogue")
AHF = (
    "#ID(1)\thostHalo(2)\tnumSubStruct(3)\tMvir(4)\tnpart(5)\tXc(6)\tYc(7)\tZc(8)\tVXc(9)\tVYc(10)\tVZc(11)\tRvir(12)\n"
)


def measured(base: Path, work: Path, count: int, seed: int = 1) -> dict[str, int]:
    """mutations, tracebacks, crashes, hangs, over_memory, silent_wrong."""
    folder, draw = copy(base, work / f"mutations-{seed}"), random.Random(seed)
    right = {name: call("stats", [name, "--digest"], folder, seconds=60).out for name in SOURCES}
    catalogue(folder / "halos.AHF_halos")
    faults: Counter[str] = Counter()
    done_of = {"universe": _universe, "toml": _toml, "checkpoint": _checkpoint, "set": _set, "catalogue": _catalogue}
    for number in range(count):
        family = draw.choice(FAMILIES)
        try:
            kind, done, wrong = done_of[family](folder, draw, right)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, OverflowError) as error:
            kind, done, wrong = f"not made: {error}", Done(0, b"", "", 0, ""), False
        fault = done.fault or ("silent_wrong" if wrong else "")
        faults[fault] += 1
        if fault:
            _keep(folder, number, family, fault)
            print(f"{number}: {fault}: {family}, {kind}: {done.err.strip()[-300:]}", flush=True)
    names = {"tracebacks": "traceback", "crashes": "crash", "hangs": "timeout", "over_memory": "memory"}
    found = {key: faults[name] for key, name in names.items()}
    return {"mutations": count, **found, "silent_wrong": faults["silent_wrong"] + faults["silent"]}


def _keep(folder: Path, number: int, family: str, fault: str) -> None:
    """The input that made a fault, for whoever mends it."""
    kept = folder.parent / "found"
    kept.mkdir(exist_ok=True)
    for path in folder.glob("m.*"):
        shutil.copy(path, kept / f"{number}-{family}-{fault}{path.suffix}")


def damaged(data: bytes, draw: random.Random) -> tuple[bytes, str]:
    """A file's bytes with one kind of damage, and the kind."""
    changed = bytearray(data)
    at = draw.randrange(len(changed))
    kind = draw.choice(("flips", "front", "truncated", "block", "removed", "inserted", "structure"))
    if kind == "flips":
        for _ in range(draw.choice([1, 1, 4, 40, 400])):
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    elif kind == "front":
        for _ in range(draw.choice([1, 3, 20])):
            changed[draw.randrange(min(len(changed), 12000))] = draw.randrange(256)
    elif kind == "truncated":
        changed = changed[:at]
    elif kind == "block":
        size = draw.choice([1, 8, 512, 4096])
        changed[at : at + size] = draw.randbytes(size)
    elif kind == "removed":
        del changed[at : at + draw.choice([1, 8, 512])]
    elif kind == "inserted":
        changed[at:at] = bytes(draw.choice([1, 8, 512]))
    else:
        start = max(data.find(draw.choice([b"TREE", b"SNOD", b"HEAP", b"OHDR", b"GCOL"])), 0)
        field = min(start + draw.randrange(64), len(changed) - 8)
        changed[field : field + 8] = draw.choice([b"\xff" * 8, bytes(8), struct.pack("<Q", start), draw.randbytes(8)])
    return bytes(changed), kind


def _universe(folder: Path, draw: random.Random, right: dict[str, bytes]) -> tuple[str, Done, bool]:
    source, path = draw.choice(SOURCES), folder / "m.h5"
    if raw := draw.random() < 0.6:
        data, kind = damaged((folder / source).read_bytes(), draw)
        path.write_bytes(data)
    else:
        shutil.copy(folder / source, path)
        change = draw.choice(CHANGES)
        kind = change.__name__.strip("_")
        with h5py.File(path, "r+") as file:
            change(file, draw)
    tool, words = draw.choice(READERS)
    (folder / "x.h5").unlink(missing_ok=True)
    done = call(tool, [word.format(f="m.h5") for word in words], folder, seconds=10)
    # Whoever wrote new structure into a file is believed; damage to what a checksum covers is not.
    wrong = raw and "--digest" in words and done.code == 0 and done.out.split()[0] != right[source].split()[0]
    return kind, done, wrong


def _items(file: h5py.File) -> tuple[list[Any], list[Any]]:
    groups: list[Any] = [file]
    datasets: list[Any] = []
    file.visititems(lambda _, item: (groups if isinstance(item, h5py.Group) else datasets).append(item))
    return groups, datasets


def _attribute(file: h5py.File, draw: random.Random) -> None:
    item = draw.choice([one for part in _items(file) for one in part if len(one.attrs)])
    name = draw.choice(list(item.attrs))
    if draw.random() < 0.3:
        del item.attrs[name]
    else:
        item.attrs[name] = draw.choice(ODD)


def _values(file: h5py.File, draw: random.Random) -> None:
    item = draw.choice([one for one in _items(file)[1] if one.dtype.kind == "f" and one.size])
    array = item[()]
    array.reshape(-1)[draw.randrange(array.size)] = draw.choice([np.nan, np.inf, 1e38, -1.0, 0.0])
    item[...] = array


def _shape(file: h5py.File, draw: random.Random) -> None:
    item = draw.choice(_items(file)[1])
    name, array, attrs = item.name, item[()], dict(item.attrs)
    del file[name]
    flat = np.ravel(array)
    shapes = (flat[:-1], flat[:0], array[..., None], np.concatenate([flat, flat]), array.T, array[None])
    new = file.create_dataset(name, data=draw.choice(shapes))
    for key, value in attrs.items():
        new.attrs[key] = value


def _type(file: h5py.File, draw: random.Random) -> None:
    item = draw.choice(_items(file)[1])
    name, array = item.name, item[()]
    kind = draw.choice(["f8", "f2", "i4", "u1", "S4", "bool", ">f4", "c8", "text", "compound", "vlen", "reference"])
    del file[name]
    if kind == "text":
        file.create_dataset(name, data=["a"] * 3, dtype=h5py.string_dtype())
    elif kind == "compound":
        file.create_dataset(name, data=np.zeros(array.shape, [("x", "f4"), ("y", "i4")]))
    elif kind == "vlen":
        file.create_dataset(name, (2,), dtype=h5py.vlen_dtype("f4"))
    elif kind == "reference":
        file.create_dataset(name, data=file["/"].ref, dtype=h5py.ref_dtype)
    else:
        with np.errstate(all="ignore"):
            file.create_dataset(name, data=array.astype(kind))


def _gone(file: h5py.File, draw: random.Random) -> None:
    groups, datasets = _items(file)
    name = draw.choice(groups[1:] + datasets).name
    was_group = isinstance(file[name], h5py.Group)
    del file[name]
    if draw.random() < 0.5:
        file[name] = np.arange(4.0) if was_group else file.create_group(f"{name}-before")


def _absurd(file: h5py.File, draw: random.Random) -> None:
    name = draw.choice(["ic/white_noise", "halos/mass", "PartType1/Coordinates", "extra", "fields/matter/value"])
    if name in file:
        del file[name]
    shape = draw.choice([(10**6,) * 3, (2**40,), (10**9, 3), (0, 2**60), (10**5,) * 3])
    chunks = tuple(min(max(side, 1), 8) for side in shape)
    file.create_dataset(name, shape=shape, dtype="f4", chunks=chunks, maxshape=(None,) * len(shape))


def _deep(file: h5py.File, draw: random.Random) -> None:
    group: Any = file
    for _ in range(draw.choice([50, 300, 1200])):
        group = group.create_group("d")
    group["x"] = 1.0


def _wide(file: h5py.File, draw: random.Random) -> None:
    group = file.create_group("wide")
    for i in range(draw.choice([300, 1500])):
        group.create_group(f"g{i}").attrs["x"] = 1


def _config(file: h5py.File, draw: random.Random) -> None:
    file.attrs["config"] = _odd_toml(str(file.attrs["config"]), draw)


CHANGES: tuple[Callable[[h5py.File, random.Random], None], ...] = (
    _attribute, _attribute, _values, _shape, _type, _gone, _absurd, _deep, _wide, _config,
)  # fmt: skip


def structural(file: h5py.File, draw: random.Random) -> str:
    """Change the structure of an HDF5 file, of whatever code; returns the kind."""
    change = draw.choice((_shape, _type, _gone, _absurd, _deep, _wide))
    change(file, draw)
    return change.__name__.strip("_")


def _odd_toml(text: str, draw: random.Random) -> str:
    lines = text.splitlines() or [""]
    keys = [i for i, line in enumerate(lines) if " = " in line]
    if keys and draw.random() < 0.6:
        i = draw.choice(keys)
        lines[i] = lines[i].split(" = ")[0] + " = " + draw.choice(ODD_TOML)
    elif keys and draw.random() < 0.3:
        lines.insert(0, lines[draw.choice(keys)])
    elif draw.random() < 0.4:
        return text[: draw.randrange(len(text) + 1)]
    else:
        i = draw.randrange(len(lines))
        lines[i] = "".join(draw.choice([c, c, c, chr(draw.randrange(1, 0x2FFF))]) for c in lines[i])
    return "\n".join(lines) + "\n"


def _toml(folder: Path, draw: random.Random, right: dict[str, bytes]) -> tuple[str, Done, bool]:
    tool, words = draw.choice(TOML_READERS)
    data = _odd_toml((folder / "u.toml").read_text(), draw).encode("utf-8", "surrogatepass")
    if draw.random() < 0.3:
        data, _ = damaged(data or b"x", draw)
    (folder / "m.toml").write_bytes(data)
    return "toml", call(tool, words, folder, seconds=10), False


def _checkpoint(folder: Path, draw: random.Random, right: dict[str, bytes]) -> tuple[str, Done, bool]:
    whole = (folder / "net.safetensors").read_bytes()
    data, kind = damaged(whole, draw)
    (folder / "m.safetensors").write_bytes(data)
    if draw.random() < 0.5:
        words = ["observed.h5", "--dry-run", "--set", "recon.checkpoint=m.safetensors"]
        return kind, call("recon", words, folder, seconds=10), False  # reads the card alone
    done = call("stats", ["--check", "m.safetensors"], folder, seconds=10)
    return kind, replace(done, err=done.out.decode("utf-8", "replace")), done.code == 0 and data != whole


def _set(folder: Path, draw: random.Random, right: dict[str, bytes]) -> tuple[str, Done, bool]:
    data, kind = damaged((folder / "set.h5").read_bytes(), draw)
    (folder / "m.h5").write_bytes(data)
    return kind, call("train", ["u.toml", "m.h5", "--dry-run"], folder, seconds=10), False


def _catalogue(folder: Path, draw: random.Random, right: dict[str, bytes]) -> tuple[str, Done, bool]:
    data, kind = damaged((folder / "halos.AHF_halos").read_bytes(), draw)
    (folder / "m.AHF_halos").write_bytes(data)
    words = ["u.toml", "m.AHF_halos", "-o", "x.h5", "--set", "halo.mass_definition=vir"]
    (folder / "x.h5").unlink(missing_ok=True)
    return kind, call("halo", words, folder, seconds=10), False


def catalogue(path: Path) -> None:
    """A halo catalogue as AHF writes it (positions in kpc/h), of 40 halos."""
    draw = np.random.default_rng(1)
    rows = []
    for i in range(40):
        x, y, z = draw.random(3) * 31250
        rows.append(
            f"{i}\t0\t0\t{1e14 / (i + 1):.6g}\t{1000 // (i + 1) + 20}\t{x:.4f}\t{y:.4f}\t{z:.4f}\t1\t2\t3\t300\n"
        )
    path.write_text(AHF + "".join(rows))
