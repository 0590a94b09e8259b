"""Damaged files of other codes: each is read right, or refused in one line. What is right is known from the whole file.

Text: columns that are missing, from the header or from the rows; rows that are short or long; values that are no
numbers, not finite, negative or absurd; other encodings; headers alone. HDF5 and binary: datasets that are missing,
short or of another type, values that cannot be, headers that are wrong, and files that are cut off. A flipped bit in a
number is left out: without checksums nobody can tell it from another number.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from bench.reliability.forks import Done, call, warm_up
from bench.reliability.mutations import ODD, structural

HALOS, N, SIZE = 40, 8, 50.0
COSMOLOGY = {"omega_m": 0.3, "h": 0.7}
COMMON = ["--set", f"box.size={SIZE}", "--set", "cosmology.omega_m=0.3", "--set", "halo.catalogue.redshift=0.0"]
CELLS = ("nan", "inf", "-inf", "-99", "-1e30", "1e30", "", "abc", "1.2.3", "1e400", "0x10", "1;2", '"', "\x00", "٣")
ROUNDING = 2e-3  # of the largest value: half precision and whole km/s are read as what they are
COLUMNS = ("position", "velocity", "mass")
Rows = dict[str, np.ndarray]


@dataclass(frozen=True)
class Format:
    """name : of the file; write : the whole file, of these rows; words : of the command that reads it"""

    name: str
    write: Callable[[Path, Rows], None]
    words: tuple[str, ...]
    damage: Callable[[Path, random.Random], str]
    group: str = "halos"


def measured(work: Path, count: int, seed: int = 1) -> dict[str, int]:
    """damaged_tried, damaged_tracebacks (crashes, hangs and excesses among them), damaged_silent; `count` a format."""
    warm_up()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    tried = faults = silent = 0
    for of in FORMATS:
        draw, rows = random.Random(f"{of.name} {seed}"), whole_rows()
        whole = work / f"whole-{of.name}"
        of.write(whole, rows)
        right = _found(of, whole, work)
        if right[1] is None or is_wrong(right[1], rows):
            raise RuntimeError(f"{of.name}: the whole file is not read right: {right[0].err}")
        for _ in range(count):
            path = work / of.name
            shutil.copy(whole, path)
            kind = of.damage(path, draw)
            done, found = _found(of, path, work)
            wrong = found is not None and is_wrong(found, rows)
            tried, faults, silent = tried + 1, faults + bool(done.fault), silent + wrong
            if done.fault or wrong:
                kept = work / f"found-{tried}-{of.name}"
                shutil.copy(path, kept)
                print(f"{kept.name}: {done.fault or 'silent'}: {kind}: {done.err.strip()[-200:]}", flush=True)
    return {"damaged_tried": tried, "damaged_tracebacks": faults, "damaged_silent": silent}


def whole_rows() -> Rows:
    """Halos on a grid of their own, no two alike, and particles; all in Mpc/h, km/s and Msun/h."""
    draw = np.random.default_rng(1)
    mass = np.sort(10 ** draw.uniform(12.5, 14.5, HALOS))[::-1]
    position, velocity = draw.uniform(0, SIZE, (HALOS, 3)), draw.normal(0, 300, (HALOS, 3))
    lattice = np.stack(np.meshgrid(*[np.arange(N)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * (SIZE / N)
    particles = (lattice + draw.normal(0, 0.3, lattice.shape)) % SIZE
    return {
        "position": position, "velocity": velocity, "mass": mass, "particles": particles,
        "speeds": draw.normal(0, 200, particles.shape),
    }  # fmt: skip


def _found(of: Format, path: Path, work: Path) -> tuple[Done, Rows | None]:
    """How the command ended, and the rows that it read, if it says that it read any."""
    output = work / "x.h5"
    output.unlink(missing_ok=True)
    done = call("halo", [path.name, "-o", output.name, *COMMON, *of.words], work, seconds=10)
    if done.code or not output.exists():
        return done, None
    with h5py.File(output) as file:
        if of.group == "halos":
            return done, {name: file["halos"][name][()] for name in COLUMNS if name in file["halos"]}
        particles = file["PartType1"]
        return done, {"particles": particles["Coordinates"][()], "speeds": particles["Velocities"][()]}


def is_wrong(found: Rows, rows: Rows) -> bool:
    """Whether a row is none of the file's, or a particle is missing. Fewer halos are a shorter table, and no error."""
    known = [rows[name] for name in found]
    count = len(next(iter(found.values())))
    if "particles" in found and count != len(rows["particles"]):
        return True
    if not count:
        return False
    table = np.concatenate([np.reshape(one, (len(one), -1)) for one in known], axis=1)
    read = np.concatenate([np.reshape(one, (count, -1)) for one in found.values()], axis=1)
    scale = np.maximum(np.abs(table).max(axis=0), 1e-30)
    distance = np.abs(read[:, None] - table[None]) / scale
    return bool((distance.max(axis=2).min(axis=1) > ROUNDING).any())


