"""The learning rate of each update."""

import math
from dataclasses import dataclass

from lss_train.config import Train

PATIENCE = 3  # epochs
IMPROVEMENT = 0.999  # of the lowest loss, to count as one


@dataclass
class Plateau:
    """Halves the rate when the validation loss has not improved by 0.1% for more than three epochs (LULO)."""

    lowest: float = math.inf
    waited: int = 0
    factor: float = 1.0

    def observe(self, loss: float) -> None:
        """Take note of the validation loss of an epoch."""
        if loss < IMPROVEMENT * self.lowest:
            self.lowest, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited > PATIENCE:
            self.factor, self.waited = self.factor / 2, 0


def learning_rate(update: int, updates: int, settings: Train, plateau: Plateau) -> float:
    """The rate of update `update` (from 0) of `updates`: a linear rise, then a cosine to zero or the plateau's."""
    rise = min(1.0, (update + 1) / settings.warm_up) if settings.warm_up else 1.0
    if settings.schedule == "cosine":
        return settings.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * update / updates))
    return settings.learning_rate * rise * plateau.factor
