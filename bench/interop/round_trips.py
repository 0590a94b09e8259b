"""What is written comes back to the last bit, format by format."""

import tempfile
from pathlib import Path

import h5py
import numpy as np

from lss.config import Box, Configuration, Cosmology, validate
from lss.files.universe_file import read_universe, write_universe
from lss.grid.lattice import lattice
from lss.grid.periodic import wrap
from lss.universe import Particles, Universe
from lss_halo import stage

N, SIZE = 16, 50.0


def run() -> dict[str, bool]:
    """Format -> whether positions, velocities and masses are the same bits after writing and reading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        return {
            "universe": _universe(path / "u.h5"),
            "gadget-hdf5": _snapshot(path / "s.hdf5"),
            "csv": _csv(path / "halos.csv"),
        }


def _example() -> Universe:
    rng = np.random.default_rng(1)
    position = wrap(lattice(N, SIZE) + rng.normal(0, 0.5, (N**3, 3)), SIZE)
    velocity = rng.normal(0, 200, (N**3, 3)).astype(np.float32)
    config = Configuration(cosmology=Cosmology(), box=Box(size=SIZE, n=N))
    return Universe.create(config).with_particles([Particles(position, velocity, 0.0)])


def _same(one: Universe, other: Universe) -> bool:
    a, b = one.particles, other.particles
    return bool(np.array_equal(a.position, b.position) and np.array_equal(a.velocity, b.velocity))


def _universe(path: Path) -> bool:
    universe = _example()
    write_universe(universe, path)
    return _same(read_universe(path), universe)


def _snapshot(path: Path) -> bool:
    """Our file without what makes it ours is another code's snapshot."""
    universe = _example()
    write_universe(universe, path)
    with h5py.File(path, "r+") as file:
        for name in list(file.attrs):
            del file.attrs[name]
    return _same(read_universe(path), universe)


def _csv(path: Path) -> bool:
    rng = np.random.default_rng(2)
    position, velocity = (rng.random((300, 3)) * SIZE).astype("f4"), rng.normal(0, 300, (300, 3)).astype("f4")
    mass = np.sort((10 ** rng.uniform(13, 15, 300)).astype("f4"))[::-1]
    np.savetxt(path, np.c_[position, velocity, mass], fmt="%.9g", delimiter=",", header="x,y,z,u,v,w,m", comments="")
    columns = {"position": ["x", "y", "z"], "velocity": ["u", "v", "w"], "mass": "m"}
    catalogue = {"format": "csv", "length_unit": "Mpc/h", "columns": columns, "redshift": 0.0}
    settings = {
        "halo": {"catalogue": catalogue, "mass_definition": "200c"},
        "box": {"size": SIZE},
        "cosmology": {"omega_m": 0.3},
    }
    halos = stage.read_foreign(path, validate(stage.Config, settings, "bench.interop")).halos
    found = (halos.position, halos.velocity, halos.mass)
    return all(np.array_equal(a, b) for a, b in zip(found, (position, velocity, mass), strict=True))
