"""Spectra and bispectra against Pylians and plain sums, and against the speed of memory: `python -m bench.statistics`.

Times are the shortest of many calls on all cores, ours and Pylians' in turn, FFT and window included. The last
line printed is JSON. bytes_per_s_share: the time to read the modes once (numpy's sum) over that of the binning pass,
both on one core. Pylians is compared with where `make peers` has installed it; its keys are null elsewhere.
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lss.grid.fourier import forward
from lss.grid.interlacing import painted_modes
from lss.grid.mesh import paint
from lss.grid.spectra import Spectra, inverse_windows, measure, measure_modes, shell_limits, shells
from lss.process.threads import set_threads, threads
from lss_stats.measures import bispectrum

PEER = Path("build/peers/bin/python")
BOX, PK_GRID, BK_GRID = 1000.0, 256, 128
FUNDAMENTAL = 2 * np.pi / BOX
THETA = np.linspace(0.1, 3.0, 10)
ROUNDS, CALLS = 8, 3


def main() -> None:
    rng = np.random.default_rng(1)
    pk_field, bk_field = lognormal(rng, PK_GRID), lognormal(rng, BK_GRID)
    # Pylians' shells: [m, m + 1) 2 pi / L.
    edges = np.arange(1, int(np.sqrt(3) * PK_GRID / 2) + 2) * FUNDAMENTAL
    modes = forward(pk_field)[None]
    rows = modes.view(np.float32).reshape(PK_GRID, -1)
    with pylians(pk_field, bk_field) as peer:
        seconds = shortest(
            {
                "pk": lambda: measure([pk_field], BOX, ["cic"], edges),
                "bk": lambda: angles(bk_field),
                "binning": lambda: measure_modes(modes, PK_GRID, BOX),
                "binning, one core": lambda: on_one_core(lambda: measure_modes(modes, PK_GRID, BOX)),
                "reading, one core": lambda: rows.sum(dtype=np.float32),
            },
            peer,
        )
        theirs = peer.results() if peer else {}
    ours = measure([pk_field], BOX, ["cic"], edges)
    errors = {"numpy": relative(measure([pk_field], BOX).power[0, 0], plain_power(pk_field))}
    if theirs:
        errors["pylians"] = relative(as_pylians(ours, pk_field)[: len(theirs["pk"])], theirs["pk"])
    aliases = interlacing(rng)

    for name, value in seconds.items():
        print(f"{name}: {1e3 * value:.1f} ms")
    print("largest relative difference of P(k): " + ", ".join(f"{e:.1e} ({who})" for who, e in errors.items()))
    print("aliased power over signal at Nyquist: " + ", ".join(f"{name} {v:.3f}" for name, v in aliases.items()))
    result = {
        "pk_rel_error": max(errors.values()),
        "pk_speedup": seconds["pylians pk"] / seconds["pk"] if peer else None,
        "bk_rel_error": relative(angles(bk_field).bispectrum, theirs["bk"]) if theirs else None,
        "bk_speedup": seconds["pylians bk"] / seconds["bk"] if peer else None,
        "bytes_per_s_share": seconds["reading, one core"] / seconds["binning, one core"],
        "pk_seconds": seconds["pk"],
        "bk_seconds": seconds["bk"],
        "parallel_efficiency": seconds["binning, one core"] / seconds["binning"] / threads(),
        "aliases_interlaced": aliases["interlaced"],
        "aliases_plain": aliases["plain"],
    }
    print(json.dumps({key: value and float(f"{value:.4g}") for key, value in result.items()}))


def lognormal(rng: np.random.Generator, n: int) -> np.ndarray:
    """A field with a spectrum and a bispectrum: exp of a Gaussian one of P ~ 1/k, less its mean."""
    modes = forward(rng.standard_normal((n, n, n)).astype(np.float32))
    m = np.fft.fftfreq(n, 1 / n)
    length = np.sqrt(m[:, None, None] ** 2 + m[:, None] ** 2 + np.arange(n // 2 + 1) ** 2)
    gaussian = np.fft.irfftn(modes / np.sqrt(np.maximum(length, 1)), (n, n, n), axes=(0, 1, 2))
    field = np.exp(gaussian / gaussian.std())
    return (field / field.mean() - 1).astype(np.float32)


def angles(field: np.ndarray) -> bispectrum.Bispectrum:
    """Window, transforms and triangle counts, nothing kept from earlier calls."""
    bispectrum._count_against.cache_clear()
    inverse = inverse_windows(BK_GRID, ["cic"])[0].astype(np.float32)
    full = inverse[np.abs(np.fft.fftfreq(BK_GRID, 1 / BK_GRID)).astype(int)]
    modes = forward(field)
    modes *= full[:, None, None]
    modes *= full[:, None] * inverse
    return bispectrum.against_angle(modes, BK_GRID, BOX, 0.1, 0.2, THETA)


def as_pylians(spectra: Spectra, field: np.ndarray) -> np.ndarray:
    """P(k) as Pylians averages it: the seven modes on the Nyquist planes that are their own partner count twice."""
    n = len(field)
    modes, inverse = forward(field), inverse_windows(n, ["cic"])[0] ** 2
    sums, counts = spectra.power[0, 0] * spectra.n_modes, spectra.n_modes.astype(float)
    for m in itertools.product((0, n // 2), repeat=3):
        shell = int(np.sqrt(sum(i * i for i in m))) - 1
        if shell >= 0:
            power = np.abs(modes[m].astype(np.complex128)) ** 2 * np.prod([inverse[i] for i in m])
            sums[shell] += power * BOX**3 / float(n) ** 6
            counts[shell] += 1
    return sums / counts


def plain_power(field: np.ndarray) -> np.ndarray:
    """numpy in double precision over every mode of the whole cube."""
    n = len(field)
    value = np.abs(np.fft.rfftn(field.astype(np.float64))) ** 2
    value[..., 1 : n // 2] *= 2
    m2 = np.fft.fftfreq(n, 1 / n) ** 2
    m2 = (m2[:, None, None] + m2[:, None] + np.arange(n // 2 + 1) ** 2).astype(int)
    limits = shell_limits(n, BOX)
    n_modes, _, shell_of = shells(n, limits)
    sums = np.bincount(shell_of[m2].ravel(), weights=value.ravel(), minlength=len(n_modes) + 1)
    return sums[: len(n_modes)] / n_modes * BOX**3 / float(n) ** 6


def interlacing(rng: np.random.Generator, n: int = 32, count: int = 20_000, draws: int = 40) -> dict[str, float]:
    """Aliased power of unclustered points over their signal, in the shell at Nyquist; measured, and from the window."""
    found = {}
    for name, interlaced in (("plain", False), ("interlaced", True)):
        signal, aliases = alias_sums(n, interlaced)
        power = 0.0
        for _ in range(draws):
            position = rng.uniform(0, BOX, (count, 3)).astype(np.float32)
            modes = painted_modes(partial(paint, position, n, BOX, "cic", None), n, interlaced=interlaced) * np.float32(
                n**3 / count
            )
            power += measure_modes(modes[None], n, BOX).power[0, 0][n // 2 - 1] * count / BOX**3 / draws
        found[name] = power / signal - 1
        found[f"{name} expected"] = aliases / signal
    return found


def alias_sums(n: int, interlaced: bool) -> tuple[float, float]:
    """Mean squared CIC window over the shell at Nyquist, and its sum over aliases m + n l; interlacing drops odd l."""
    m = np.fft.fftfreq(n, 1 / n)
    length = np.sqrt(m[:, None, None] ** 2 + m[:, None] ** 2 + m**2)
    inside = np.floor(length + 0.5) == n // 2
    axis = {shift: np.sinc((m + n * shift) / n) ** 4 for shift in range(-3, 4)}
    total = 0.0
    for x, y, z in itertools.product(axis, repeat=3):
        if (x, y, z) != (0, 0, 0) and not (interlaced and (x + y + z) % 2):
            total += (axis[x][:, None, None] * axis[y][:, None] * axis[z])[inside].mean()
    signal = (axis[0][:, None, None] * axis[0][:, None] * axis[0])[inside].mean()
    return float(signal), total


class Pylians:
    """Pylians in a process of its own, asked for one measurement at a time."""

    def __init__(self, folder: str) -> None:
        script = Path(__file__).with_name("peer_pylians.py")
        self._folder = folder
        self._process = subprocess.Popen(
            [PEER, script, folder, str(threads())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def seconds(self, name: str) -> float:
        """Time of one measurement, "pk" or "bk"."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(name + "\n")
        return float(self._process.stdout.readline())

    def results(self) -> dict[str, np.ndarray]:
        """What it measured last."""
        return {name: np.load(f"{self._folder}/pylians-{name}.npy") for name in ("pk", "bk")}

    def stop(self) -> None:
        self._process.communicate()


