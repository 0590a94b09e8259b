"""Other people's files, read and written: python -m bench.interop [--cases DIR] [--reference DIR] [--only 01 02]

--cases holds a folder for each kind of file that was once read wrongly (README, make.py, run.sh); --reference the
Gadget-4 snapshots. The last line printed is JSON; what was not run is null:

    cases_right, cases_tried   cases whose commands give what bench.interop.cases calls right, of all that were run
    formats_round_trip         format -> whether what was written comes back to the last bit
    yt, pynbody                whether they read our file right (null: not run here)
    damaged_*                  damaged files tried, that ended in a traceback, that were read wrongly with exit code 0
    snapshot_read_ratio        CPU time of reading a snapshot over a plain h5py read of it (median of ten)
    csv_s                      CPU seconds to read a CSV catalogue of a million halos
"""

import argparse
import json
from pathlib import Path
from typing import Any

from bench.interop import cases, costs, damaged, peers, round_trips


def main() -> None:
    """Print the JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=Path, help="folder of the cases")
    parser.add_argument("--reference", type=Path, help="folder of the reference runs")
    parser.add_argument("--only", nargs="*", default=[], help="cases by their numbers")
    parser.add_argument("--damaged", type=int, default=0, metavar="N", help="damaged files of each format")
    parser.add_argument("--formats", nargs="*", default=[], help="which of them, by their files; nothing else is run")
    arguments = parser.parse_args()
    found: dict[str, Any] = dict.fromkeys(
        ("cases_right", "cases_tried", "yt", "pynbody", "damaged_tried", "damaged_tracebacks", "damaged_silent")
    )
    if arguments.cases:
        results = cases.run(arguments.cases, arguments.only)
        for name, right in results.items():
            print(f"{'right' if right else 'WRONG'}  {name}", flush=True)
        found |= {"cases_right": sum(results.values()), "cases_tried": len(results)}
    if arguments.damaged:
        found |= damaged.measured(Path("build/interop/damaged").absolute(), arguments.damaged, 1, arguments.formats)
    if arguments.formats:
        print(json.dumps(found))
        return
    found |= peers.read_back(Path("build/interop/peers"))
    found["formats_round_trip"] = round_trips.run()
    found["snapshot_read_ratio"] = costs.snapshot_ratio(arguments.reference) if arguments.reference else None
    found["csv_s"] = costs.csv_seconds()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
