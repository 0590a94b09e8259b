"""What a network is shown: fields of universes or differences of two, kept in memory in half precision if they fit."""

from typing import Protocol

import numpy as np
import torch

from lss.errors import DataError
from lss.nets.checkpoint import Card
from lss_train.universes import TrainingSet

Example = tuple[int, ...]  # a universe, or two of them: the difference of the first and the second


class Model(Protocol):
    """What sets one kind of network apart from another."""

    inputs: int  # channels of the network

    def examples(self, families: list[np.ndarray]) -> list[Example]:
        """The examples that these families of universes give."""

    def fields(self, i: int) -> np.ndarray:
        """(inputs + 1, n, n, n) float32: what the network is given of universe i, and what it is asked for."""

    def card(self) -> Card:
        """How the fields are made, for the checkpoint."""

    def figures(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> Card:
        """How good estimates are: of (target, estimate), each (n, n, n), over the validation examples."""


class Examples:
    """Examples by number, each made once if there is memory for all.

    Half precision rounds by 0.05%, far below the noise of the fields; it is applied whether they are kept or not, so
    that results do not depend on the memory there is.
    """

    def __init__(self, model: Model, universes: TrainingSet, cache_bytes: float) -> None:
        self._model = model
        self.bytes = planned_bytes(len(universes), model.inputs, universes.box.n)
        self.kept = self.bytes <= cache_bytes
        self._fields: dict[int, torch.Tensor] = {}

    def _of_universe(self, i: int) -> torch.Tensor:
        if i in self._fields:
            return self._fields[i]
        fields = torch.from_numpy(self._model.fields(i).astype(np.float16))
        if self.kept:
            self._fields[i] = fields
        return fields

    def __getitem__(self, example: Example) -> torch.Tensor:
        """(inputs + 1, n, n, n) float32: the input's channels, then the target."""
        first, *other = (self._of_universe(i).float() for i in example)
        return first - other[0] if other else first


def planned_bytes(universes: int, inputs: int, n: int) -> int:
    """The memory that all examples take."""
    return universes * (inputs + 1) * n**3 * np.dtype(np.float16).itemsize


def split(universes: TrainingSet, share: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Families to train on and families to validate on: the last ones, so that no x_a is in both.

    Raises DataError when there is only one family.
    """
    families = universes.families()
    if len(families) < 2:
        raise DataError("a single universe x_a cannot be split into training and validation")
    kept_back = min(max(1, round(share * len(families))), len(families) - 1)
    return families[:-kept_back], families[-kept_back:]
