"""A catalogue of another code's universe, and the truth behind it: its initial field, and what we make of that.

The initial field comes from the other code's particles at the start. Matter, velocities and momentum of the truth are
our own P3M simulation of it, by examples/lulo/truth.toml in the box of the configuration; the halos are those of the
catalogue.
"""

import dataclasses
from pathlib import Path

from bench.lulo_kept import FOLDER, code_hash, key
from bench.lulo_truths import STAGES, compact, simulated
from lss.config import Settings, validate
from lss.errors import ConfigError
from lss.lpt import linear_field
from lss.random_field import white_noise_of
from lss.universe import Universe, WhiteNoise
from lss.universe_file import read_universe, write_universe
from lss_halo.catalogue import read_foreign
from lss_halo.config import Config

_SIMULATED = ("cosmology", "box", "ic", "sim", "halo")


def catalogue(path: Path, settings: Settings) -> Universe:
    """The halos of a catalogue, read as [halo.catalogue] says (by default AHF's)."""
    found = read_foreign(path, validate(Config, settings, str(path)))
    return Universe(found.cosmology, found.box, {}, {}, str(path)).with_halos(found.halos)


def true_noise(path: Path, settings: Settings) -> WhiteNoise:
    """The white noise of a universe file, or behind the particles of a snapshot at the start.

    Raises ConfigError for a box that is not the configuration's.
    """
    universe = read_universe(path, ["ic", "PartType1"])
    config = validate(Config, settings, "configuration")
    if universe.box != config.box:
        raise ConfigError(f"--truth {path}: a universe of {universe.box}; the configuration's is {config.box}")
    if universe.has("ic/white_noise"):
        return universe.noise
    start = universe.particles
    linear = linear_field(start.position, config.box.size, config.cosmology.omega_m, start.redshift)
    return WhiteNoise(white_noise_of(linear, config.cosmology, config.box.size), seed=-1)


def grown(noise: WhiteNoise, settings: Settings) -> Universe:
    """The universe of white noise by [ic], [sim] and [halo] of these settings, simulated once and kept."""
    used = {name: settings[name] for name in _SIMULATED if name in settings}
    used["halo"] = {name: value for name, value in used.get("halo", {}).items() if name != "catalogue"}
    cause = key(used, noise.value.tobytes().hex(), code_hash(*(f"lss_{name}.stage" for name in STAGES)))
    path = FOLDER / "grown" / f"{cause}.h5"
    if not path.exists():
        write_universe(compact(simulated(used, noise=noise)), path)
    return read_universe(path)


def truth_of(halos: Universe, noise: WhiteNoise, true_settings: Settings, settings: Settings) -> Universe:
    """The truth behind a catalogue: our simulation of its initial field, with the catalogue's own halos."""
    tables = {name: settings[name] for name in ("cosmology", "box") if name in settings}
    universe = grown(noise, {**true_settings, **tables})
    return dataclasses.replace(universe.with_halos(halos.halos), source=halos.source)
