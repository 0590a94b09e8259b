"""Our universe file read by yt and pynbody, where `make peers` has installed them."""

import subprocess
from pathlib import Path

import numpy as np

from lss.config import Box, Configuration
from lss.files.universe_file import write_universe
from lss.grid.lattice import lattice
from lss.grid.periodic import nearest_image, wrap
from lss.physics.units import particle_mass
from lss.universe import Particles, Universe

PYTHON = Path("build/peers-readers/bin/python")
READER = Path(__file__).resolve().parents[1] / "peer_readers.py"
N, SIZE, REDSHIFT = 16, 50.0, 0.5


def read_back(folder: Path) -> dict[str, bool | None]:
    """yt, pynbody: whether each gives positions, velocities, masses and redshift of ours; null if not installed."""
    if not PYTHON.exists():
        return {"yt": None, "pynbody": None}
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    position = wrap(lattice(N, SIZE) + rng.normal(0, 0.5, (N**3, 3)), SIZE)
    velocity = rng.normal(0, 200, (N**3, 3)).astype(np.float32)
    config = Configuration(box=Box(size=SIZE, n=N))
    path = folder / "universe.hdf5"
    write_universe(Universe.create(config).with_particles([Particles(position, velocity, REDSHIFT)]), path)
    mass = particle_mass(config.cosmology.omega_m, SIZE, N**3)
    return {name: _is_right(name, path, position, velocity, mass) for name in ("yt", "pynbody")}


def _is_right(name: str, path: Path, position: np.ndarray, velocity: np.ndarray, mass: float) -> bool:
    output = path.with_name(f"{name}.npz")
    done = subprocess.run([PYTHON, READER, name, path, output], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{name}: {done.stderr.strip().splitlines()[-1]}", flush=True)
        return False
    found = np.load(output)
    order = np.argsort(found["id"])
    off = {
        "position": float(np.abs(nearest_image(found["position"][order] - position, SIZE)).max() / SIZE),
        "velocity": float(np.abs(found["velocity"][order] - velocity).max() / np.abs(velocity).max()),
        "mass": float(np.abs(found["mass"] / mass - 1).max()),
        "redshift": abs(float(found["redshift"]) - REDSHIFT),
    }
    print(f"{name}: largest relative differences {off}", flush=True)
    # Units of length and mass are constants of nature that the packages know to four digits.
    return off["position"] < 1e-6 and off["velocity"] < 1e-5 and off["mass"] < 5e-4 and off["redshift"] < 1e-6
