"""A catalogue of another code's universe: its reconstruction, and the truth behind it.

The initial field comes from the other code's particles at the start. Matter, velocities and momentum of the truth are
our own P3M simulation of it (examples/lulo/truth.toml in the box of the configuration); the halos are the catalogue's.
Two finders on one snapshot differ: what r(k) could be at best is that of the true initial field sent through the loop's
own forward model, by which every r(k) is also divided.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from bench.lulo import reconstructions
from bench.lulo.figures import compare, figures, without_a_loop
from bench.lulo.kept import FOLDER, code_hash, key
from bench.lulo.measured import OfTruth, estimator_of
from bench.lulo.truths import STAGES, compact, load, simulated
from lss.config import Settings, validate
from lss.errors import ConfigError
from lss.files.universe_file import read_universe, write_universe
from lss.grid.comparison import falls_through
from lss.physics.lpt import linear_field
from lss.physics.random_field import white_noise_of
from lss.universe import Universe, WhiteNoise
from lss_halo.catalogues.catalogue import read_foreign
from lss_halo.config import Config

_LEAST = 1e-3  # smaller correlations are not divided by


def of_catalogue(
    path: Path, true_start: Path, truth_settings: Settings, settings: Settings, name: str
) -> tuple[OfTruth, dict[str, Any]]:
    """Reconstruct a catalogue, and hold it against the truth.

    true_start : a snapshot at the start, or a universe with /ic; truth_settings : what simulates the truth;
    settings : the reconstruction's; name : of the configuration
    Returns the figures, and "forward", "k80_forward" (the true initial field through the loop's forward model against
    the truth), "k80_relative" (r over that r).
    """
    data = _catalogue(path, settings)
    halos = data.halos
    method = reconstructions.method_of(settings, f"{name}-catalogue", key(_bytes(halos.position), _bytes(halos.mass)))
    noise = _true_noise(true_start, settings)
    found = load(reconstructions.make(method, data, 0, 0))
    tables = {table: settings[table] for table in ("cosmology", "box")}
    truth = dataclasses.replace(_grown(noise, {**truth_settings, **tables}).with_halos(halos), source=str(path))
    recovered, forward = compare(found, truth), compare(_grown(noise, settings), truth)
    relative = {
        field: falls_through(one.k, one.correlation / np.maximum(forward[field].correlation, _LEAST))
        for field, one in recovered.items()
    }
    further = {
        "forward": {table: _forward(settings, table) for table in STAGES},
        "k80_forward": {field: one.k80 for field, one in forward.items()},
        "k80_relative": relative,
    }
    without = without_a_loop(truth, estimator_of(settings))
    return OfTruth((figures(found, truth, recovered),), (recovered,), without, {}), further


def _catalogue(path: Path, settings: Settings) -> Universe:
    """The halos of a catalogue, read as [halo.catalogue] says (by default AHF's)."""
    found = read_foreign(path, validate(Config, settings, str(path)))
    return Universe(found.cosmology, found.box, {}, {}, str(path)).with_halos(found.halos)


def _true_noise(path: Path, settings: Settings) -> WhiteNoise:
    """The white noise of a universe file, or behind the particles of a snapshot at the start.

    Raises ConfigError for a box that is not the configuration's.
    """
    universe = read_universe(path, ["ic", "PartType1"])
    config = validate(Config, settings, "configuration")
    if universe.box != config.box:
        raise ConfigError(f"{path}: a universe of {universe.box}; the configuration's is {config.box}")
    if universe.has("ic/white_noise"):
        return universe.noise
    start = universe.particles
    linear = linear_field(start.position, config.box.size, config.cosmology.omega_m, start.redshift)
    return WhiteNoise(white_noise_of(linear, config.cosmology, config.box.size), seed=-1)


def _grown(noise: WhiteNoise, settings: Settings) -> Universe:
    """The universe of white noise by [ic], [sim] and [halo] of these settings, simulated once and kept."""
    used = {table: _forward(settings, table) for table in ("cosmology", "box", *STAGES) if table in settings}
    cause = key(used, _bytes(noise.value), code_hash(*(f"lss_{name}.stage" for name in STAGES)))
    path = FOLDER / "grown" / f"{cause}.h5"
    if not path.exists():
        write_universe(compact(simulated(used, noise=noise)), path)
    return load(path)


def _forward(settings: Settings, table: str) -> Settings:
    """A table as a simulation reads it: without the catalogue that is data."""
    return {name: value for name, value in settings.get(table, {}).items() if name != "catalogue"}


def _bytes(array: np.ndarray) -> str:
    return array.tobytes().hex()
