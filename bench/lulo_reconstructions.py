"""Reconstructions of truths, made once and kept: sample s of truth t is build/lulo/HASH/sample-s/00000t.h5."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

from bench.lulo_kept import FOLDER, checkpoint_hashes, code_hash, key, linked
from bench.lulo_truths import compact
from lss import stages
from lss.config import Settings, merge, parse_assignment, read_toml
from lss.restart import Restart
from lss.universe import Group, Universe
from lss.universe_file import member_path, write_universe

SAMPLES_A_TRUTH = 100  # numbers kept free: no two samples of any two truths share their draws


@dataclass(frozen=True)
class Method:
    """A configuration of lss-recon with the folder of its results on one set of truths."""

    name: str
    settings: Settings
    folder: Path

    def path(self, number: int, sample: int) -> Path:
        """Where sample `sample` of truth `number` lies once it is made."""
        return member_path(self.folder / f"sample-{sample}", number)


def settings_of(config: Path, assignments: list[str]) -> Settings:
    """The tables of a TOML file with `--set` over them."""
    settings = read_toml(config)
    for assignment in assignments:
        settings = merge(settings, parse_assignment(assignment))
    return settings


def method(config: Path, assignments: list[str], cause_of_data: str) -> Method:
    """A configuration on the data that `cause_of_data` names.

    Raises ConfigError and DataError for a file or checkpoint that cannot be used.
    """
    settings = settings_of(config, assignments)
    forward = settings.get("recon", {}).get("forward", {}).get("stages", ("ic", "sim", "halo"))
    code = code_hash("lss_recon.stage", *(f"lss_{name}.stage" for name in forward))
    cause = key(settings, checkpoint_hashes(settings), code, cause_of_data)
    return Method(config.stem, settings, linked(FOLDER / cause, config.stem))


def make(chosen: Method, data: Universe, number: int, sample: int, truth: Path | None = None) -> Path:
    """Reconstruct, unless it is done; an interrupted reconstruction goes on from its state.

    data : a universe with /halos; truth : a file to log r(k) against
    The result carries /bench: cpu_s, the seconds of this process, NaN if it did not do all of the work.
    """
    path = chosen.path(number, sample)
    if path.exists():
        return path
    state = Path(f"{path}.state")
    whole, begin = not state.exists(), time.process_time()
    restart = Restart(state, True, chosen.folder.name)
    index = number * SAMPLES_A_TRUTH + sample
    found = stages.run("recon", data, chosen.settings, index=index, restart=restart, truth=truth)
    cpu = time.process_time() - begin if whole else math.nan
    write_universe(compact(found).with_group("bench", Group({}, {"cpu_s": cpu})), path)
    restart.clear()
    return path
