"""The formats that are damaged: whole files of each, as their codes write them, and the command that reads them."""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from bench.interop.damage import damaged_binary, damaged_hdf5, damaged_text

HALOS, N, SIZE = 40, 8, 50.0
COSMOLOGY = {"omega_m": 0.3, "h": 0.7}
COMMON = ("--set", f"box.size={SIZE}", "--set", "cosmology.omega_m=0.3")
REDSHIFT = ("--set", "halo.catalogue.redshift=0.0")
Rows = dict[str, np.ndarray]


@dataclass(frozen=True)
class Format:
    """name : of the file; write : the whole file, of these rows; words : of the command that reads it

    group : what the file holds, of what the command writes: "halos", "particles", "noise"
    tool : the command
    """

    name: str
    write: Callable[[Path, Rows], None]
    words: tuple[str, ...]
    damage: Callable[[Path, random.Random], str]
    group: str = "halos"
    tool: str = "halo"


def whole_rows() -> Rows:
    """Halos on a grid of their own, no two alike, particles and noise; all in Mpc/h, km/s and Msun/h."""
    draw = np.random.default_rng(1)
    mass = np.sort(10 ** draw.uniform(12.5, 14.5, HALOS))[::-1]
    position, velocity = draw.uniform(0, SIZE, (HALOS, 3)), draw.normal(0, 300, (HALOS, 3))
    lattice = np.stack(np.meshgrid(*[np.arange(N)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * (SIZE / N)
    particles = (lattice + draw.normal(0, 0.3, lattice.shape)) % SIZE
    return {
        "position": position, "velocity": velocity, "mass": mass, "particles": particles,
        "speeds": draw.normal(0, 200, particles.shape), "noise": draw.normal(size=(N**3, 1)),
    }  # fmt: skip


# --- text ------------------------------------------------------------------------------------------------------------


def _text(header: str, columns: Callable[[Rows], list[np.ndarray]], separator: str) -> Callable[[Path, Rows], None]:
    def write(path: Path, rows: Rows) -> None:
        table = np.column_stack([np.reshape(one, (HALOS, -1)) for one in columns(rows)])
        lines = [separator.join(f"{value:.9g}" for value in row) for row in table]
        path.write_text("\n".join([header, *lines]) + "\n")

    return write


def _radius(rows: Rows) -> np.ndarray:
    """Of 200 times the critical density, Mpc/h."""
    return np.cbrt(3 * rows["mass"] / (4 * np.pi * 200 * 2.775e11))


def _ahf(rows: Rows) -> list[np.ndarray]:
    ones = np.ones(HALOS)
    lengths = [1000 * rows["position"], rows["velocity"], 1000 * _radius(rows)]
    return [np.cumsum(ones), 0 * ones, rows["mass"], 100 * ones, *lengths, 0.5 * ones]


AHF_HEADER = (
    "#ID(1)\thostHalo(2)\tMhalo(4)\tnpart(5)\tXc(6)\tYc(7)\tZc(8)\tVXc(9)\tVYc(10)\tVZc(11)\tRhalo(12)\tlambda(21)"
)


def _rockstar(rows: Rows) -> list[np.ndarray]:
    ones = np.ones(HALOS)
    # Rvir is of mvir, which is a third heavier here.
    return [np.arange(HALOS), 1.3 * rows["mass"], 300 * ones, 200 * ones, 1000 * _radius(rows), 100 * ones,
            rows["position"], rows["velocity"], rows["mass"], -ones, 0.1 * ones]  # fmt: skip


ROCKSTAR_HEADER = "#ID Mvir Vmax Vrms Rvir Np X Y Z VX VY VZ M200c PID Spin"
CSV_COLUMNS = 'halo.catalogue.columns={position=["x","y","z"],velocity=["vx","vy","vz"],mass="m"}'


def _table(rows: Rows) -> list[np.ndarray]:
    return [rows["position"], rows["velocity"], rows["mass"], np.arange(HALOS)]


# --- HDF5 ------------------------------------------------------------------------------------------------------------


def _hdf5(path: Path, rows: Rows) -> None:
    with h5py.File(path, "w") as file:
        for name in ("position", "velocity", "mass"):
            file[name] = rows[name].astype("f8")


def _units(file: h5py.File) -> None:
    units = file.create_group("Parameters").attrs
    units["UnitLength_in_cm"], units["UnitMass_in_g"] = 3.085678e24, 1.989e43
    units["UnitVelocity_in_cm_per_s"] = 1e5


def _snapshot(path: Path, rows: Rows) -> None:
    count = len(rows["particles"])
    with h5py.File(path, "w") as file:
        header = file.create_group("Header").attrs
        header["NumPart_ThisFile"] = header["NumPart_Total"] = np.array([0, count, 0, 0, 0, 0], np.uint32)
        header["MassTable"] = np.array([0, _particle_mass(count), 0, 0, 0, 0])
        header["BoxSize"], header["Time"], header["Redshift"] = SIZE, 1.0, 0.0
        header["NumFilesPerSnapshot"], header["Omega0"], header["HubbleParam"] = 1, 0.3, 0.7
        header["OmegaLambda"] = 0.7
        _units(file)
        group = file.create_group("PartType1")
        group["Coordinates"], group["Velocities"] = rows["particles"], rows["speeds"]
        group["ParticleIDs"] = np.arange(1, count + 1, dtype=np.uint32)


def _particle_mass(count: int) -> float:
    return 27.75 * COSMOLOGY["omega_m"] * SIZE**3 / count


def _groups(path: Path, rows: Rows) -> None:
    mass = rows["mass"] / 1e10
    length = np.rint(mass / _particle_mass(64**3))
    with h5py.File(path, "w") as file:
        header = file.create_group("Header").attrs
        header["Ngroups_ThisFile"] = header["Ngroups_Total"] = HALOS
        header["BoxSize"], header["Time"], header["Redshift"], header["NumFiles"] = SIZE, 1.0, 0.0, 1
        _units(file)
        file["Parameters"].attrs["Omega0"], file["Parameters"].attrs["HubbleParam"] = 0.3, 0.7
        group = file.create_group("Group")
        group["GroupPos"], group["GroupVel"] = rows["position"], rows["velocity"]
        group["GroupMass"], group["GroupLen"] = length * _particle_mass(64**3), length.astype(np.int32)
        group["Group_M_Crit200"], group["Group_R_Crit200"] = mass, _radius(rows)
        group["GroupFirstSub"] = np.arange(HALOS, dtype=np.int32)
        file.create_group("Subhalo")["SubhaloVmax"] = np.full(HALOS, 300.0)


# --- binary ----------------------------------------------------------------------------------------------------------


def _gadget(order: str, named: bool) -> Callable[[Path, Rows], None]:
    """Formats 1 and 2 of Gadget-2, as its user guide has them."""

    def write(path: Path, rows: Rows) -> None:
        count = len(rows["particles"])
        header = struct.pack(
            f"{order}6i6ddd2i6I2i4d2i6Ii", 0, count, 0, 0, 0, 0, 0, _particle_mass(count), 0, 0, 0, 0, 1.0, 0.0, 0, 0,
            0, count, 0, 0, 0, 0, 0, 1, SIZE, 0.3, 0.7, 0.7, 0, 0, *[0] * 6, 0,
        )  # fmt: skip
        blocks = {
            b"HEAD": header.ljust(256, b"\0"),
            b"POS ": rows["particles"].astype(f"{order}f4").tobytes(),
            b"VEL ": rows["speeds"].astype(f"{order}f4").tobytes(),
            b"ID  ": np.arange(1, count + 1, dtype=f"{order}u4").tobytes(),
        }
        data = b""
        for name, block in blocks.items():
            length = struct.pack(f"{order}I", len(block))
            label = struct.pack(f"{order}I4sII", 8, name, len(block) + 8, 8) if named else b""
            data += label + length + block + length
        path.write_bytes(data)

    return write


def _noise(path: Path, rows: Rows) -> None:
    """GRAFIC's records: a slab for every z, x fastest, with the other sign."""
    length = struct.pack("<i", 4 * N * N)
    slabs = -rows["noise"].reshape(N, N, N).transpose(2, 1, 0).astype("<f4")
    path.write_bytes(struct.pack("<6i", 16, N, N, N, 7, 16) + b"".join(length + s.tobytes() + length for s in slabs))


SPHERES = ("--set", "halo.mass_definition=200c")
MAPPED = (*SPHERES, "--set", "halo.catalogue.length_unit=Mpc/h", "--set")
HDF5_COLUMNS = 'halo.catalogue.columns={position="position",velocity="velocity",mass="mass"}'
FRIENDS = ("--set", "halo.mass_definition=fof")
BINARY = (*FRIENDS, "--set", "sim.snapshot.length_unit=Mpc/h")
COSMIC = tuple(
    word for key in ("omega_b=0.05", "h=0.7", "n_s=0.96", "sigma8=0.8") for word in ("--set", f"cosmology.{key}")
)
FORMATS = (
    Format("halos.AHF_halos", _text(AHF_HEADER, _ahf, "\t"), (*REDSHIFT, *SPHERES), damaged_text("\t")),
    Format(
        "halos.csv",
        _text("x,y,z,vx,vy,vz,m,id", _table, ","),
        (*REDSHIFT, *MAPPED, CSV_COLUMNS, "--set", "halo.catalogue.format=csv"),
        damaged_text(","),
    ),
    Format(
        "halos.hdf5", _hdf5, (*REDSHIFT, *MAPPED, HDF5_COLUMNS, "--set", "halo.catalogue.format=hdf5"), damaged_hdf5
    ),
    Format("snapshot.hdf5", _snapshot, FRIENDS, damaged_hdf5, "particles"),
    Format("out_0.list", _text(ROCKSTAR_HEADER, _rockstar, " "), (*REDSHIFT, *SPHERES), damaged_text(" ")),
    Format("fof_subhalo_tab_000.hdf5", _groups, SPHERES, damaged_hdf5),
    Format("snapshot_1", _gadget("<", named=False), BINARY, damaged_binary, "particles"),
    Format("snapshot_2", _gadget(">", named=True), BINARY, damaged_binary, "particles"),
    Format("noise.dat", _noise, COSMIC, damaged_binary, "noise", "ic"),
)
