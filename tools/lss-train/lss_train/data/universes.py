"""The training set: many universes reduced to seeds and catalogues, 26 bytes a halo.

It is read from directories of universe files, or from the one HDF5 file that `write_training_set` makes of them:

    /                attributes format = "lss-training-set", format_version, config (TOML), mass_definition
    /universes       seed, index, partner (u,) int64; phase (u,) float64; offset (u + 1,) int64
    /halos           position (m, 3) float32, Mpc/h; mass (m,) float32, Msun/h; n_particles (m,) int32
                     velocity (m, 3) float16, km/s, rounded by at most 0.05%; older sets may be without

The halos of universe i are rows offset[i]:offset[i + 1]. White noise is drawn again from its seeds.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lss import stages
from lss.config import Box, Configuration, Cosmology, Settings, validate
from lss.errors import ConfigError, DataError
from lss.files.atomic import new_hdf5
from lss.files.embedded import read_embedded
from lss.files.guard import open_hdf5
from lss.files.integrity import seal, verify_dataset, verify_group, write_dataset
from lss.files.universe_file import read_universe, universe_files
from lss.halos.redshift_space import redshift_space
from lss.halos.survey import Survey
from lss.physics.random_field import perturbed_partner, white_noise
from lss.process.progress import progress
from lss.toml import as_toml
from lss.universe import Universe

FORMAT = "lss-training-set"
FORMAT_VERSION = 1
_UNIVERSES = {"seed": np.int64, "index": np.int64, "partner": np.int64, "phase": np.float64, "offset": np.int64}
_HALOS = {"position": np.float32, "mass": np.float32, "n_particles": np.int32}
_VELOCITY = np.float16  # a training from directories sees them rounded as well: the same bits come of it


@dataclass(frozen=True)
class TrainingSet:
    """Universes of one cosmology, box, simulator and mass definition, sorted by seed, index and partner.

    seed, index, partner, phase : (u,) of each white noise; offset : (u + 1,); position (m, 3), mass (m,),
    n_particles (m,) : all halos; velocity : (m, 3) float16 km/s, if they were kept; settings : the configuration of the
    first universe; files : where the white noise lies, or empty where it is drawn from the seeds;
    survey : how the halos are seen
    """

    cosmology: Cosmology
    box: Box
    settings: Settings
    mass_definition: str
    seed: np.ndarray
    index: np.ndarray
    partner: np.ndarray
    phase: np.ndarray
    offset: np.ndarray
    position: np.ndarray
    mass: np.ndarray
    n_particles: np.ndarray
    velocity: np.ndarray | None = None
    files: tuple[Path, ...] = ()
    survey: Survey = dataclasses.field(default_factory=Survey)

    def __len__(self) -> int:
        return len(self.seed)

    def halos(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions and masses of universe i."""
        rows = slice(self.offset[i], self.offset[i + 1])
        return self.position[rows], self.mass[rows]

    def velocities(self, i: int) -> np.ndarray | None:
        """Velocities of the halos of universe i, km/s."""
        return None if self.velocity is None else self.velocity[self.offset[i] : self.offset[i + 1]].astype(np.float32)

    def noise(self, i: int) -> np.ndarray:
        """The white noise of universe i, (n, n, n) float32."""
        if self.files:
            return read_universe(self.files[i], ["ic"]).noise.value
        return self.draw_noise(i)

    def draw_noise(self, i: int) -> np.ndarray:
        """The white noise that the seeds of universe i stand for."""
        ic, n = self.settings.get("ic", {}), self.box.n
        seed, index, partner = int(self.seed[i]), int(self.index[i]), int(self.partner[i])
        inverted = bool(ic.get("inverted", False))
        noise = white_noise(seed, index, n, fixed=bool(ic.get("fixed", False)), inverted=inverted)
        if partner:
            perturbation = white_noise(seed, index, n, partner, inverted=inverted)
            noise = perturbed_partner(noise, perturbation, float(self.phase[i]))
        return noise

    def families(self) -> list[np.ndarray]:
        """The universes of each x_a: itself (if it is there) and its perturbed partners, in order."""
        changes = (np.diff(self.seed) != 0) | (np.diff(self.index) != 0)
        return np.split(np.arange(len(self)), np.flatnonzero(changes) + 1)

    def hash(self) -> str:
        """SHA-256 of seeds and halos."""
        # Only what is known: sets that were hashed before a cosmology could hold unknowns keep their hash.
        known = ", ".join(f"{key}={value!r}" for key, value in self.cosmology.model_dump().items())
        digest = hashlib.sha256(f"{self.box!r} Cosmology({known})".encode())
        for array in (self.seed, self.index, self.partner, self.phase, self.offset, self.position, self.mass):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def read_training_set(paths: Sequence[Path]) -> TrainingSet:
    """Read directories of universes (and single ones), or one exported set.

    Raises ConfigError for an exported set beside other inputs, DataError if there is no universe, if two are of one
    seed, or if they differ in cosmology, box, simulator or mass definition.
    """
    exported = [path for path in paths if path.is_file() and _is_exported(path)]
    if exported and len(paths) > 1:
        raise ConfigError(f"{exported[0]}: an exported set must be the only input; {len(paths)} were given")
    if exported:
        return _read_exported(exported[0])
    files = universe_files(paths)
    universes: list[tuple[Path, _Reduced]] = []
    with progress("reading universes", len(files)) as bar:
        for file in files:
            universe = read_universe(file, ["ic", "halos"])
            universes.append((file, _Reduced.of(universe, universes[0][1] if universes else None)))
            bar.update()
    universes.sort(key=lambda pair: pair[1].order)
    for (one, a), (other, b) in itertools.pairwise(universes):
        if a.order == b.order:
            raise DataError(f"{other}: the same universe (seed, index, partner {a.order}) as {one}")
    reduced = [universe for _, universe in universes]
    first = reduced[0]
    return TrainingSet(
        first.cosmology,
        first.box,
        first.settings,
        first.mass_definition,
        seed=np.array([u.order[0] for u in reduced]),
        index=np.array([u.order[1] for u in reduced]),
        partner=np.array([u.order[2] for u in reduced]),
        phase=np.array([u.phase for u in reduced]),
        offset=np.concatenate([[0], np.cumsum([len(u.mass) for u in reduced])]).astype(np.int64),
        position=np.concatenate([u.position for u in reduced]).astype(np.float32),
        mass=np.concatenate([u.mass for u in reduced]).astype(np.float32),
        n_particles=np.concatenate([u.n_particles for u in reduced]).astype(np.int32),
        velocity=_velocities([u.velocity for u in reduced]),
        files=tuple(file for file, _ in universes),
    )


