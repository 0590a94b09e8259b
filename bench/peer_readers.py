"""Run by build/peers-readers/bin/python: a universe file as yt or pynbody reads it.

Usage: peer_readers.py yt|pynbody FILE OUTPUT.npz. Writes positions (comoving Mpc/h), peculiar velocities (km/s), the
particles' mass (Msun/h) and the redshift, all in the units that the package says they have.
"""

import sys

import numpy as np


def by_yt(path: str) -> dict[str, np.ndarray]:
    import h5py
    import yt

    yt.set_log_level("error")
    with h5py.File(path) as file:  # yt takes lengths for kpc/h unless it is told
        units = {name: float(value) for name, value in file["Units"].attrs.items() if name.startswith("Unit")}
    data = yt.load(path, unit_base=units)
    particles = data.all_data()
    h = data.hubble_constant
    return {
        "id": particles["PartType1", "ParticleIDs"].v,
        "position": particles["PartType1", "particle_position"].to("Mpccm/h").v,
        "velocity": particles["PartType1", "particle_velocity"].to("km/s").v,
        "mass": particles["PartType1", "particle_mass"].to("Msun").v * h,
        "redshift": np.array(data.current_redshift),
    }


def by_pynbody(path: str) -> dict[str, np.ndarray]:
    import pynbody

    data = pynbody.load(path)
    dm, a, h = data.dm, data.properties["a"], data.properties["h"]
    return {
        "id": np.asarray(dm["iord"]),
        "position": np.asarray(dm["pos"].in_units("Mpc a h^-1", a=a, h=h)),
        "velocity": np.asarray(dm["vel"].in_units("km s^-1", a=a, h=h)),
        "mass": np.asarray(dm["mass"].in_units("Msol h^-1", a=a, h=h)),
        "redshift": np.array(1 / a - 1),
    }


if __name__ == "__main__":
    reader, path, output = sys.argv[1:]
    np.savez(output, **{"yt": by_yt, "pynbody": by_pynbody}[reader](path))
