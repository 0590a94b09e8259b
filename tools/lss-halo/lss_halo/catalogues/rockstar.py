"""Rockstar's ASCII catalogues (Behroozi et al. 2013): `halos_*.ascii`, `out_*.list`, with or without parents."""

import logging
import math
from pathlib import Path

import numpy as np

from lss.errors import ConfigError, DataError
from lss_halo.catalogues.foreign import BOX, OMEGA_M, REDSHIFT, Foreign, H
from lss_halo.catalogues.parts import parts_of, read_parts
from lss_halo.catalogues.text_table import TextTable
from lss_halo.config import Catalogue, Config

log = logging.getLogger("lss.halo")

CHUNKS = r"(?P<before>halos_\w+\.)(?P<number>\d+)(?P<after>\.ascii(?:\.gz|\.bz2)?)"
# Rockstar's radius is of the mass it was configured with, so it belongs to "mvir" alone.
MASS_COLUMNS = {"200c": "m200c", "500c": "m500c", "200m": "m200b", "vir": "mvir"}


def read(path: Path, catalogue: Catalogue, config: Config) -> Foreign:
    """Host halos of a catalogue with a parent column (PID), all of one without, that have a mass of the definition.

    The chunks of a run, halos_4.0.ascii, halos_4.1.ascii, ..., are read together.
    Positions are comoving Mpc/h, radii kpc/h, velocities peculiar km/s, masses Msun/h, as Rockstar's header says.
    Raises DataError when a column is missing or a comment is damaged, ConfigError when it holds no masses of that
    definition.
    """
    table = read_parts(parts_of(path, CHUNKS)).lower
    mass_definition = config.halo.mass_definition
    column = MASS_COLUMNS.get(mass_definition)
    if column is None or column not in table.columns:
        there = [name for name, theirs in MASS_COLUMNS.items() if theirs in table.columns]
        raise ConfigError(
            f'{path}: no masses for [halo] mass_definition = "{mass_definition}", but for {", ".join(there) or "none"}'
        )
    columns = {
        "position": np.stack([table.column(path, axis) for axis in "xyz"], axis=1),
        "mass": table.columns[column],
    }
    if table.has_any("vx", "vy", "vz"):
        columns["velocity"] = np.stack([table.column(path, f"v{axis}") for axis in "xyz"], axis=1)
    # hlists of consistent-trees need not have them all.
    for ours, theirs in (("n_particles", ("num_p", "np")), ("v_max", ("vmax",)), ("velocity_dispersion", ("vrms",))):
        if table.has_any(*theirs):
            columns[ours] = table.column(path, *theirs)
    if column in table.unlike:
        log.warning("%s: two columns named %s: the first is taken, of the bound particles", path, column)
    if column == "mvir":
        columns["radius"] = table.column(path, "rvir") / 1e3
    # Halos whose mean density nowhere reaches the threshold have no mass of that definition.
    kept = columns["mass"] != 0
    if not catalogue.subhalos:
        if "pid" in table.columns:
            kept &= table.whole(path, "pid") < 0
        elif len(kept):
            log.warning(
                "%s: no column PID: subhalos cannot be told from hosts and are kept (Rockstar's find_parents adds it)",
                path,
            )
    return Foreign({name: c[kept] for name, c in columns.items()}, None, _facts(path, table))


def _facts(path: Path, table: TextTable) -> dict[str, float | str]:
    """What the comments say: "a = 0.5", "Om = 0.3; Ol = 0.7; h = 0.7", "Box size: 250.000000 Mpc/h".

    Raises DataError for what is not a positive number; zero is taken for nothing said.
    """
    facts: dict[str, float | str] = {}
    for line in table.comments:
        for part in line.split(";"):
            for name, key in (("a =", REDSHIFT), ("Box size:", BOX), ("Om =", OMEGA_M), ("h =", H)):
                if not part.strip().startswith(name):
                    continue
                try:
                    value = float(part.strip().removeprefix(name).split()[0])
                except (ValueError, IndexError):
                    value = math.nan
                if not 0 <= value < math.inf:
                    raise DataError(f"{path}: #{line}: expected a positive number")
                if value:
                    facts[key] = 1 / value - 1 if key == REDSHIFT else value
    return facts
