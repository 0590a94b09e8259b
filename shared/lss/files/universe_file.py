"""The universe file: HDF5 read and written through paths, pipes and directories.

Written whole or not at all (`lss.files.atomic`). What comes from outside is not trusted: links are not followed, and
shapes are held against the file's size before memory is taken.
"""

import contextlib
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import lss
from lss.config import Configuration, Settings, validate
from lss.errors import ConfigError, DataError
from lss.files import pipes
from lss.files.atomic import new_hdf5
from lss.files.embedded import read_embedded
from lss.files.gadget import GADGET_GROUPS, read_gadget_particles, write_gadget_header, write_gadget_particles
from lss.files.gadget_binary import is_gadget_binary, read_gadget_binary
from lss.files.guard import open_hdf5
from lss.files.hdf5 import read_dataset, refuse_link
from lss.files.integrity import NAME as CHECKSUM
from lss.files.integrity import seal, verify_group, write_dataset
from lss.files.ownership import PRODUCT
from lss.files.snapshot import is_snapshot, read_snapshot
from lss.files.spectrum import SPECTRUM, read_spectrum, write_spectrum
from lss.files.steady import steady
from lss.files.white_noise import layout_of, read_white_noise
from lss.toml import as_toml
from lss.universe import Group, Universe

FORMAT = "lss-universe"
FORMAT_VERSION = 1
_FINITE = {"white_noise", "Coordinates", "Velocities", "position", "velocity", "mass", "value"}


def read_universe(path: Path | str, groups: Sequence[str] | None = None, length_unit: str | None = None) -> Universe:
    """Read a universe from a file, or from standard input if path is "-".

    groups : only these and what lies below them (e.g. ["ic", "halos"]); None for everything
    Another code's snapshot is read as a universe whose settings are those of its header (lss.files.snapshot), its
    white noise as one that only says its number of points (lss.files.white_noise);
    length_unit : of a snapshot that does not say its units
    Raises DataError with one line naming the file and what is wrong with it.
    """
    if str(path) == "-":
        return _of_image(pipes.read_stdin(), "standard input", groups, length_unit)
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: a directory; name a member, or give --index")
    try:
        with path.open("rb") as file:
            if not path.is_file():  # a pipe with a name, as `<(command)` makes one
                return _of_image(file.read(), str(path), groups, length_unit)
            head = file.read(64)
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    with steady(path):
        if is_gadget_binary(head[:16]):
            settings, found = read_gadget_binary(path, length_unit, _is_wanted("PartType1", groups))
            return _foreign(settings, found, path)
        if layout := layout_of(head, path.stat().st_size):
            return _foreign(*read_white_noise(path, layout, _is_wanted("ic", groups)), path)
        if not h5py.is_hdf5(path):
            raise DataError(f"{path}: " + (pipes.not_hdf5(head) if head else "an empty file"))
        return _read(path, str(path), path.stat().st_size, groups, length_unit)


def _foreign(settings: Settings, groups: dict[str, Group], path: Path) -> Universe:
    config = validate(Configuration, settings, str(path))
    return Universe(config.cosmology, config.box, settings, groups, str(path))


def write_universe(universe: Universe, path: Path | str, product: str = "") -> None:
    """Write a universe to a file, or to standard output if path is "-".

    product : what it is, if it may be replaced without asking (lss.files.ownership)
    """
    if str(path) == "-":
        image = io.BytesIO()
        with h5py.File(image, "w") as file:
            _write(universe, file)
        pipes.write_stdout(image.getbuffer())
        return
    with new_hdf5(Path(path)) as file:
        if product:
            file.attrs[PRODUCT] = product
        _write(universe, file)


def member_path(directory: Path, index: int) -> Path:
    """Where member `index` of an ensemble is kept."""
    return directory / f"{index:06d}.h5"


def gathered_path(directory: Path) -> Path:
    """Where what was gathered of an ensemble (means, scatter) lies beside its members; it is none of them."""
    return directory / "ensemble.h5"


def ensemble_members(directory: Path) -> list[Path]:
    """The universe files of a directory, by name. Raises DataError if there are none, or no directory."""
    if not directory.is_dir():
        raise DataError(f"{directory}: not a directory of universes")
    gathered = gathered_path(directory)
    members = sorted(p for p in directory.glob("*.h5") if not p.name.startswith(".") and p != gathered)
    if not members:
        raise DataError(f"{directory}: no universe (*.h5) in this directory")
    return members


def universe_files(paths: Sequence[Path]) -> list[Path]:
    """The files that paths name: themselves, or the members of directories."""
    return [file for path in paths for file in (ensemble_members(path) if path.is_dir() else [path])]


def read_first(paths: Sequence[Path], groups: Sequence[str] | None = None) -> Universe:
    """The first universe of an ensemble that can be read; see `read_universe`. Raises DataError if none can."""
    for path in paths[:-1]:
        with contextlib.suppress(DataError):
            return read_universe(path, groups)
    return read_universe(paths[-1], groups)


