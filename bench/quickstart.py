"""`make demo` as a newcomer sees it: python -m bench.quickstart [--no-setup]

Clones the repository into a temporary folder, sets it up, runs the demo with empty compilation caches, and prints one
JSON line: seconds (of the demo), setup_seconds, simulations, and how far in k each field is right.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def timed(command: list[str], folder: Path) -> float:
    """Seconds that a command took."""
    start = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.monotonic() - start


def main() -> None:
    """Print the JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-setup", action="store_true", help="run the demo of this checkout as it is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, setup = ROOT, None
        if arguments.no_setup:
            subprocess.run(["rm", "-rf", "build/demo"], cwd=folder, check=True)
        else:
            folder = Path(temporary) / "lss"
            subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
            setup = round(timed(["make", "setup"], folder), 1)
        seconds = round(timed(["make", "demo"], folder), 1)
        figures = json.loads((folder / "build/demo/comparison.json").read_text())
    keys = ("simulations", "k80_ic", "k80_matter", "k80_halo_field", "k80_estimate", "k80_start", "k80_default", "r_ic")
    print(json.dumps({"seconds": seconds, "setup_seconds": setup, **{key: figures[key] for key in keys}}))


if __name__ == "__main__":
    main()
