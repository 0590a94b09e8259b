"""Where libraries keep what they need in the next run, when there is no home that can be written to."""

import contextlib
import os
import platform
import stat
import tempfile
from pathlib import Path


def private_folder() -> str:
    """A folder for temporary files that this user alone can write to, the same in every run on this machine.

    Code is loaded from it: one that is another user's, a link, or open to others is left alone for a new one.
    """
    folder = Path(tempfile.gettempdir()) / f"lss-cache-{os.getuid()}-{platform.node()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
        return str(folder)
    return tempfile.mkdtemp(prefix="lss-cache-")


def creatable(folder: Path) -> bool:
    """Whether `folder` exists or could be made, and be written to."""
    while not folder.exists():
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def settle_fonts() -> None:
    """What must be said before matplotlib is imported: without a home it would look for fonts again in every run, and
    say so."""
    if "MPLCONFIGDIR" in os.environ:
        return
    home = Path(os.path.expanduser("~"))
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    if not (creatable(config / "matplotlib") and creatable(cache / "matplotlib")):
        os.environ["MPLCONFIGDIR"] = str(Path(private_folder()) / "matplotlib")
