"""One training as a model module receives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lss.config import Settings
from lss.errors import ConfigError
from lss.files.restart import Restart

if TYPE_CHECKING:
    from lss_train.config import Config

JOURNAL = ".jsonl"  # in place of the suffix of the checkpoint


@dataclass(frozen=True)
class TrainingRun:
    """What the `train` of a model module is given.

    inputs : directories of universes, universe files or an exported set; settings : every table of the configuration
    as given, for models that run stages; output : the checkpoint, None if only the set is exported; export : where
    to write the compact training set; observed : the universe at whose estimate to train
    """

    inputs: Sequence[Path]
    config: "Config"
    settings: Settings
    output: Path | None
    restart: Restart
    export: Path | None = None
    observed: Path | None = None

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint goes. Raises ConfigError if no output was named."""
        if self.output is None:
            raise ConfigError("no output: give -o FILE.safetensors for the checkpoint")
        return self.output

    @property
    def journal(self) -> Path:
        """Where the journal goes, beside the checkpoint."""
        return self.checkpoint.with_suffix(JOURNAL)