# --- text ------------------------------------------------------------------------------------------------------------


def _text(header: str, columns: Callable[[Rows], list[np.ndarray]], separator: str) -> Callable[[Path, Rows], None]:
    def write(path: Path, rows: Rows) -> None:
        table = np.column_stack([np.reshape(one, (HALOS, -1)) for one in columns(rows)])
        lines = [separator.join(f"{value:.9g}" for value in row) for row in table]
        path.write_text("\n".join([header, *lines]) + "\n")

    return write


def _damaged_text(separator: str) -> Callable[[Path, random.Random], str]:
    def damage(path: Path, draw: random.Random) -> str:
        header, *lines = path.read_text().splitlines()
        names, table = header.split(separator), [line.split(separator) for line in lines]
        column, row = draw.randrange(len(names)), draw.randrange(len(table))
        kind = draw.choice(
            ("no column", "no name", "no values", "short", "long", "cell", "cell", "cell", "column", "encoding",
             "header alone", "no header", "empty", "cut", "shuffled", "twice", "blank")
        )  # fmt: skip
        if kind in ("no column", "no name"):
            names.pop(column)
        if kind in ("no column", "no values"):
            table = [one[:column] + one[column + 1 :] for one in table]
        if kind == "short":
            table[row] = table[row][: draw.randrange(len(names))]
        if kind == "long":
            table[row].insert(column, "1.5")
        if kind == "cell":
            table[row][column] = _cell(names[column], draw)
        if kind == "column":
            cell = _cell(names[column], draw)
            for one in table:
                one[column] = cell
        if kind == "shuffled":
            draw.shuffle(table)
        if kind == "twice":
            names[column] = names[draw.randrange(len(names))]
        if kind == "blank":
            table.insert(row, [""])
        header = separator.join(names)
        text = "\n".join([header, *(separator.join(one) for one in table)]) + "\n"
        if kind == "header alone":
            text = header + "\n"
        if kind == "no header":
            text = text.partition("\n")[2]
        if kind == "empty":
            text = draw.choice(["", "\n", "#", "\n\n\n"])
        data = text.encode()
        if kind == "cut":  # inside the last line that is left, but for its last column, which no reader needs
            end = draw.randrange(len(header), len(data))
            data = data[:end]
        if kind == "encoding":
            data = draw.choice(
                [text.encode("utf-16"), text.encode("utf-32"), b"\xef\xbb\xbf" + data, data.replace(b"\n", b"\r\n"),
                 data.replace(b"\n", b"\r"), data.replace(b"1", b"\xb9", 1), data.replace(b"e", b"\xe9", 1),
                 b"\x1f\x8b" + data]
            )  # fmt: skip
        path.write_bytes(data)
        return kind

    return damage


def _cell(name: str, draw: random.Random) -> str:
    """What stands where a number stood. -99 km/s is as good a velocity as any other."""
    return draw.choice([cell for cell in CELLS if cell != "-99" or not name.lower().startswith("v")])


def _ahf(rows: Rows) -> list[np.ndarray]:
    ones = np.ones(HALOS)
    radius = (3 * rows["mass"] / (4 * np.pi * 200 * 2.775e11)) ** (1 / 3)
    lengths = [1000 * rows["position"], rows["velocity"], 1000 * radius]
    return [np.cumsum(ones), 0 * ones, rows["mass"], 100 * ones, *lengths, 0.5 * ones]


