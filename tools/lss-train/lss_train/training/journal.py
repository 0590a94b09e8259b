"""What is seen of a training: a JSON line per update and epoch on disk, a live table on a terminal."""

import json
import logging
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from lss.errors import DataError
from lss.process import progress

log = logging.getLogger("lss.train")

_COLUMNS = ("epoch", "update", "loss", "validation", "figure", "rate", "minutes", "left")


class Journal:
    """Use as a context; `path` None keeps nothing on disk.

    Lines of updates after `update` are dropped from a file that is there: a resumed run makes them again.
    """

    def __init__(self, path: Path | None, update: int, updates: int, seconds: float) -> None:
        self._updates, self._first, self._before, self._start = updates, update, seconds, time.monotonic()
        self._rows: list[dict[str, str]] = []
        self._file = None
        if path is not None:
            kept = _lines_until(path, update)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")
            self._file.writelines(kept)
        self._live: Any = None

    def __enter__(self) -> "Journal":
        if progress.enabled():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=2)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    @property
    def seconds(self) -> float:
        """Wall time of the training so far, earlier runs included."""
        return self._before + time.monotonic() - self._start

    def update(self, epoch: int, update: int, loss: float, mean_loss: float, rate: float, gradient_norm: float) -> None:
        """One update was made; `mean_loss` is that of the epoch so far."""
        self._write(update=update, epoch=epoch, loss=loss, learning_rate=rate, gradient_norm=gradient_norm)
        if self._live is not None:
            left = (time.monotonic() - self._start) / (update - self._first) * (self._updates - update)
            now = self._row(epoch, update, mean_loss, rate) | {"left": f"{left / 60:.1f}"}
            self._live.update(_table([*self._rows, now]))

    def epoch(self, epoch: int, update: int, mean_loss: float, validation: float, figure: str, rate: float) -> None:
        """An epoch ended; `figure` is the one number of the model's that matters."""
        self._write(update=update, epoch=epoch, mean_loss=mean_loss, validation_loss=validation, figure=figure)
        self._rows.append(
            self._row(epoch, update, mean_loss, rate) | {"validation": f"{validation:.5f}", "figure": figure}
        )
        if self._live is not None:
            self._live.update(_table(self._rows))
        else:
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


def _table(rows: list[dict[str, str]]) -> Any:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(row.get(name, "") for name in _COLUMNS))
    return table
