"""The state of long work, kept in `OUTPUT.state/` so that it can go on after any interruption."""

import contextlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lss.errors import ConfigError, DataError, Stopped
from lss.files.atomic import new_hdf5
from lss.files.guard import open_hdf5
from lss.files.integrity import NAME as CHECKSUM
from lss.files.integrity import seal, verify_dataset, verify_group, write_dataset
from lss.universe import Group

log = logging.getLogger("lss.session")


@dataclass(frozen=True)
class Restart:
    """A folder of named states, each an HDF5 file written whole or not at all.

    folder : None keeps nothing; resume : whether what is there may be loaded; identity : what the work depends on
    (configuration and input, as a hash): a state made from something else is refused, or with `force` left aside;
    writes : false where another process of the same work keeps the states
    """

    folder: Path | None
    resume: bool = False
    identity: str = ""
    force: bool = False
    writes: bool = True

    def save(self, name: str, state: Group) -> None:
        """Keep a state under a name, replacing the last."""
        if self.folder is None or not self.writes:
            return
        with new_hdf5(self.folder / f"{name}.h5") as file:
            file.attrs["identity"] = self.identity
            attributes = file.create_group("attrs").attrs
            for key, attribute in state.attrs.items():
                attributes[key] = attribute
            data = file.create_group("data")
            for key, array in state.data.items():
                write_dataset(data, key, array, "1")
            seal(file)

    def load(self, name: str) -> Group | None:
        """The state kept under a name; None if there is none that is whole, or if the work was asked to begin anew.

        Raises ConfigError if it was made from another input or configuration. A damaged state is told of, and no more
        than if it were not there: the work that it kept is done again.
        """
        if self.folder is None or not self.resume:
            return None
        path = self.folder / f"{name}.h5"
        if not path.exists():
            return None
        try:
            with open_hdf5(path, str(path)) as file:
                for group in (file, file["attrs"], file["data"]):
                    verify_group(group, str(path))
                if file.attrs["identity"] != self.identity:
                    if self.force:
                        log.warning("%s: made from another input or configuration; begun anew", path)
                        return None
                    raise ConfigError(f"{path}: made from another input or configuration; --force begins anew")
                attrs: dict[str, Any] = {
                    key: value.item() if isinstance(value, np.generic) else value
                    for key, value in file["attrs"].attrs.items()
                    if key != CHECKSUM
                }
                arrays = {key: dataset[()] for key, dataset in file["data"].items()}
                for key, array in arrays.items():
                    verify_dataset(file["data"][key], array, f"{path}: {key}")
                return Group(arrays, attrs)
        except DataError as error:
            log.warning("%s; the work that this state kept is done again", error)
            return None

    def bound_to(self, *hashes: str) -> "Restart":
        """The same folder for work that depends on more than the identity says: data, a checkpoint, a number."""
        return replace(self, identity=" ".join([self.identity, *hashes]))

    def stopped(self, where: str) -> Stopped:
        """What to raise when work ends early on request: where it stopped, and whether it can go on."""
        how = "--resume goes on from here" if self.folder else "nothing was kept: that needs -o FILE"
        return Stopped(f"{where}; {how}")

    def within(self, name: str) -> "Restart":
        """A folder of its own inside this one, for a part of the work; it goes with the whole."""
        return replace(self, folder=self.folder / name if self.folder else None)

    def clear(self) -> None:
        """Remove the states, and the folder if nothing else is in it: the work is done, or begins anew."""
        if self.folder is None or not self.writes or not self.folder.is_dir():
            return
        below = sorted(self.folder.rglob("*"), reverse=True)  # what is in a folder comes before it
        for path in below:
            if _is_state(path):
                path.unlink()
        for folder in [path for path in below if path.is_dir() and not path.is_symlink()]:
            with contextlib.suppress(OSError):  # something is in it
                folder.rmdir()
        left = next(self.folder.iterdir(), None)
        if left is not None:
            log.warning("%s: left where it is: %s in it is no state of ours", self.folder, left.name)
        elif not self.folder.is_symlink():
            self.folder.rmdir()


def _is_state(path: Path) -> bool:
    """Whether `save` wrote a file, whole or not: the name of its first attribute tells, also of a damaged one."""
    if path.is_symlink() or not path.is_file():
        return False
    if path.name.startswith(".") and path.name.endswith(".tmp"):
        return ".h5." in path.name
    with path.open("rb") as file:
        return path.suffix == ".h5" and b"identity" in file.read(1 << 16)
