"""Two runs at once on one output, a full disk, a closed pipe, a folder that may not be written."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.reliability.forks import LONG, call, limit_files, often_saved, start, wait
from bench.reliability.small_chain import RECON, bits, copy

PAIRS = (
    ("sim", ["ic.h5", "--set", "sim.steps=30"]),
    ("recon", ["observed.h5", *RECON]),
)
GAPS = (0.0, 0.02, 0.1, 0.3, 0.6)


def measured(base: Path, work: Path) -> dict[str, int]:
    """races_tried, races_wrong: wrong unless one run ends with its bits and the other does too or is refused."""
    tried = wrong = 0
    for tool, words in PAIRS:
        folder = copy(base, work / "races")
        call(tool, [*words, "-o", "alone.h5"], folder, seconds=LONG)
        good = bits(folder / "alone.h5")
        for gap in GAPS:
            tried += 1
            wrong += not _pair(folder, tool, words, gap, good)
    return {"races_tried": tried, "races_wrong": wrong, "ends_wrong": _ends(base, work)}


def _pair(folder: Path, tool: str, words: list[str], gap: float, good: str) -> bool:
    output = folder / "both.h5"
    output.unlink(missing_ok=True)
    shutil.rmtree(folder / "both.h5.state", ignore_errors=True)
    line = [*words, "-o", output.name, "--resume"]
    first = start(tool, line, folder, before=often_saved)
    time.sleep(gap)
    second = start(tool, line, folder, before=often_saved)
    codes = sorted(wait(pid, LONG)[0] for pid in (first, second))
    right = output.exists() and bits(output) == good and not (folder / "both.h5.state").exists()
    right = right and codes in ([0, 0], [0, 1])
    if not right:
        print(f"{tool}: two runs {gap} s apart: exit {codes}", flush=True)
    return right


def _ends(base: Path, work: Path) -> int:
    """How many of three bad ends are not one line and the right code, or leave half a file."""
    folder = copy(base, work / "ends")
    wrong = 0
    done = call("sim", ["ic.h5", "-o", "full.h5"], folder, seconds=LONG, before=lambda: limit_files(100_000))
    wrong += done.code != 1 or bool(done.fault) or (folder / "full.h5").exists()
    (folder / "closed").mkdir(mode=0o500)
    done = call("ic", ["u.toml", "-o", "closed/x.h5"], folder, seconds=LONG)
    wrong += bool(done.fault) or (done.code != 1 and not (folder / "closed" / "x.h5").exists())  # root may write there
    pipe = f"{Path(sys.executable).parent}/lss-ic u.toml --set box.n=64 --set box.size=125.0 | head -c 100 >/dev/null"
    said = subprocess.run(
        ["bash", "-c", f"{pipe}; echo ${{PIPESTATUS[0]}}"], cwd=folder, capture_output=True, text=True
    )
    wrong += said.stdout.strip() != "141" or "Traceback" in said.stderr
    return wrong
