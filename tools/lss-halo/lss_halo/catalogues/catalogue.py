"""Catalogues of other codes: read, checked, and made a universe of their own."""

import logging
from pathlib import Path

import numpy as np

from lss.config import validate
from lss.errors import ConfigError, DataError
from lss.files.universe_file import read_universe
from lss.grid.periodic import fold_edge, wrap_rounding
from lss.halos.survey import seen_volume
from lss.learned import estimator
from lss.nets.checkpoint import read_card
from lss.universe import Halos, Members, Universe
from lss_halo.catalogues import READERS, load
from lss_halo.catalogues.facts import NEEDED, settled
from lss_halo.catalogues.foreign import DEFINITION, Foreign
from lss_halo.catalogues.recognition import is_universe, names_in, recognised
from lss_halo.config import Catalogue, Config
from lss_halo.finders.mass_definition import critical_density, overdensity

log = logging.getLogger("lss.halo")

MAPPED = ("csv", "hdf5")  # formats whose file does not say what its masses are
# What no halo exceeds, and the heaviest of a catalogue reaches: Msun/h, Mpc/h, km/s.
MASSES = (1e7, 2e16)
MAX_RADIUS = 10.0
MAX_VELOCITY = 2e4
MANY = 20  # halos that no accident makes alike
SHOWN = 8  # names in a message

REDSHIFT_TOLERANCE = 1e-3
OVERDENSITY_TOLERANCE = 0.15  # of the mean density inside the radius: definitions differ by a factor 1.7 and more


def read_foreign(path: Path, config: Config) -> Universe:
    """A universe that holds nothing but the halos of another code's catalogue; a universe file is read as it is.

    Raises ConfigError when its masses are not of `[halo] mass_definition` or it is of another box or redshift,
    DataError when it cannot be read, a value is not finite or a halo is outside the box. An empty one is allowed, with
    a warning.
    """
    if is_universe(path):
        return read_universe(path)
    catalogue = described_catalogue(path, config)
    config = config.model_copy(update={"halo": config.halo.model_copy(update={"catalogue": catalogue})})
    foreign: Foreign = load(catalogue.format).read(path, catalogue, config)
    told_by_radius = "radius" in foreign.columns or catalogue.match == "abundance"
    needed = NEEDED if told_by_radius or catalogue.format not in MAPPED else (*NEEDED, DEFINITION)
    config = settled(config, foreign.facts, str(path), needed)
    catalogue = config.halo.catalogue or catalogue
    check_columns(foreign.columns, config.box.size, catalogue, path)
    if catalogue.match == "none":
        check_mass_definition(foreign.columns, config, catalogue.redshift, path)
    columns, members = select(foreign, catalogue.min_particles, config.box.size)
    if not len(columns["mass"]):
        log.warning("%s: no halo of at least %d particles: the catalogue is empty", path, catalogue.min_particles)
    attrs = {}
    if catalogue.match == "abundance":
        columns["mass"] = matched_masses(columns["mass"], catalogue.checkpoint, config)
        attrs = {"match": catalogue.match, "matched_to": catalogue.checkpoint}
    halos = Halos(columns, config.halo.mass_definition, catalogue.format, catalogue.redshift, members, attrs)
    log.info("%s: %s", path, described(halos, config))
    return Universe.create(config).with_halos(halos)


def described_catalogue(path: Path, config: Config) -> Catalogue:
    """The table [halo.catalogue], with the format that the file is recognised by unless the user says another.

    Raises ConfigError where the keys do not suit that format, or no reader knows the file and none is named.
    """
    catalogue = config.halo.catalogue or Catalogue()
    if "format" in catalogue.model_fields_set:
        return catalogue
    found = recognised(path)
    if found is None:
        names = sorted(names_in(path))
        if names:
            raise ConfigError(
                f"{path}: holds {', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}, which no known code"
                ' writes: set [halo.catalogue] format, "csv" or "hdf5" with columns and length_unit for any table'
            )
        return catalogue
    said = {name: getattr(catalogue, name) for name in catalogue.model_fields_set}
    table = {"halo": {"catalogue": said | {"format": found}}}
    return validate(Config, table, f"{path}, recognised as {READERS[found].words}").halo.catalogue or catalogue


