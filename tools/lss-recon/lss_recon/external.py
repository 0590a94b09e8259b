"""Another program as the forward model: given a universe with /ic, it leaves one with /halos behind."""

import logging
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lss import stages
from lss.errors import DataError, Stopped
from lss.files.universe_file import read_universe, write_universe
from lss.process import interrupt
from lss.trust import unmarked
from lss.universe import Universe
from lss_recon.deathwatch import ended_with_us
from lss_recon.forward_settings import last_redshift
from lss_recon.observation import SAME_REDSHIFT, refuse_halos_outside

log = logging.getLogger("lss.recon")

POLL = 0.05  # seconds between looks at the clock and at requests to stop
GRACE = 10.0  # seconds between asking a program to end and ending it
_TAKEN = ["PartType1", "snapshots", "halos", "fields"]
_LAST_WORDS = 4096  # bytes of its output that are looked through for them


def run_command(command: Sequence[str], universe: Universe, timeout: float, retries: int) -> Universe:
    """What a program makes of a universe: its particles, snapshots, halos and fields.

    command : words, with {input} and {output} where the names of the files belong; timeout : seconds an attempt may
    take, 0 for any; retries : how often a failed attempt is repeated
    Raises DataError with one line (program, what went wrong, attempt, its last words) when the last attempt fails, and
    Stopped when this program is asked to stop; the other, and all that it started, is ended first.
    """
    for attempt in range(1, retries + 2):
        which = f" (attempt {attempt} of {retries + 1})" if retries else ""
        try:
            return _attempt(command, universe, timeout)
        except DataError as error:
            said = f"{command[0]}{which}: {error}"
            if attempt > retries:
                raise DataError(said) from None
            log.warning("%s; trying again", said)
    raise AssertionError("unreachable")


def _attempt(command: Sequence[str], universe: Universe, timeout: float) -> Universe:
    with tempfile.TemporaryDirectory(prefix="lss-recon-", ignore_cleanup_errors=True) as folder:
        output = Path(folder) / "output.h5"
        files = {"{input}": f"{folder}/input.h5", "{output}": str(output)}
        write_universe(universe, files["{input}"])
        _call([_filled(word, files) for word in command], Path(folder) / "words", timeout)
        if not output.exists():
            raise DataError("ended without writing its {output}")
        if not output.is_file():
            raise DataError("its output is no file of data (a folder, a pipe or a device)")
        try:
            simulated = read_universe(output, _TAKEN)
            _check(simulated, universe)
        except DataError as error:
            raise DataError(str(error).replace(str(output), "its output")) from None
    return simulated


def _check(simulated: Universe, asked: Universe) -> None:
    """Raise DataError unless a universe is of the box, cosmology, halos and redshift that were asked for."""
    for name in type(asked.cosmology).model_fields:
        here, there = (getattr(universe.cosmology, name) for universe in (simulated, asked))
        if unmarked(here) != unmarked(there) and name not in {"unknown", *simulated.cosmology.unknown}:
            raise DataError(f"{simulated.source} is of {name} = {here}; asked for {there}")
    if simulated.box != asked.box:
        raise DataError(f"{simulated.source} is of {simulated.box}; asked for {asked.box}")
    found, wanted = simulated.halos.mass_definition, stages.table("halo", asked.config).mass_definition
    if found != wanted:
        raise DataError(f'{simulated.source} has "{found}" halos; [halo] mass_definition = "{wanted}"')
    if not (simulated.halos.mass > 0).all():
        raise DataError(f"{simulated.source} has halos whose mass is not positive")
    refuse_halos_outside(simulated.halos, asked.box.size, simulated.source)
    found_at, redshift = simulated.halos.redshift, last_redshift(asked.config)
    if abs(found_at - redshift) > SAME_REDSHIFT:
        raise DataError(f"{simulated.source} has halos at z = {found_at:g}; asked for z = {redshift:g}")


def _filled(word: str, files: dict[str, str]) -> str:
    for name, path in files.items():
        word = word.replace(name, path)
    return word


def _call(words: Sequence[str], output: Path, timeout: float) -> None:
    """Run a program to its end; what it and its children print goes to the file `output`."""
    with ended_with_us(output.parent) as tell:
        # A session of its own: a signal reaches all that it started, and one meant for us not them first.
        with output.open("wb") as log_file:
            try:
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=log_file, stderr=log_file, start_new_session=True
                )
            except (OSError, ValueError) as error:  # ValueError: a NUL in a word
                raise DataError(f"cannot be run: {getattr(error, 'strerror', None) or error}") from None
        tell(process.pid)
        end = time.monotonic() + timeout if timeout else float("inf")
        try:
            while process.poll() is None:
                if interrupt.requested():
                    raise Stopped("asked to stop")
                if time.monotonic() > end:
                    raise DataError(f"ended by the time-out of {timeout:g} s{_last_words(output)}")
                _wait(process, POLL)
        finally:
            _end(process)  # what it left in the background, too
    if process.returncode < 0:
        raise DataError(f"killed by {_signal(-process.returncode)}{_last_words(output)}")
    if process.returncode:
        raise DataError(f"exit code {process.returncode}{_last_words(output)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and whatever it started and left: asked first, then made to."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        _wait(process, GRACE)


def _signal(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _last_words(output: Path) -> str:
    """ ": " and the last line that was printed, nothing if there is none."""
    if not output.exists():  # it removed its folder
        return ""
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - _LAST_WORDS))
        lines = file.read().decode("utf-8", "replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f": {said[-1][:200]}" if said else ""
