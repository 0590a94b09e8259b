"""`lss-stats --check`: whether files are whole, one line a file."""

from collections.abc import Sequence
from pathlib import Path

from lss.errors import DataError, LssError
from lss.files.guard import open_hdf5
from lss.files.integrity import verify_all
from lss.files.universe_file import FORMAT, read_universe
from lss.nets.checkpoint import verify_checkpoint
from lss.process.terminal import visible


def check(paths: Sequence[Path]) -> bool:
    """Print a line for every universe, training set, state and checkpoint; whether none of them is damaged.

    paths : files, and directories, of which every .h5 and .safetensors is taken, also in folders below
    """
    files = [file for path in paths for file in (_inside(path) if path.is_dir() else [path])]
    whole = True
    for file in files:
        try:
            count = verify_checkpoint(file) if file.suffix == ".safetensors" else _verify(file)
            said = f"whole ({count} checksums)" if count else "readable, but it has no checksums"
            print(visible(f"{file}: {said}"))
        except LssError as error:
            whole = False
            text = str(error)
            print(visible(text if text.startswith(str(file)) else f"{file}: {text}"))
    return whole and bool(files)


def _inside(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in (".h5", ".safetensors") and not p.name.startswith("."))


def _verify(file: Path) -> int:
    if not file.is_file():
        raise DataError(f"{file}: no such file")
    with open_hdf5(file, str(file)) as root:
        count, is_universe = verify_all(root, str(file)), root.attrs.get("format") == FORMAT
    if is_universe:
        read_universe(file)
    return count