def _of_image(image: bytes, source: str, groups: Sequence[str] | None, length_unit: str | None) -> Universe:
    pipes.check_image(image, source)
    pipes.received[source] = hashlib.sha256(image).hexdigest()
    return _read(io.BytesIO(image), source, len(image), groups, length_unit)


def _read(
    file: Path | io.BytesIO, source: str, n_bytes: int, wanted: Sequence[str] | None, length_unit: str | None
) -> Universe:
    try:
        with open_hdf5(file, source) as root:
            if is_snapshot(root):
                settings, groups = read_snapshot(root, source, length_unit, _is_wanted("PartType1", wanted))
                config = validate(Configuration, settings, source)
            else:
                for path in ("", *sorted(GADGET_GROUPS & root.keys())):
                    verify_group(root[path] if path else root, f"{source}: /{path}")
                settings, config = _read_settings(root, source)
                read_spectrum(root, source, n_bytes)
                groups = dict(_walk(root, "", source, n_bytes, wanted))
                for path, group in groups.items():
                    _refuse_non_finite(path, group, source)
                for path in [p for p in groups if p == "PartType1" or p.startswith("snapshots/")]:
                    groups[path] = read_gadget_particles(groups[path], config.box, f"{source}: /{path}")
    except ConfigError as error:
        raise DataError(str(error)) from None
    return Universe(config.cosmology, config.box, settings, groups, source)


def _read_settings(root: h5py.File, source: str) -> tuple[Settings, Configuration]:
    """The embedded configuration."""
    if root.attrs.get("format") != FORMAT:
        raise DataError(f"{source}: an HDF5 file, but neither a universe (no attribute format) nor a Gadget snapshot")
    version = _plain(root.attrs.get("format_version", 0))
    if not isinstance(version, int):
        raise DataError(f"{source}: format_version = {version!r}: expected a whole number")
    if version > FORMAT_VERSION:
        raise DataError(f"{source}: format version {version}, but lss {lss.__version__} reads {FORMAT_VERSION}")
    if "config" not in root.attrs:
        raise DataError(f"{source}: no attribute config: the embedded configuration is missing")
    try:
        settings = read_embedded(str(root.attrs["config"]), source)
        return settings, validate(Configuration, settings, source)
    except ConfigError as error:
        raise DataError(f"{source}: the embedded configuration is damaged: {error}") from None


def _walk(
    folder: h5py.Group, path: str, source: str, n_bytes: int, wanted: Sequence[str] | None
) -> Iterator[tuple[str, Group]]:
    data: dict[str, np.ndarray] = {}
    units: dict[str, str] = {}
    if path:
        verify_group(folder, f"{source}: /{path}")
    for name in folder:
        below = f"{path}/{name}" if path else name
        refuse_link(folder, name, f"{source}: /{below}")
        if below in {*GADGET_GROUPS, SPECTRUM} or not _is_wanted(below, wanted):
            continue
        item = folder[name]
        if isinstance(item, h5py.Group):
            yield from _walk(item, below, source, n_bytes, wanted)
        elif isinstance(item, h5py.Dataset):
            data[name] = read_dataset(item, f"{source}: /{below}", n_bytes)
            units[name] = str(item.attrs.get("units", ""))
    attrs = {name: _plain(folder.attrs[name]) for name in folder.attrs if name != CHECKSUM}
    if path and (data or attrs):
        yield path, Group(data, attrs, {name: unit for name, unit in units.items() if unit})


def _is_wanted(path: str, wanted: Sequence[str] | None) -> bool:
    return wanted is None or any(path == w or path.startswith(w + "/") or w.startswith(path + "/") for w in wanted)


def _plain(value: Any) -> Any:
    """An attribute as Python has it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value


def _refuse_non_finite(path: str, group: Group, source: str) -> None:
    if path.split("/")[0] not in {"ic", "PartType1", "snapshots", "halos", "fields"}:
        return
    for name in _FINITE & group.data.keys():
        array = group.data[name]
        # One pass and no copy: a sum is finite exactly when all terms are (float64 does not overflow here).
        if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)):
            bad = int(np.size(array) - np.isfinite(array).sum())
            raise DataError(f"{source}: /{path}/{name} holds {bad} values that are not finite (NaN or infinity)")


def _write(universe: Universe, file: h5py.File) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["config"] = as_toml(universe.config)
    write_spectrum(file, universe.cosmology.transfer)
    if "PartType1" in universe.groups:
        write_gadget_header(file, universe.particles, universe.box, universe.cosmology)
    for path, group in sorted(universe.groups.items()):
        folder = file.require_group(path)
        if path == "PartType1" or path.startswith("snapshots/"):
            write_gadget_particles(folder, group)
            continue
        for name, attribute in group.attrs.items():
            folder.attrs[name] = attribute
        for name, array in group.data.items():
            write_dataset(folder, name, array, group.units.get(name, "1"))
    seal(file)
