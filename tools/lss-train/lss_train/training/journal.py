"""The journal of a training: a JSON line per update and epoch on disk; on a terminal a live table, else a log."""

import json
import logging
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from lss.errors import DataError
from lss_train.training.live_table import LiveTable

log = logging.getLogger("lss.train")


class Journal:
    """Use as a context; `path` None keeps nothing on disk.

    Lines of updates after `update` are dropped from a file that is there: a resumed run makes them again.
    """

    def __init__(self, path: Path | None, update: int, updates: int, seconds: float) -> None:
        self._updates, self._first, self._before, self._start = updates, update, seconds, time.monotonic()
        self._table = LiveTable()
        self._file = None
        if path is not None:
            kept = _lines_until(path, update)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")
            self._file.writelines(kept)

    def __enter__(self) -> "Journal":
        self._table.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.__exit__(kind, error, trace)
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    @property
    def seconds(self) -> float:
        """Wall time of the training so far, earlier runs included."""
        return self._before + time.monotonic() - self._start

    def update(
        self, epoch: int, update: int, loss: float, mean_loss: float, rate: float, gradient_norm: float, **more: float
    ) -> None:
        """One update was made; `mean_loss` is that of the epoch so far, `more` what else is kept of it."""
        self._write(update=update, epoch=epoch, loss=loss, learning_rate=rate, gradient_norm=gradient_norm, **more)
        if self._table.shown:
            left = (time.monotonic() - self._start) / (update - self._first) * (self._updates - update)
            self._table.show_last(self._row(epoch, update, mean_loss, rate) | {"left": f"{left / 60:.1f}"})

    def epoch(self, epoch: int, update: int, mean_loss: float, validation: float, figure: str, rate: float) -> None:
        """An epoch ended; `figure` is the one number of the model's that matters."""
        self._write(update=update, epoch=epoch, mean_loss=mean_loss, validation_loss=validation, figure=figure)
        self._table.add(
            self._row(epoch, update, mean_loss, rate) | {"validation": f"{validation:.5f}", "figure": figure}
        )
        if not self._table.shown:
            log.info(
                "epoch %d: loss %.5f, validation %.5f, %s, %.1f min",
                *(epoch, mean_loss, validation, figure, self.seconds / 60),
            )

    def _row(self, epoch: int, update: int, mean_loss: float, rate: float) -> dict[str, str]:
        return {
            "epoch": str(epoch),
            "update": f"{update} / {self._updates}",
            "loss": f"{mean_loss:.5f}",
            "rate": f"{rate:.2e}",
            "minutes": f"{self.seconds / 60:.1f}",
        }

    def _write(self, **entry: Any) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(entry | {"seconds": round(self.seconds, 2)}) + "\n")
            self._file.flush()
        except OSError as error:
            raise DataError(f"{self._file.name}: cannot be written: {error.strerror}") from None


def _lines_until(path: Path, update: int) -> list[str]:
    """The whole lines of a journal that belong to the first `update` updates."""
    if not update or not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("}\n")]
    return [line for line in whole if json.loads(line)["update"] <= update]
