"""AHF catalogues (Knollmann & Knebe 2009): `_halos`, one line a halo under a header of names, and `_particles`.

A parallel run leaves several, PREFIX.0000.z0.000.AHF_halos, PREFIX.0001..., which are read together. Box and matter
density stand in the log beside them: PREFIX.log or PREFIX.0000.log, "simu.boxsize : 125".
"""

import math
import re
from pathlib import Path

import numpy as np

from lss.errors import ConfigError, DataError
from lss.trust import stated
from lss.universe import Members
from lss_halo.catalogues.foreign import BOX, OMEGA_M, REDSHIFT, Foreign
from lss_halo.catalogues.parts import parts_of, read_parts
from lss_halo.catalogues.text_table import read_lines
from lss_halo.config import Catalogue, Config

# Ours: AHF's names for it, of several versions.
AHF_SCALARS = {
    "mass": ("Mvir", "Mhalo"),
    "n_particles": ("npart",),
    "radius": ("Rvir", "Rhalo"),
    "r_max": ("Rmax",),
    "v_max": ("Vmax",),
    "velocity_dispersion": ("sigV",),
    "concentration": ("cNFW",),
    "spin": ("lambda",),
}
LENGTHS = ("position", "radius", "r_max")
NAME = re.compile(r"(?P<prefix>.*?)(?:\.\d{4})?\.z(?P<redshift>\d+\.\d+)\.AHF_halos(?:\.gz|\.bz2)?", re.DOTALL)
PARTS = r"(?P<before>.*\.)(?P<number>\d{4})(?P<after>\.z\d+\.\d+\.AHF_halos(?:\.gz|\.bz2)?)"
LOG_LINE = re.compile(r"^\W*simu\.(omega0|lambda0|boxsize)\s*:\s*(\S+)", re.MULTILINE)
FLAT = 1e-3  # what the log's rounding leaves
LOGGED = {"omega0": OMEGA_M, "boxsize": BOX}


def read(path: Path, catalogue: Catalogue, config: Config) -> Foreign:
    """An `_halos` file: its hosts, unless subhalos are asked for; AHF's velocities are peculiar km/s.

    The members are those of the `_particles` file that `catalogue.members` names.
    Raises DataError when it is no such file, a column is missing, or the two files do not belong together.
    """
    paths = parts_of(path, PARTS)
    if catalogue.members and len(paths) > 1:
        raise ConfigError(f"{path}: one of {len(paths)} files; [halo.catalogue] members are read of a run in one only")
    table = read_parts(paths)
    columns = {
        "position": np.stack([table.column(path, name) for name in ("Xc", "Yc", "Zc")], axis=1),
        "mass": table.column(path, *AHF_SCALARS["mass"]),
        "n_particles": table.column(path, *AHF_SCALARS["n_particles"]),
    }
    if table.has_any("VXc", "VYc", "VZc"):
        columns["velocity"] = np.stack([table.column(path, name) for name in ("VXc", "VYc", "VZc")], axis=1)
    for ours, theirs in AHF_SCALARS.items():
        if table.has_any(*theirs):
            columns[ours] = table.column(path, *theirs)
    for name in LENGTHS:
        if name in columns:
            columns[name] = columns[name] * catalogue.length_in_mpc
    host = table.whole(path, "hostHalo")
    # Hosts have -1 where halos are numbered from 0, else 0.
    is_host = host == (-1 if (host == -1).any() else 0)
    kept = np.full(len(host), True) if catalogue.subhalos else is_host
    members = Path(stated(catalogue.members)) if catalogue.members else None
    listed = read_ahf_particles(members, columns["n_particles"], kept) if members else None
    return Foreign({name: column[kept] for name, column in columns.items()}, listed, _facts(path))


def _facts(path: Path) -> dict[str, float | str]:
    """The redshift of a name as AHF gives it, "ahf.z0.500.AHF_halos"; box and matter density of the log beside it.

    Raises DataError for a number in the log that cannot be, or a universe that is not flat.
    """
    name = NAME.fullmatch(path.name)
    if name is None:
        return {}
    facts: dict[str, float | str] = {REDSHIFT: float(name["redshift"])}
    for ending in (".log", ".0000.log"):
        beside = path.with_name(name["prefix"] + ending)
        if beside.is_file():
            logged = _logged(beside)
            facts |= {ours: logged[key] for key, ours in LOGGED.items() if key in logged}
    return facts


def _logged(path: Path) -> dict[str, float]:
    """The numbers of a log by AHF's names. Raises DataError."""
    found: dict[str, float] = {}
    for key, said in LOG_LINE.findall("\n".join(read_lines(path))):
        try:
            value = float(said)
        except ValueError:
            value = math.nan
        if not (value >= 0 if key == "lambda0" else value > 0) or value == math.inf:
            raise DataError(f"{path}: simu.{key} = {said}: expected a positive number")
        found[key] = value
    total = found.get("omega0", 0.0) + found.get("lambda0", 1 - found.get("omega0", 0.0))
    if abs(total - 1) > FLAT:
        raise DataError(f"{path}: simu.omega0 + simu.lambda0 is {total:g}, not 1; only flat universes are handled")
    return found


def read_ahf_particles(path: Path, n_particles: np.ndarray, kept: np.ndarray) -> Members:
    """The members of the halos that are kept, as 0-based lattice indices.

    n_particles, kept : (m,) of all halos of the `_halos` file, in its order
    Raises DataError when the file holds other halos.
    """
    lines = read_lines(path)
    try:
        first = np.array([int(line.split()[0]) for line in lines])
    except (ValueError, IndexError):
        raise DataError(f"{path}: not an AHF _particles file: a line without a number") from None
    sizes, starts, row = [], [], 1
    while row < len(first):
        sizes.append(first[row])
        starts.append(row + 1)
        row += 1 + first[row]
    if row != len(first) or len(first) == 0 or first[0] != len(sizes):
        raise DataError(f"{path}: announces {first[0] if len(first) else 0} halos, but ends within one (truncated?)")
    if not np.array_equal(sizes, n_particles):
        raise DataError(f"{path}: its {len(sizes)} halos are not the {len(n_particles)} of the _halos file")
    chosen = [np.sort(first[starts[i] : starts[i] + sizes[i]] - 1) for i in np.flatnonzero(kept)]
    offset = np.concatenate(([0], np.cumsum([len(index) for index in chosen], dtype=np.int64)))
    return Members(offset, np.concatenate([np.empty(0, np.int64), *chosen]))