def _velocities(each: list[np.ndarray | None]) -> np.ndarray | None:
    """Those of all universes in the type of a set; none where a universe is without."""
    known = [velocity for velocity in each if velocity is not None]
    return np.concatenate(known).astype(_VELOCITY) if len(known) == len(each) else None


@dataclass(frozen=True)
class _Reduced:
    """What is kept of a universe."""

    cosmology: Cosmology
    box: Box
    settings: Settings
    mass_definition: str
    order: tuple[int, int, int]
    phase: float
    position: np.ndarray
    mass: np.ndarray
    n_particles: np.ndarray
    velocity: np.ndarray | None

    @staticmethod
    def of(universe: Universe, first: "_Reduced | None") -> "_Reduced":
        """Reduce a universe. Raises DataError if it does not belong with the first."""
        noise, halos = universe.noise, universe.halos
        unknown = np.zeros(len(halos), np.int32)
        reduced = _Reduced(
            universe.cosmology,
            universe.box,
            universe.config,
            halos.mass_definition,
            (noise.seed, noise.index, noise.partner),
            noise.phase,
            halos.position,
            halos.mass,
            halos.columns.get("n_particles", unknown),
            halos.known_velocity,
        )
        if first is not None:
            for what, (mine, other) in {
                "cosmology": (reduced.cosmology, first.cosmology),
                "box": (reduced.box, first.box),
                "mass definition": (reduced.mass_definition, first.mass_definition),
                "[sim]": (universe.config.get("sim"), first.settings.get("sim")),
                "[halo]": (universe.config.get("halo"), first.settings.get("halo")),
            }.items():
                if mine != other:
                    raise DataError(f"{universe.source}: {what} {mine} differs from the other universes' {other}")
        return reduced


def surveyed(universes: TrainingSet, asked: Settings) -> TrainingSet:
    """The universes with their halos where the redshifts of [halo.survey] show them.

    asked : the table [halo.survey], empty for none
    Raises ConfigError for a mask or a selection, and for universes that another survey has seen already; DataError if
    their velocities were not kept.
    """
    of_universes = universes.settings.get("halo", {}).get("survey") or {}
    survey, applied = Survey.model_validate(asked), Survey.model_validate(of_universes)
    if applied.line_of_sight is not None:
        if survey.redshift_space not in ("none", applied.redshift_space):
            raise ConfigError(
                f'[halo.survey] redshift_space = "{survey.redshift_space}", but the universes are in redshift space'
                f" along {applied.redshift_space}"
            )
        return dataclasses.replace(universes, survey=applied)
    if not survey.is_complete:
        raise ConfigError(
            "[halo.survey] mask, selection: a network is trained on whole boxes; lss-recon fills in what a survey does"
            ' not see ([recon] unseen = "simulated")'
        )
    if survey.line_of_sight is None:
        return universes
    if universes.velocity is None:
        raise DataError(
            f'[halo.survey] redshift_space = "{survey.redshift_space}": the training set was exported without'
            " velocities; export it anew"
        )
    redshift = min(stages.table("sim", universes.settings, "training set").redshifts)
    velocity, box = universes.velocity.astype(np.float32), universes.box
    omega_m = universes.cosmology.omega_m
    moved = redshift_space(universes.position, velocity, survey.line_of_sight, redshift, omega_m, box.size)
    return dataclasses.replace(universes, position=moved, survey=survey)


