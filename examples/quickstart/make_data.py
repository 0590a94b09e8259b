"""How `data/` was made from a Gadget-4 run and its AHF catalogue: python make_data.py RUN_FOLDER [OUTPUT_FOLDER]

truth.h5 holds what a reconstruction is compared with, in half precision: the white noise behind Gadget-4's particles at
z = 127 (from their displacements, the second order taken off), and its matter and velocities at z = 0 on the same grid.
ahf.z0.000.AHF_halos is the catalogue as AHF wrote it.
"""

import shutil
import sys
from pathlib import Path

import h5py
import numpy as np

from lss import fourier
from lss.config import Configuration
from lss.cosmology import growth_factor, growth_factor_2
from lss.lpt import displacements
from lss.mesh import overdensity
from lss.random_field import white_noise_of
from lss.universe import Field, Universe, WhiteNoise
from lss.universe_file import read_universe, write_universe


def linear_field(position: np.ndarray, n: int, box_size: float, omega_m: float, redshift: float) -> np.ndarray:
    """The linear overdensity at z = 0 whose 2LPT displacements lead from the lattice to these particles.

    position : (n^3, 3) float32, Mpc/h, in lattice order; returns (n, n, n) float32
    """
    lattice = np.indices((n, n, n), dtype=np.float64).reshape(3, -1).T * (box_size / n)
    moved = (position - lattice + box_size / 2) % box_size - box_size / 2
    psi = moved.reshape(n, n, n, 3)
    a = 1 / (1 + redshift)
    delta = divergence(psi, box_size) / -growth_factor(a, omega_m)
    for _ in range(3):  # the second order depends on the field: a fixed point, reached at once at high redshift
        _, psi2 = displacements(delta.astype(np.float32), box_size)
        delta = divergence(psi - growth_factor_2(a, omega_m) * psi2, box_size) / -growth_factor(a, omega_m)
    return delta.astype(np.float32)


def divergence(vector: np.ndarray, box_size: float) -> np.ndarray:
    """Divergence of a periodic vector field (n, n, n, 3), spectral."""
    n = len(vector)
    modes = sum(
        1j * k * fourier.forward(np.ascontiguousarray(vector[..., i], dtype=np.float32))
        for i, k in enumerate(fourier.wavenumbers(n, box_size))
    )
    return fourier.inverse(np.asarray(modes, np.complex64), n)


def main(run: Path, output: Path) -> None:
    """Write the two files."""
    config = Configuration()
    start = read_universe(run / "snapshot_z127.hdf5")
    box, omega_m = start.box, config.cosmology.omega_m
    linear = linear_field(start.particles.position, box.n, box.size, omega_m, start.particles.redshift)
    noise = white_noise_of(linear, config.cosmology, box.size)
    end = read_universe(run / "snapshot_z0.hdf5").particles
    universe = Universe(config.cosmology, box, {"box": box.model_dump(), "cosmology": config.cosmology.model_dump()})
    universe = universe.with_noise(WhiteNoise(noise.astype(np.float16), seed=-1))
    matter = overdensity(end.position, box.n, box.size, "cic")
    universe = universe.with_field("matter", Field(matter.astype(np.float16), assignment="cic"))
    write_universe(universe, output / "truth.h5")
    with h5py.File(output / "truth.h5", "r") as file:
        print(f"rms of the white noise {file['ic/white_noise'][()].astype(np.float32).std():.4f}")
    shutil.copyfile(run / "ahf.z0.000.AHF_halos", output / "ahf.z0.000.AHF_halos")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent / "data")
