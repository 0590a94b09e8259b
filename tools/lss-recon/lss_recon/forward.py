"""The forward model: white noise -> a simulated universe, in this process or by another program."""

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from lss import stages
from lss.files.restart import Restart
from lss.trust import stated
from lss.universe import Universe, WhiteNoise
from lss_recon import external
from lss_recon.config import ForwardSettings

Forward = Callable[[np.ndarray], Universe]


def by_stages(names: Sequence[str], blank: Universe, sample: int, restart: Restart) -> Forward:
    """Send white noise through stages with the settings of `blank`, an empty universe; they stay warm.

    restart : where a stage that takes minutes keeps its own state until the simulation is done, so that an interrupted
    one goes on in the middle
    """

    def forward(noise: np.ndarray) -> Universe:
        universe = _with_noise(blank, noise, sample)
        # The name tells one simulation from the next: a state of another is never taken for that of this one.
        inside = restart.within(f"simulation-{hashlib.sha256(noise.tobytes()).hexdigest()[:16]}")
        with _only_warnings(names):
            for name in names:
                options = {"restart": inside.within(name)} if stages.takes(name, "restart") else {}
                universe = stages.run(name, universe, blank.config, **options)
        inside.clear()
        return universe

    return forward


def by_command(settings: ForwardSettings, blank: Universe, sample: int) -> Forward:
    """Let another program simulate: it is given a universe with /ic, and writes one with /halos, particles and fields.

    Only these are taken from its output: the white noise and the configuration stay ours.
    Raises DataError when it fails, Stopped when this program is asked to stop meanwhile.
    """
    command = stated(settings.command or ())

    def forward(noise: np.ndarray) -> Universe:
        universe = _with_noise(blank, noise, sample)
        simulated = external.run_command(command, universe, settings.timeout, settings.retries)
        return dataclasses.replace(universe, groups={**universe.groups, **simulated.groups})

    return forward


def _with_noise(blank: Universe, noise: np.ndarray, sample: int) -> Universe:
    # No seed makes this noise: -1, so that nobody regenerates it from one.
    return blank.with_noise(WhiteNoise(noise, seed=-1, attrs={"member": sample, "origin": "lss-recon"}))


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