AHF_HEADER = (
    "#ID(1)\thostHalo(2)\tMhalo(4)\tnpart(5)\tXc(6)\tYc(7)\tZc(8)\tVXc(9)\tVYc(10)\tVZc(11)\tRhalo(12)\tlambda(21)"
)
CSV_COLUMNS = 'halo.catalogue.columns={position=["x","y","z"],velocity=["vx","vy","vz"],mass="m"}'


def _table(rows: Rows) -> list[np.ndarray]:
    return [rows["position"], rows["velocity"], rows["mass"], np.arange(HALOS)]


# --- HDF5 and binary -------------------------------------------------------------------------------------------------


def _hdf5(path: Path, rows: Rows) -> None:
    with h5py.File(path, "w") as file:
        for name in COLUMNS:
            file[name] = rows[name].astype("f8")


def _snapshot(path: Path, rows: Rows) -> None:
    count = len(rows["particles"])
    with h5py.File(path, "w") as file:
        header = file.create_group("Header").attrs
        header["NumPart_ThisFile"] = header["NumPart_Total"] = np.array([0, count, 0, 0, 0, 0], np.uint32)
        header["MassTable"] = np.array([0, 27.75 * COSMOLOGY["omega_m"] * SIZE**3 / count, 0, 0, 0, 0])
        header["BoxSize"], header["Time"], header["Redshift"] = SIZE, 1.0, 0.0
        header["NumFilesPerSnapshot"], header["Omega0"], header["HubbleParam"] = 1, 0.3, 0.7
        header["OmegaLambda"] = 0.7
        units = file.create_group("Parameters").attrs
        units["UnitLength_in_cm"], units["UnitMass_in_g"] = 3.085678e24, 1.989e43
        units["UnitVelocity_in_cm_per_s"] = 1e5
        group = file.create_group("PartType1")
        group["Coordinates"], group["Velocities"] = rows["particles"], rows["speeds"]
        group["ParticleIDs"] = np.arange(1, count + 1, dtype=np.uint32)


def _damaged_hdf5(path: Path, draw: random.Random) -> str:
    if draw.random() < 0.25:
        data = path.read_bytes()
        path.write_bytes(data[: draw.randrange(len(data))])
        return "cut"
    with h5py.File(path, "r+") as file:
        if "Header" in file and draw.random() < 0.4:
            name = draw.choice(sorted(file["Header"].attrs))
            if draw.random() < 0.3:
                del file["Header"].attrs[name]
                return f"no {name}"
            file["Header"].attrs[name] = draw.choice(ODD)
            return f"odd {name}"
        return structural(file, draw) if draw.random() < 0.7 else _impossible(file, draw)


def _impossible(file: h5py.File, draw: random.Random) -> str:
    """A value that no halo or particle has; -1 km/s and 0 Mpc/h are as good as others."""
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    item = draw.choice([one for one in found if one.dtype.kind == "f"])
    array = item[()]
    values = [np.nan, np.inf, -np.inf, 1e38] + ([-1.0, 0.0] if "mass" in item.name else [])
    array.reshape(-1)[draw.randrange(array.size)] = draw.choice(values)
    item[...] = array
    return "value"


CSV = _text("x,y,z,vx,vy,vz,m,id", _table, ",")
SPHERES = ("--set", "halo.mass_definition=200c")
MAPPED = (*SPHERES, "--set", "halo.catalogue.length_unit=Mpc/h", "--set")
HDF5_COLUMNS = 'halo.catalogue.columns={position="position",velocity="velocity",mass="mass"}'
FORMATS = (
    Format("halos.AHF_halos", _text(AHF_HEADER, _ahf, "\t"), SPHERES, _damaged_text("\t")),
    Format("halos.csv", CSV, (*MAPPED, CSV_COLUMNS, "--set", "halo.catalogue.format=csv"), _damaged_text(",")),
    Format("halos.hdf5", _hdf5, (*MAPPED, HDF5_COLUMNS, "--set", "halo.catalogue.format=hdf5"), _damaged_hdf5),
    Format("snapshot.hdf5", _snapshot, ("--set", "halo.mass_definition=fof"), _damaged_hdf5, "particles"),
)
