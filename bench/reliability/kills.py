"""SIGKILL at random times over all long-running commands.

A run is killed at a moment drawn uniformly over its time; the output must be absent or whole. The run that follows
(with --resume where the command has it, killed again with probability 0.4, at most three times) must end well, with the
bits of one that nobody disturbed, and leave nothing else behind.
"""

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from bench.reliability.forks import LONG, often_saved, start, wait
from bench.reliability.small_chain import RECON, bits, copy
from lss.errors import LssError


@dataclass(frozen=True)
class Scenario:
    """A command whose output is killed and made again; weight: how often it is drawn."""

    tool: str
    words: tuple[str, ...]
    output: str
    resume: bool
    weight: int

    def line(self, resume: bool) -> list[str]:
        return [*self.words, "-o", self.output, *(["--resume"] if resume else [])]

    def outputs(self, folder: Path) -> dict[str, Path]:
        """The files that are there, by name."""
        if self.output.endswith("/"):
            return {path.name: path for path in sorted((folder / self.output).glob("*.h5"))}
        path = folder / self.output
        return {path.name: path} if path.exists() else {}


SCENARIOS = {
    "ic": Scenario("ic", ("u.toml",), "out.h5", False, 1),
    "sim": Scenario("sim", ("ic.h5",), "out.h5", True, 3),
    "sim-outputs": Scenario("sim", ("ic.h5", "--set", "sim.redshifts=[1.0,0.0]"), "out.h5", True, 1),
    "halo": Scenario("halo", ("sim.h5",), "out.h5", False, 2),
    "stats": Scenario("stats", ("halo.h5",), "out.h5", False, 2),
    "train": Scenario("train", ("u.toml", "set.h5", "--set", "train.epochs=3"), "out.safetensors", True, 2),
    "recon": Scenario("recon", ("observed.h5", *RECON), "out.h5", True, 4),
    "samples": Scenario(
        "recon", ("observed.h5", *RECON, "--set", "recon.samples=2", "--set", "recon.start=prior"), "out/", True, 2
    ),
}


def measured(base: Path, work: Path, kills: int, seed: int = 1) -> dict[str, int]:
    """The keys of the kills."""
    draw = random.Random(seed)
    plan = [name for name, one in SCENARIOS.items() for _ in range(one.weight)]
    undisturbed = {name: _undisturbed(one, copy(base, work / name)) for name, one in SCENARIOS.items()}
    found = dict.fromkeys(("kills", "corrupt", "lost", "different_bits", "blocked", "temporaries_left"), 0)
    number = 0
    while found["kills"] < kills:
        name = plan[number % len(plan)]
        number += 1
        of = _one(SCENARIOS[name], copy(base, work / name), *undisturbed[name], draw)
        for key, value in of.items():
            found[key] += value
        print(
            f"{name}: {found['kills']} of {kills}", {k: v for k, v in found.items() if v and k != "kills"}, flush=True
        )
    return found


def _undisturbed(scenario: Scenario, folder: Path) -> tuple[dict[str, str], float]:
    """The bits of every output, and the seconds of a run whose files are warm."""
    took = 0.0
    for _ in range(2):
        for path in scenario.outputs(folder).values():
            path.unlink()
        pid = start(scenario.tool, scenario.line(False), folder, before=often_saved)
        code, _, took = wait(pid, LONG)
        if code:
            raise RuntimeError(f"{scenario}: exit {code}: {(folder / '.err').read_text()}")
    return {name: bits(path) for name, path in scenario.outputs(folder).items()}, took


def _one(scenario: Scenario, folder: Path, good: dict[str, str], took: float, draw: random.Random) -> dict[str, int]:
    """One run that is killed, perhaps several times, and brought to its end."""
    before = set(folder.rglob("*"))
    found = dict.fromkeys(("kills", "corrupt", "lost", "different_bits", "blocked", "temporaries_left"), 0)
    for attempt in range(4):
        when = draw.uniform(0, 1.1 * took) if attempt == 0 or (attempt < 3 and draw.random() < 0.4) else None
        pid = start(scenario.tool, scenario.line(scenario.resume), folder, before=often_saved)
        killed = when is not None and _kill(pid, when)
        if not killed:
            if when is None:
                code, ended, _ = wait(pid, LONG)
                if code or ended:
                    found["blocked"] += 1
                    print(f"{scenario.tool}: exit {code} {ended}: {(folder / '.err').read_text()[-300:]}", flush=True)
            break
        found["kills"] += 1
        for name, path in scenario.outputs(folder).items():
            try:
                found["different_bits"] += bits(path) != good[name]
            except LssError:
                found["corrupt"] += 1
    final = {name: bits(path) for name, path in scenario.outputs(folder).items()}
    found["lost"] += len(good.keys() - final.keys())
    found["different_bits"] += sum(final[name] != good[name] for name in final.keys() & good.keys())
    outputs = {
        *scenario.outputs(folder).values(),
        folder / ".out",
        folder / ".err",
        folder / "out.jsonl",
    }  # its journal
    left = [path for path in folder.rglob("*") if path.is_file() and path not in before | outputs]
    if left:
        print(f"{scenario.tool}: left: {[str(path.relative_to(folder)) for path in left][:3]}", flush=True)
    found["temporaries_left"] += len(left)
    return found


def _kill(pid: int, after: float) -> bool:
    """Kill a process after some seconds; False if it had ended by then."""
    began = time.monotonic()
    while time.monotonic() - began < after:
        done, _ = os.waitpid(pid, os.WNOHANG)
        if done:
            return False
        time.sleep(0.003)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1] == signal.SIGKILL