def of_universe(universe: Universe, path: Path, config: Config) -> Universe:
    """A universe with the halos of another code's catalogue of it.

    Raises ConfigError where the file says another box, redshift or cosmology than the universe has.
    """
    if is_universe(path):
        raise ConfigError(f"{path}: a universe or a snapshot; --catalogue takes another code's halos")
    known = described_catalogue(path, config)
    if universe.has("PartType1"):
        redshift = universe.particles.redshift
        if "redshift" in known.model_fields_set and abs(known.redshift - redshift) > REDSHIFT_TOLERANCE:
            raise ConfigError(
                f"[halo.catalogue] redshift = {known.redshift:g}, but the particles of {universe.source} are at z ="
                f" {redshift:g}"
            )
        known = known.model_copy(update={"redshift": redshift})
    halo = config.halo.model_copy(update={"catalogue": known})
    try:
        return universe.with_halos(read_foreign(path, config.model_copy(update={"halo": halo})).halos)
    except ConfigError as error:
        raise ConfigError(f"{error} (box, redshift and cosmology are those of {universe.source})") from None


def described(halos: Halos, config: Config) -> str:
    """What was read, in a line."""
    weights = f", {halos.mass.min():.4g} to {halos.mass.max():.4g} Msun/h" if len(halos) else ""
    still = "" if halos.known_velocity is not None else " without velocities"
    return (
        f"{len(halos)} halos{still} ({halos.mass_definition}{weights}) in a box of {config.box.size:g} Mpc/h at z = "
        f"{round(halos.redshift, 6):g}, Omega_m = {config.cosmology.omega_m:g}, h = {config.cosmology.shown('h')}"
    )


def matched_masses(mass: np.ndarray, checkpoint: str, config: Config) -> np.ndarray:
    """Masses that the halos would have in the universes of a checkpoint, rank by rank; they are of its definition.

    Ranks are counted in the volume of the box, or in that which the survey's mask lets through.

    mass : (m,) Msun/h of any definition; returns (m,) float32
    Raises ConfigError when the checkpoint's universes have other halos than `[halo]` says.
    """
    card = read_card(checkpoint)
    trained = card["data"]["mass_definition"]
    if trained != config.halo.mass_definition:
        raise ConfigError(
            f'[halo] mass_definition = "{config.halo.mass_definition}", but the masses are to be matched to checkpoint '
            f'{checkpoint}, whose halos are "{trained}"'
        )
    return estimator.match_abundance(mass, seen_volume(config.halo.survey, config.box), card)


def check_columns(columns: dict[str, np.ndarray], box_size: float, catalogue: Catalogue, path: Path) -> None:
    """Every value finite, every mass positive, every halo in the box. Raises DataError saying how many are not."""
    count = len(columns["mass"])
    length_unit = "kpc/h" if catalogue.length_in_mpc < 1 else "Mpc/h"
    for name in ("position", "velocity", "mass", "n_particles"):
        if name not in columns:
            continue
        bad = int(np.count_nonzero(~np.isfinite(columns[name].reshape(count, -1)).all(axis=1))) if count else 0
        if bad:
            raise DataError(f"{path}: {name} of {bad} of {count} halos is not finite")
    _refuse_fill_values(columns, path)
    impossible = {"mass": columns["mass"] <= 0}
    impossible |= {name: columns[name] < 0 for name in ("n_particles", "radius") if name in columns}
    for name, wrong in impossible.items():
        if wrong.any():
            raise DataError(f"{path}: the {name} of {np.count_nonzero(wrong)} of {count} halos is not positive")
    columns["position"] = position = wrap_rounding(
        columns["position"], box_size, f"{path}: halos, read as {length_unit}"
    )
    check_sizes(columns, box_size, path)
    if count > MANY and position.max() < 0.02 * box_size:
        raise DataError(
            f"{path}: all {count} halos lie within {position.max():g} Mpc/h of a corner of the box of {box_size:g}"
            f" Mpc/h when read as {length_unit}; are they in Mpc/h?"
        )


