"""A command run as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
SETTINGS = """\
[box]
size = 25.0
n = 8
[sim]
method = "2lpt"
[halo]
mass_definition = "fof"
mass_range = [1e11, 1e16]
"""


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in a folder, our commands first on the path; a failing part of a pipe fails the whole."""
    path = f"{BIN}:{os.environ.get('PATH', '')}"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **environment},
        timeout=600,
        check=False,
    )
