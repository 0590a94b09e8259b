"""What a network is shown: fields of universes or differences of two, kept in memory in half precision if they fit."""

from typing import Protocol

import numpy as np
import torch

from lss.errors import DataError
from lss.nets.checkpoint import Card
from lss_train.data.universes import TrainingSet

Example = tuple[int, ...]  # a universe, or two of them: the difference of the first and the second


class UNetModel(Protocol):
    """What a U-Net is shown and how it is judged: all that one model has to say to the training they share."""

    inputs: int  # channels of the network
    symmetries: tuple[int, ...]  # of lss.nets.symmetries, through which examples are seen

    def examples(self, families: list[np.ndarray]) -> list[Example]:
        """The examples that these families of universes give."""

    def fields(self, i: int, first: int) -> np.ndarray:
        """(inputs + 1, n, n, n) float32: what the network is given of universe i, and what it is asked for.

        first : the first universe of the example
        """

    def card(self) -> Card:
        """How the fields are made, for the checkpoint."""

    def figures(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> Card:
        """How good estimates are: of (target, estimate), each (n, n, n), over the validation examples."""

    def headline(self, figures: Card) -> str:
        """The one of these figures to watch, for the journal."""


class Examples:
    """Examples by number, each made once if there is memory for all.

    Half precision rounds by 0.05%, far below the noise of the fields; it is applied whether they are kept or not, so
    that results do not depend on the memory there is.
    """

    def __init__(self, model: UNetModel, examples: list[Example], n: int, cache_bytes: float) -> None:
        self._model = model
        painted = {(i, example[0]) for example in examples for i in example}
        self.bytes = planned_bytes(len(painted), model.inputs, n)
        self.kept = self.bytes <= cache_bytes
        self._fields: dict[tuple[int, int], torch.Tensor] = {}

    def _of_universe(self, i: int, first: int) -> torch.Tensor:
        if (i, first) in self._fields:
            return self._fields[i, first]
        fields = torch.from_numpy(self._model.fields(i, first).astype(np.float16))
        if self.kept:
            self._fields[i, first] = fields
        return fields

    def __getitem__(self, example: Example) -> torch.Tensor:
        """(inputs + 1, n, n, n) float32: the input's channels, then the target."""
        first, *other = (self._of_universe(i, example[0]).float() for i in example)
        return first - other[0] if other else first


def planned_bytes(painted: int, inputs: int, n: int) -> int:
    """The memory that the fields of all examples take, painted once for each universe and first of its pair."""
    return painted * (inputs + 1) * n**3 * np.dtype(np.float16).itemsize


def split(universes: TrainingSet, share: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Families to train on and families to validate on: the last ones, so that no x_a is in both.

    Raises DataError when there is only one family.
    """
    families = universes.families()
    if len(families) < 2:
        raise DataError("a single universe x_a cannot be split into training and validation")
    kept_back = min(max(1, round(share * len(families))), len(families) - 1)
    return families[:-kept_back], families[-kept_back:]
