"""What a user of command lines expects, tried one by one: python -m bench.comfort [--universes 100] [--only NAME ...]

Tables on standard error; the last line printed is JSON, with null for what was not run:

    habits             of 25 habits (bench.comfort.habits), how many work
    overwrites_tried, overwrites_lost   ways to lose a file (bench.comfort.overwrites)
    schema_files, schema_valid          TOMLs of the examples and the manual, and those valid under the one schema
    misspelt_tried, misspelt_accepted   keys of them, a letter added, held against every command
    startup_cpu_s      CPU seconds per command, a universe of 16^3, warm
    ensemble_cpu_s     CPU seconds a universe of 32^3, from seed to halos, of --universes made by one process
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.comfort import configurations, habits, overwrites, start_up

PARTS = ("habits", "overwrites", "schema", "start_up", "ensemble")


def main() -> None:
    """Print the JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--universes", type=int, default=100, help="of the ensemble")
    parser.add_argument("--only", nargs="*", default=PARTS, choices=PARTS, help="parts to run")
    arguments = parser.parse_args()
    keys = ("habits", "overwrites_tried", "overwrites_lost", "schema_files", "schema_valid", "misspelt_tried")
    found: dict[str, Any] = dict.fromkeys((*keys, "misspelt_accepted", "startup_cpu_s", "ensemble_cpu_s"))
    with tempfile.TemporaryDirectory() as name:
        for part in arguments.only:
            folder = Path(name) / part
            folder.mkdir()
            found |= _part(part, folder, arguments.universes)
    print(json.dumps(found))


def _part(part: str, folder: Path, universes: int) -> dict[str, Any]:
    if part == "habits":
        habits.prepared(folder)
        return {"habits": sum(habits.tried(folder, _say).values())}
    if part == "overwrites":
        overwrites.prepared(folder)
        return {"overwrites_tried": len(overwrites.WAYS), "overwrites_lost": len(overwrites.lost(folder, _say))}
    if part == "schema":
        return configurations.counts()
    if part == "start_up":
        return {"startup_cpu_s": start_up.per_command(folder)}
    return {"ensemble_cpu_s": start_up.of_an_ensemble(folder, universes)}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
