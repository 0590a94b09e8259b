"""lss-train: from an ensemble of universes to a checkpoint with its model card."""

from collections.abc import Sequence
from pathlib import Path

from lss.config import Settings
from lss.errors import ConfigError
from lss.files.ownership import refuse_others
from lss.files.restart import Restart
from lss.process.ranks import ranks
from lss.stages import Plan
from lss_train.config import Config
from lss_train.models import declares, declaring, load
from lss_train.training.run import JOURNAL, TrainingRun


def train(
    inputs: Sequence[Path],
    config: Config,
    output: Path | None,
    *,
    restart: Restart,
    settings: Settings | None = None,
    export: Path | None = None,
    observed: Path | None = None,
) -> None:
    """Train the network that [train] model names on `inputs`; see TrainingRun.

    output : the checkpoint; its journal is written beside it as .jsonl. Without an output, --export is all.
    Raises ConfigError if the configuration disagrees with the command line or the data, DataError if the data will not
    do, Stopped.
    """
    name = config.train.model
    _refuse_missing_inputs(inputs, name)
    if export is not None and not declares(name, "EXPORTS"):
        raise ConfigError(
            f"--export: [train] model = '{name}' has no compact training set; models that do: {declaring('EXPORTS')}"
        )
    if str(export) == "-":
        raise ConfigError("--export -: the set must be written to a file, not to standard output")
    if observed is not None and not declares(name, "FOLLOWS"):
        raise ConfigError(
            f"--observed: [train] model = '{name}' does not follow an estimate; models that do: {declaring('FOLLOWS')}"
        )
    if output is None and export is None:
        raise ConfigError("no output: give -o FILE.safetensors for the checkpoint, or --export FILE for the set alone")
    if ranks() > 1 and not declares(name, "DISTRIBUTED"):
        raise ConfigError(
            f"[train] model = '{name}' is trained by one process, and torchrun started {ranks()}; models that several"
            f" can train: {declaring('DISTRIBUTED')}"
        )
    if output is not None and output.suffix != ".safetensors":
        raise ConfigError(f"-o {output}: the name of a checkpoint must end in .safetensors")
    if output is not None:
        refuse_others(output.with_suffix(JOURNAL), "journal")
    load(name).train(TrainingRun(inputs, config, settings or {}, output, restart, export, observed))


def plan(inputs: Sequence[Path], config: Config) -> Plan:
    """What a training would read, hold and cost."""
    _refuse_missing_inputs(inputs, config.train.model)
    return load(config.train.model).plan(inputs, config)


def _refuse_missing_inputs(inputs: Sequence[Path], name: str) -> None:
    if not inputs and not declares(name, "SIMULATES"):
        raise ConfigError("no input: name a directory of universes or an exported set (`lss-train --help`)")
