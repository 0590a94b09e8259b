"""Reconstructions, made once and kept: sample s of truth t is build/lulo/HASH/sample-s/00000t.h5."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

from bench.lulo.kept import FOLDER, checkpoint_hashes, code_of, key, linked
from bench.lulo.truths import compact
from lss import stages
from lss.config import Settings, complete, merge, parse_assignment, read_toml, validate
from lss.files.restart import Restart
from lss.files.universe_file import member_path, write_universe
from lss.universe import Group, Universe
from lss_recon.config import Config

SAMPLES_A_TRUTH = 100  # numbers kept free: no two samples of any two truths share their draws


@dataclass(frozen=True)
class Method:
    """A configuration of lss-recon with the folder of its results."""

    settings: Settings
    folder: Path

    def path(self, number: int, sample: int) -> Path:
        """Where sample `sample` of truth `number` lies once it is made."""
        return member_path(self.folder / f"sample-{sample}", number)


def settings_of(config: Path, assignments: list[str]) -> Settings:
    """The tables of a TOML file with `--set` over them, and every key of [recon]. Raises ConfigError."""
    settings = read_toml(config)
    for assignment in assignments:
        settings = merge(settings, parse_assignment(assignment))
    return complete(validate(Config, settings, str(config)), settings)


def method(config: Path, assignments: list[str], cause_of_data: str) -> Method:
    """A configuration on the data that `cause_of_data` stands for."""
    return method_of(settings_of(config, assignments), name_of(config, assignments), cause_of_data)


def name_of(config: Path, assignments: list[str]) -> str:
    """What results are found by in build/lulo/latest: a variant does not take the place of its configuration."""
    return "-".join([config.stem, *assignments]).replace("/", "-")


def method_of(settings: Settings, name: str, cause_of_data: str) -> Method:
    """Settings on the data that `cause_of_data` stands for; the folder is linked as `name`."""
    # A sample at a time: the number of them is the benchmark's.
    settings = merge(settings, {"recon": {"samples": 1}})
    cause = key(settings, checkpoint_hashes(settings), code_of(settings), cause_of_data)
    return Method(settings, linked(FOLDER / cause, name))


def make(chosen: Method, data: Universe, number: int, sample: int) -> Path:
    """Reconstruct, unless it is done; an interrupted reconstruction goes on from its state.

    data : a universe with /halos
    The result carries /bench: cpu_s, the seconds of this process, NaN if it did not do all of the work.
    """
    path = chosen.path(number, sample)
    if path.exists():
        return path
    state = Path(f"{path}.state")
    whole, begin = not state.exists(), time.process_time()
    restart = Restart(state, True, chosen.folder.name)
    found = stages.run("recon", data, chosen.settings, index=number * SAMPLES_A_TRUTH + sample, restart=restart)
    cpu = time.process_time() - begin if whole else math.nan
    write_universe(compact(found).with_group("bench", Group({}, {"cpu_s": cpu})), path)
    restart.clear()
    return path