def write_training_set(universes: TrainingSet, path: Path) -> None:
    """Write the compact set, with the velocities of its halos if they are known.

    Raises DataError for a universe whose white noise is not what its seeds give: it could not be drawn again.
    """
    if universes.files:
        with progress("checking seeds", len(universes)) as bar:
            for i, file in enumerate(universes.files):
                if not np.array_equal(universes.noise(i), universes.draw_noise(i)):
                    raise DataError(f"{file}: its white noise is not what its seed gives, so it cannot be exported")
                bar.update()
    columns = _HALOS | ({} if universes.velocity is None else {"velocity": _VELOCITY})
    with new_hdf5(path) as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["config"] = as_toml(universes.settings)
        file.attrs["mass_definition"] = universes.mass_definition
        for folder, names in (("universes", _UNIVERSES), ("halos", columns)):
            for name, dtype in names.items():
                array = np.asarray(getattr(universes, name), dtype)
                unit = {"position": "Mpc/h", "mass": "Msun/h", "velocity": "km/s"}.get(name, "1")
                write_dataset(file.require_group(folder), name, array, unit, compression="gzip", shuffle=True)
        seal(file)


def _is_exported(path: Path) -> bool:
    try:
        with open_hdf5(path, str(path)) as file:
            return file.attrs.get("format") == FORMAT
    except DataError:
        return False


def _read_exported(path: Path) -> TrainingSet:
    try:
        with open_hdf5(path, str(path)) as file:
            for group in (file, *(file[name] for name in ("universes", "halos"))):
                verify_group(group, str(path))
            if str(file.attrs.get("format_version")) != str(FORMAT_VERSION):
                raise DataError(f"{path}: training set of an unknown version; this lss reads {FORMAT_VERSION}")
            settings = read_embedded(str(file.attrs["config"]), str(path))
            config = validate(Configuration, settings, str(path))
            mass_definition = str(file.attrs["mass_definition"])
            arrays: dict[str, Any] = {}
            for folder, names in (("universes", _UNIVERSES), ("halos", _HALOS)):
                for name, dtype in names.items():
                    arrays[name] = _read_column(file, f"{folder}/{name}", dtype)
            if "halos/velocity" in file:
                arrays["velocity"] = _read_column(file, "halos/velocity", _VELOCITY)
    except ConfigError as error:
        raise DataError(f"{path}: damaged training set: {error}") from None
    universes = TrainingSet(config.cosmology, config.box, settings, mass_definition, **arrays)
    count, halos = len(universes), len(universes.mass)
    rows_fit = len(universes.offset) == count + 1 and universes.offset[0] == 0 and universes.offset[-1] == halos
    if not count or not rows_fit or np.any(np.diff(universes.offset) < 0) or universes.position.shape != (halos, 3):
        raise DataError(f"{path}: damaged training set: its tables are inconsistent")
    if universes.velocity is not None and universes.velocity.shape != (halos, 3):
        raise DataError(f"{path}: damaged training set: it has not one velocity for each halo")
    columns = (universes.position, universes.mass, universes.velocity if universes.velocity is not None else [0.0])
    if not all(np.isfinite(column).all() for column in columns):
        raise DataError(f"{path}: positions, masses or velocities are not finite")
    return universes


def _read_column(file: h5py.File, name: str, dtype: type) -> np.ndarray:
    folder, _, last = name.partition("/")
    if not isinstance(file.get(folder, getlink=True), h5py.HardLink):
        raise KeyError(f"no group {folder}")
    if not isinstance(file[folder].get(last, getlink=True), h5py.HardLink):
        raise KeyError(f"no dataset {name}")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype != dtype or dataset.is_virtual or dataset.external:
        raise KeyError(f"{name} is not a plain array of {np.dtype(dtype)}")
    array = dataset[()]
    verify_dataset(dataset, array, f"{file.filename}: /{name}")
    return array
