"""The forward model: white noise -> a simulated universe, in this process or by an external program."""

import dataclasses
import logging
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lss import stages
from lss.errors import DataError
from lss.universe import Universe, WhiteNoise
from lss.universe_file import read_universe, write_universe

Forward = Callable[[np.ndarray], Universe]


def by_stages(names: Sequence[str], blank: Universe, sample: int) -> Forward:
    """Send white noise through stages with the settings of `blank`, an empty universe; they stay warm."""

    def forward(noise: np.ndarray) -> Universe:
        universe = _with_noise(blank, noise, sample)
        with _only_warnings(names):
            for name in names:
                universe = stages.run(name, universe, blank.config)
        return universe

    return forward


def by_command(command: Sequence[str], blank: Universe, sample: int) -> Forward:
    """Let a program simulate: it is given a universe with /ic, and writes one with /halos, particles and fields.

    Only these are taken from its output: the white noise and the configuration stay ours.
    Raises DataError with the program's last words if it fails, or leaves no universe with halos behind.
    """

    def forward(noise: np.ndarray) -> Universe:
        universe = _with_noise(blank, noise, sample)
        with tempfile.TemporaryDirectory(prefix="lss-recon-") as folder:
            files = {"{input}": f"{folder}/input.h5", "{output}": f"{folder}/output.h5"}
            write_universe(universe, files["{input}"])
            _call([_filled(word, files) for word in command])
            if not Path(files["{output}"]).exists():
                raise DataError(f"{command[0]}: ended without writing its {{output}}")
            simulated = read_universe(files["{output}"], ["PartType1", "snapshots", "halos", "fields"])
        if simulated.box != blank.box:
            raise DataError(f"{command[0]}: its output is of {simulated.box}; asked for {blank.box}")
        simulated.halos  # noqa: B018  (raises if there are none)
        return dataclasses.replace(universe, groups={**universe.groups, **simulated.groups})

    return forward


def _with_noise(blank: Universe, noise: np.ndarray, sample: int) -> Universe:
    # No seed makes this noise: -1, so that nobody regenerates it from one.
    return blank.with_noise(WhiteNoise(noise, seed=-1, attrs={"member": sample, "origin": "lss-recon"}))


def _filled(word: str, files: dict[str, str]) -> str:
    for name, path in files.items():
        word = word.replace(name, path)
    return word


def _call(words: Sequence[str]) -> None:
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except OSError as error:
        raise DataError(f"{words[0]}: cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DataError(f"{words[0]}: exit code {done.returncode}{': ' + said[-1] if said else ''}")


@contextmanager
def _only_warnings(names: Sequence[str]) -> Iterator[None]:
    """Stages have much to say of one universe, too much of every universe of a loop."""
    logs = [logging.getLogger(f"lss.{name}") for name in names]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
