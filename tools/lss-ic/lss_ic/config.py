"""The table [ic]."""

from typing import Literal, Self

from pydantic import model_validator

from lss.config import Configuration, FieldModel, quantity


class InitialConditions(FieldModel):
    """White noise and the particles, or the field, made from it. White noise that the input holds is used as it is."""

    seed: int = quantity(1, "of the white noise, together with the member's index", ge=0, lt=2**32)
    redshift: float = quantity(127.0, "of the particles", ge=0, le=9999)
    order: Literal[1, 2] = quantity(2, "of Lagrangian perturbation theory: 1 (Zel'dovich) or 2")
    partners: int = quantity(
        0,
        "perturbed partners of each universe (LULO Eq. 11): member a (1 + partners) + p is partner p of a",
        ge=0,
        le=10_000,
    )
    fixed: bool = quantity(False, "every mode has its expected amplitude, only phases are random")
    inverted: bool = quantity(False, "the opposite field: over- and underdensities change places")

    @model_validator(mode="after")
    def _fixed_amplitudes_do_not_mix(self) -> Self:
        if self.fixed and self.partners:
            raise ValueError("fixed = true and partners > 0 exclude each other: mixing two fields changes amplitudes")
        return self


class Config(Configuration):
    """What lss-ic reads."""

    ic: InitialConditions = quantity(InitialConditions(), "initial conditions")
