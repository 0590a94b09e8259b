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

from lss.config import Configuration
from lss.files.universe_file import read_universe, write_universe
from lss.grid.mesh import overdensity
from lss.physics.lpt import linear_field
from lss.physics.random_field import white_noise_of
from lss.universe import Field, Universe, WhiteNoise


def main(run: Path, output: Path) -> None:
    """Write the two files."""
    config = Configuration()
    start = read_universe(run / "snapshot_z127.hdf5")
    box, omega_m = start.box, config.cosmology.omega_m
    linear = linear_field(start.particles.position, box.size, omega_m, start.particles.redshift)
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
