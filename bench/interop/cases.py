"""The cases: each is a script that makes a file of a kind and runs commands on it, and here is what they must give."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

Check = Callable[[str], bool]


def run(folder: Path, only: list[str]) -> dict[str, bool]:
    """Whether each case gives what is right; those that no check is known of are left out."""
    names = sorted(path.name for path in folder.iterdir() if (path / "run.sh").is_file())
    wanted = [name for name in names if name[:2] in CHECKS and (not only or name[:2] in only)]
    return {name: CHECKS[name[:2]](_output(folder / name)) for name in wanted}


def _output(case: Path) -> str:
    """What the commands of a case print, with our commands first on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    done = subprocess.run(
        ["bash", case / "run.sh"],
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def _succeeds(times: int, *said: str) -> Check:
    """So many commands end well, none otherwise, and the log says this."""

    def check(output: str) -> bool:
        codes = re.findall(r"^rc=(\d+)$", output, re.MULTILINE)
        return codes == ["0"] * times and all(re.search(words, output) for words in said)

    return check


def _rows(output: str) -> np.ndarray:
    """The rows of tables of spectra that are printed: k, number of modes, P."""
    lines = re.findall(r"^[\d.e-]+,\d+,[\d.e+-]+", output, re.MULTILINE)
    return np.array([line.split(",") for line in lines], float).reshape(-1, 3)


def _agree(count: int, tolerance: float) -> Check:
    """So many rows are printed, whose P agree with the first."""

    def check(output: str) -> bool:
        power = _rows(output)[:, 2]
        return len(power) == count and bool((np.abs(power / power[0] - 1) <= tolerance).all())

    return check


def _exchanged(output: str) -> bool:
    """Three shells of one field and three of the same with its axes exchanged."""
    power = _rows(output)[:, 2]
    return len(power) == 6 and bool(np.allclose(power[:3], power[3:], rtol=1e-5))


def _numbers(output: str) -> list[float]:
    """The masses of the two heaviest halos that are printed, "[9.5e+14 9.1e+14]", and lone numbers after them."""
    found = re.search(r"\[(\S+)\s+(\S+?)\]\s*(\S*)\s*$", output.strip())
    return [float(word) for word in found.groups() if word] if found else []


def _all(*checks: Check) -> Check:
    return lambda output: all(check(output) for check in checks)


def _says(*words: str) -> Check:
    return lambda output: all(re.search(word, output) for word in words)


def _abc_agrees(output: str) -> bool:
    """The mean that the log gives of the accepted is that of the statistics."""
    logged = re.search(r"accepted of \d+: ic\.mean = (\S+) \+- (\S+)", output)
    if not logged:
        return False
    shown = re.findall(r"ic\.mean\D*?\s(-?\d\.\d+(?:e-?\d+)?)", output[logged.end() :])
    return any(abs(float(value) - float(logged[1])) <= 0.01 * abs(float(logged[2])) + 1e-4 for value in shown)


CHECKS: dict[str, Check] = {
    "01": _says(r"rc=1", "4096.*3700"),
    "02": _all(_says("number no lattice: no velocity"), lambda output: bool(_rows(output)[0, 2] > 2e7)),
    "03": _succeeds(1),
    "04": _succeeds(4),
    "05": _succeeds(1),
    "06": _succeeds(2, "2 lie outside .* wrapped", "1 lie outside .* wrapped"),
    "07": _succeeds(2),
    "08": _succeeds(2, "unknown: omega_b, n_s, sigma8"),
    "11": _all(_succeeds(1), lambda output: all(1e14 < mass < 2e15 for mass in _numbers(output)[:2] or [0.0])),
    "12": lambda output: output.count("60 halos (fof, 1.595e+13") == 2,  # its second output has the name of the first
    "13": _succeeds(1, "empty"),
    "14": _succeeds(1, "subhalos cannot be told from hosts"),
    "16": _all(_succeeds(1, "first is taken"), lambda output: len({f"{m:.4g}" for m in _numbers(output)[::2]}) == 1),
    "18": _succeeds(1),
    "20": _all(_agree(2, 0.01), lambda output: len(re.findall("is it a transfer function", output)) >= 2),
    "21": _agree(3, 0.1),
    "22": _all(_agree(2, 0.0), lambda output: output.count("rc=0") == 3),
    "24": _abc_agrees,
    "25": _exchanged,
    "28": _succeeds(2),
}
