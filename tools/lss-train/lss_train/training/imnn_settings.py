"""[train.imnn]: the keys of model = "imnn", which its loop reads too."""

from typing import Literal

from pydantic import model_validator

from lss.config import Table, quantity


class Settings(Table):
    """[train.imnn]: the network of `model = "imnn"` and the simulations that it is trained on."""

    bands: int = quantity(16, "bands of |k|, whose powers of the field are features", ge=2, le=256)
    channels: int = quantity(8, "filters of each convolution", ge=1, le=1024)
    levels: int = quantity(4, "convolutions, each of which halves the grid", ge=1, le=10)
    hidden: int = quantity(32, "width of the perceptron that follows the features", ge=1, le=4096)
    derivatives: Literal["exact", "differences"] = quantity(
        "exact", 'by automatic differentiation, or "differences" of pairs of one noise, as always for stored universes'
    )
    simulations: int = quantity(100, "simulations at the fiducial in each update", ge=10)
    distinct: int = quantity(0, "number of different simulations in training; 0: new ones at every update", ge=0)
    first_weights: int = quantity(2000, "simulations from which the initial weights are measured", ge=100)
    updates: int = quantity(300, "maximum number of updates", ge=0)
    every: int = quantity(50, "updates between validations", ge=1)
    validation: int = quantity(1000, "simulations for choosing the best weights", ge=10)
    patience: int = quantity(3, "training ends after this many validations without improvement", ge=1)
    figures: int = quantity(4000, "simulations for the Fisher matrix of the card, not used before", ge=10)
    strength: float = quantity(10.0, "lambda, the strength with which the covariance is pulled to the identity", gt=1)
    closeness: float = quantity(0.1, "epsilon, the distance from the identity where the pull fades", gt=0, lt=1)
    rounds: int = quantity(5, "maximum number of fiducials, with initial weights only, to follow --observed", ge=1)
    tolerance: float = quantity(
        0.5, "stop following the observation once the estimate is within this many sigma of the fiducial", gt=0
    )

    @model_validator(mode="after")
    def _pull_grows_with_the_distance(self) -> "Settings":
        limit = 1 + 1 / self.closeness - self.closeness / (1 + self.closeness)  # where alpha of fisher_loss is zero
        if self.strength >= limit:
            raise ValueError(
                f"strength = {self.strength:g} turns the pull off; with closeness = {self.closeness:g} it must be below"
                f" {limit:.4g}"
            )
        return self