@contextmanager
def pylians(pk_field: np.ndarray, bk_field: np.ndarray) -> Iterator[Pylians | None]:
    """Pylians, ready to measure these fields; None where it is not installed."""
    if not PEER.exists():
        print(f"{PEER} is not there (`make peers` builds it): no comparison with Pylians", file=sys.stderr)
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (("pk", pk_field), ("bk", bk_field), ("theta", THETA)):
            np.save(f"{folder}/{name}.npy", array)
        peer = Pylians(folder)
        try:
            yield peer
        finally:
            peer.stop()


def shortest(measures: dict[str, Callable[[], Any]], peer: Pylians | None) -> dict[str, float]:
    """Shortest time of each, all taken in turn, so that what else the machine does meets them alike."""
    for measured in measures.values():
        measured()  # compiles
    seconds: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, measured in measures.items():
            for _ in range(CALLS):
                start = time.perf_counter()
                measured()
                taken = time.perf_counter() - start
                seconds[name] = min(taken, seconds.get(name, taken))
        for name in ("pk", "bk") * CALLS if peer else ():
            taken = peer.seconds(name) if peer else 0.0
            seconds[f"pylians {name}"] = min(taken, seconds.get(f"pylians {name}", taken))
    return seconds


def on_one_core(measured: Callable[[], Any]) -> None:
    available = threads()
    set_threads(1)
    measured()
    set_threads(available)


def relative(value: np.ndarray, reference: np.ndarray) -> float:
    return float(np.max(np.abs(value / reference - 1)))


def against(peer: dict[str, Any] | None, key: str) -> str:
    return "" if peer is None else f" (Pylians {float(peer[key]):.3f} s)"


if __name__ == "__main__":
    main()