def _refuse_fill_values(columns: dict[str, np.ndarray], path: Path) -> None:
    """A coordinate in which many halos do not differ is no measurement: -1 or -99 stands for what is missing.

    Nor are positions that are whole numbers of Mpc/h, whose decimals were lost.
    """
    position = columns["position"]
    if len(position) > MANY and (position == np.rint(position)).all():
        raise DataError(f"{path}: all positions are whole numbers of Mpc/h; were their decimals lost?")
    for name in (name for name in ("position", "velocity") if name in columns):
        for axis, along in zip("xyz", columns[name].T, strict=True):
            if len(along) > MANY and along[0] != 0 and (along == along[0]).all():
                raise DataError(
                    f"{path}: all {len(along)} halos have the {name} {along[0]:g} along {axis}; is it missing?"
                )


def check_sizes(columns: dict[str, np.ndarray], box_size: float, path: Path) -> None:
    """Masses and radii that halos can have. Raises DataError naming the likely unit."""
    if not len(columns["mass"]):
        return
    heaviest = float(columns["mass"].max())
    if not MASSES[0] <= heaviest <= MASSES[1]:
        unit = (
            "log10 Msun/h"
            if heaviest < 20
            else "1e10 Msun/h"
            if heaviest < MASSES[0]
            else "Msun/h taken for 1e10 Msun/h"
        )
        raise DataError(f"{path}: the heaviest halo has {heaviest:.4g} Msun/h; are the masses {unit}?")
    if "radius" in columns and float(columns["radius"].max()) > min(MAX_RADIUS, box_size / 2):
        raise DataError(
            f"{path}: the largest halo has a radius of {columns['radius'].max():.4g} Mpc/h; is it in kpc/h?"
        )
    fastest = float(np.abs(columns["velocity"]).max()) if "velocity" in columns else 0.0
    if fastest > MAX_VELOCITY:
        raise DataError(f"{path}: a halo moves at {fastest:.4g} km/s; are the velocities in m/s or cm/s?")


def check_mass_definition(columns: dict[str, np.ndarray], config: Config, redshift: float, path: Path) -> None:
    """The mean density inside the radius is that of the mass definition. Raises ConfigError naming what it is."""
    definition = config.halo.mass_definition
    if "radius" not in columns or not len(columns["mass"]):
        return
    volume = 4 / 3 * np.pi * columns["radius"] ** 3
    found = float(np.median(columns["mass"] / volume)) * (1 + redshift) ** 3
    critical = critical_density(redshift, config.cosmology.omega_m)
    if definition == "fof":
        raise ConfigError(
            f"{path}: spheres of {found / critical:.0f} times the critical density, but [halo] mass_definition = "
            f'"fof"; name theirs, or match their masses by abundance'
        )
    wanted = overdensity(definition, redshift, config.cosmology.omega_m)
    if abs(found / critical / wanted - 1) > OVERDENSITY_TOLERANCE:
        raise ConfigError(
            f"{path}: the halos have {found / critical:.0f} times the critical density inside their radius, "
            f'but [halo] mass_definition = "{definition}" means {wanted:.0f}'
        )


def select(foreign: Foreign, min_particles: int, box_size: float) -> tuple[dict[str, np.ndarray], Members | None]:
    """Halos of enough particles, by decreasing mass, in the types of `Halos`, positions in [0, box)."""
    columns = foreign.columns
    kept = np.arange(len(columns["mass"]))
    if "n_particles" in columns:
        kept = kept[columns["n_particles"] >= min_particles]
    kept = kept[np.argsort(-columns["mass"][kept], kind="stable")]
    integers = {"n_particles": np.int32}
    chosen = {name: column[kept].astype(integers.get(name, np.float32)) for name, column in columns.items()}
    fold_edge(chosen["position"], box_size)
    if foreign.members is None:
        return chosen, None
    return chosen, foreign.members.pick(kept)
